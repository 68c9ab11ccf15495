//! Names that the processes on a data directory show each other: an empty file for each.

use std::path::PathBuf;

use crate::error::Error;

/// A set of names, shared by the processes of a data directory.
#[derive(Debug)]
pub struct Flags {
    directory: PathBuf,
}

/// A name that is shown until this is dropped.
#[derive(Debug)]
pub struct Flag(PathBuf);

impl Flags {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Shows a name, which has to be a file name.
    pub fn raise(&self, name: &str) -> Result<Flag, Error> {
        let path = self.directory.join(name);
        std::fs::write(&path, b"").map_err(|error| Error::storage(&path, "write", error))?;
        Ok(Flag(path))
    }

    /// Ends the showing of a name whose process could not end it.
    pub fn lower(&self, name: &str) {
        drop(Flag(self.directory.join(name)));
    }

    /// The names that are shown, by whichever process.
    pub fn raised(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten();
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().into_string());
        names.filter_map(Result::ok).collect()
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
