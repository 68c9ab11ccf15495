//! The read-only servers, including those that were lost with their file.

use std::sync::Mutex;

use super::Guard;
use crate::error::Error;
use crate::store::CatalogueView;
use crate::store::servers::Server;
use crate::sync::lock;

/// The read-only servers that this process has known.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<ReadOnlyServers>);

#[derive(Debug, Default)]
struct ReadOnlyServers {
    /// The ones in the file at the last look.
    last: Vec<(String, Server)>,
    /// The ones that were lost with the file.
    lost: Vec<(String, Server)>,
}

impl Guard {
    /// Remembers the read-only servers of now. An error is reported when they are needed.
    pub fn remember_read_only(&self) {
        let _ = self.read_only();
    }

    /// The read-only servers. Emptying, breaking or removing the file while this process runs makes none
    /// of them writable.
    pub(super) fn read_only(&self) -> Result<Vec<(String, Server)>, Error> {
        Ok(self.read_only_in(&self.servers.view()?))
    }

    /// The read-only servers, by a look at the file.
    pub(super) fn read_only_in(
        &self,
        servers: &CatalogueView<'_, Server>,
    ) -> Vec<(String, Server)> {
        let mut found = servers.matching(|server| server.readonly == Some(true));
        let mut known = lock(&self.remembered.0);
        let ReadOnlyServers { last, lost } = &mut *known;
        let is_found = |(name, _): &(String, Server)| found.iter().any(|(other, _)| other == name);
        if !last.iter().all(is_found) && !self.servers.is_there() {
            lost.append(last);
        }
        for (name, server) in std::mem::take(lost) {
            // An entry that a person has written again replaces the lost one.
            if !servers.has(&name) {
                lost.push((name, server));
            }
        }
        last.clone_from(&found);
        found.extend(lost.iter().cloned());
        found
    }
}
