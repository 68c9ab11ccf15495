//! Processes in which a person watches the tasks. While there is one, changes are written at once.

use crate::error::Error;
use crate::store::{DataDirectory, Flag, Flags, ProcessLock};

/// The name of the flags.
const NAME: &str = "watchers";

/// Shows that a person watches, until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    _flag: Flag,
    lock: ProcessLock,
}

/// Those that watch a data directory.
#[derive(Debug)]
pub(super) struct Watchers {
    data: DataDirectory,
    flags: Flags,
}

impl Watcher {
    /// Begins to watch.
    pub fn begin(data: &DataDirectory) -> Result<Self, Error> {
        let lock = ProcessLock::claim(data)?;
        let flag = data.flags(NAME)?.raise(lock.id())?;
        Ok(Self { _flag: flag, lock })
    }

    /// Returns whether there is another process that serves the data directory, or watches it.
    pub fn has_company(&self) -> bool {
        self.lock.has_company()
    }
}

impl Watchers {
    pub(super) fn open(data: &DataDirectory) -> Result<Self, Error> {
        Ok(Self {
            flags: data.flags(NAME)?,
            data: data.clone(),
        })
    }

    /// Shows that the process `owner` watches, until the flag is dropped.
    pub(super) fn raise(&self, owner: &str) -> Result<Flag, Error> {
        self.flags.raise(owner)
    }

    /// Returns whether somebody watches. Flags of processes that were killed are taken down. Blocks.
    pub(super) fn are_there(&self) -> bool {
        let (living, dead): (Vec<_>, Vec<_>) = self
            .flags
            .raised()
            .into_iter()
            .partition(|name| ProcessLock::lives(&self.data, name));
        for name in dead {
            self.flags.lower(&name);
        }
        !living.is_empty()
    }
}
