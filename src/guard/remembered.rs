//! The read-only servers, also those that were lost with their file.

use std::sync::Mutex;

use super::Guard;
use crate::error::Error;
use crate::store::servers::Server;
use crate::sync::lock;

/// The read-only servers that this process has known.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Those that the file had when it was last looked at.
    last: Vec<(String, Server)>,
    /// Those that were lost with it.
    lost: Vec<(String, Server)>,
}

impl Guard {
    /// Takes note of the read-only servers that there are now. What cannot be read is said when it is needed.
    pub fn remember_read_only(&self) {
        let _ = self.read_only();
    }

    /// The servers that are only to be read. A file that is emptied, broken or taken away while this
    /// process runs makes none of them writable.
    pub(super) fn read_only(&self) -> Result<Vec<(String, Server)>, Error> {
        let is_read_only = |server: &Server| server.readonly == Some(true);
        let mut found = self.servers.matching(is_read_only)?;
        let mut known = lock(&self.remembered.0);
        let Known { last, lost } = &mut *known;
        if !self.servers.is_there() {
            lost.append(last);
        }
        for (name, server) in std::mem::take(lost) {
            // What a person has written again is what holds.
            if !self.servers.has(&name)? {
                lost.push((name, server));
            }
        }
        last.clone_from(&found);
        found.extend(lost.iter().cloned());
        Ok(found)
    }
}
