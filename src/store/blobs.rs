//! Streams of any length, each under a name: files of a directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::kept::{is_beside, remove};
use super::{Kept, Spool};
use crate::error::Error;

/// A set of streams. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    directory: PathBuf,
}

/// A stream, or the place for one. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob(PathBuf);

/// Metadata of a stream. The oldest sorts first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobInfo {
    /// Time of the last write.
    pub modified: SystemTime,
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
}

impl Blobs {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The stream of this name. Directories in the name are left out: they would lead elsewhere.
    pub fn blob(&self, name: &str) -> Blob {
        Blob(
            self.directory
                .join(Path::new(name).file_name().unwrap_or_default()),
        )
    }

    /// All streams, in no order.
    pub fn list(&self) -> Result<Vec<BlobInfo>, Error> {
        let entries = fs::read_dir(&self.directory)
            .map_err(|error| Error::storage(&self.directory, "tidy", error))?;
        let streams = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // Another process may have removed it meanwhile.
            let metadata = entry.metadata().ok()?;
            (!is_beside(&entry.path())).then(|| BlobInfo {
                modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                name,
                length: metadata.len(),
            })
        });
        Ok(streams.collect())
    }
}

impl Blob {
    /// Opens it for reading.
    pub fn open(&self) -> io::Result<Kept> {
        Kept::open(&self.0)
    }

    /// Writes at most `limit` bytes to it anew.
    pub fn create(self, limit: u64) -> Spool {
        Spool::new(self.0, limit)
    }

    /// Continues a stream of which an earlier process has written `length` bytes.
    pub fn resume(self, limit: u64, length: u64) -> Spool {
        Spool::resume(self.0, limit, length)
    }

    /// Removes it.
    pub fn remove(&self) -> io::Result<()> {
        remove(&self.0)
    }

    /// Its path, to be shown.
    pub fn location(&self) -> String {
        self.0.display().to_string()
    }

    /// A `STORAGE_ERROR` that names it.
    pub fn failure(&self, action: &'static str, error: &io::Error) -> Error {
        Error::storage(&self.0, action, error)
    }
}
