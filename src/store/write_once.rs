//! Bytes that are created once.

use std::io;
use std::path::PathBuf;

use crate::fs::{small_file, write_new};

/// A few bytes that the first process that needs them creates for all.
#[derive(Clone, Debug)]
pub struct WriteOnce(PathBuf);

impl WriteOnce {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns the bytes. If there are none, `make` gives them; of several processes, one creates them.
    pub fn get_or_make(&self, make: impl FnOnce() -> String) -> io::Result<Vec<u8>> {
        if !self.0.try_exists()? {
            match write_new(&self.0, make().as_bytes()) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        small_file::read(&self.0)
    }
}
