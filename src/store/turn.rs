//! Turns: work that one process of a data directory does at a time, and the others leave to it.

use std::fs::File;
use std::path::Path;

use crate::error::Error;
use crate::fs::try_lock;

/// A turn. It ends when dropped, and with the process.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "it is held")] File);

impl Turn {
    /// Takes the turn of the file at `path`; `None` if another process has it.
    pub(super) fn take(path: &Path) -> Result<Option<Self>, Error> {
        let taken = try_lock(path).map_err(|error| Error::storage(path, "lock", error))?;
        Ok(taken.map(Self))
    }
}
