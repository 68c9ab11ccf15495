//! The data directory.

use std::path::{Path, PathBuf};

use super::notices::{DataNotices, SET_ASIDE};
use super::{
    Backups, Blobs, Document, Flags, FoundFacts, Log, Overflow, TemporaryFiles, TextDocument, Turn,
    Versions, WriteOnce,
};
use crate::error::Error;
use crate::fs::make_private;
use crate::secret::Vault;

/// The data directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DataDirectory {
    path: PathBuf,
    notices: DataNotices,
}

impl DataDirectory {
    /// Opens the directory, and creates it if it is missing.
    pub fn open(path: &Path) -> Result<Self, Error> {
        prepare(path)?;
        Ok(Self::existing(path))
    }

    /// The directory for reading only: it is not created.
    pub fn existing(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            notices: DataNotices::default(),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A document in it.
    pub fn document(&self, name: &str) -> Document {
        Document::new(self.path.join(name), self.notices.clone())
    }

    /// A text document in the format of other programs, of which at most `longest` bytes are read.
    pub fn text_document(&self, name: &str, longest: usize) -> TextDocument {
        TextDocument::new(self.path.join(name), longest)
    }

    /// A log of lines.
    pub fn log(&self, name: &'static str) -> Log {
        Log::new(self.path.clone(), name)
    }

    /// A few bytes that are created once.
    pub fn write_once(&self, name: &str) -> WriteOnce {
        WriteOnce::new(self.path.join(name))
    }

    /// Backups of contents. Their directory is created with the first of them.
    pub fn backups(&self, name: &str) -> Backups {
        Backups::new(self.path.join(name))
    }

    /// Files that other parts of the program read for moments. Their directory is created with the first
    /// of them.
    pub fn temporary_files(&self, name: &str) -> TemporaryFiles {
        TemporaryFiles::new(self.path.join(name))
    }

    /// Old versions of contents. Their directory is created with the first of them.
    pub fn versions(&self, name: &str, vault: Vault) -> Versions {
        Versions::new(self.path.join(name), vault)
    }

    /// A set of streams of any length.
    pub fn blobs(&self, name: &str) -> Result<Blobs, Error> {
        Ok(Blobs::new(self.subdirectory(name)?))
    }

    /// A queue of bytes that waits on the disk.
    pub(crate) fn overflow(&self) -> Overflow {
        Overflow::new(self.path.clone())
    }

    /// The turn to do the work of this name; `None` while another process has it. Blocks for a moment.
    pub fn turn(&self, name: &str) -> Result<Option<Turn>, Error> {
        Turn::take(&self.path.join(name))
    }

    /// Facts of one sort. Their directory is created with the first of them.
    pub fn found_facts(&self, name: &str) -> FoundFacts {
        FoundFacts::new(self.path.join(name))
    }

    /// A set of names that its processes show each other.
    pub fn flags(&self, name: &str) -> Result<Flags, Error> {
        Ok(Flags::new(self.subdirectory(name)?))
    }

    /// A directory in it, created if it is missing.
    pub fn subdirectory(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        prepare(&path)?;
        Ok(path)
    }

    /// Adds a notice to the next answer to the user.
    pub fn add_notice(&self, notice: String) {
        self.notices.add(notice);
    }

    /// Takes the notices that the user has not been told yet.
    pub fn take_notices(&self) -> Vec<String> {
        self.notices.take()
    }

    /// The files that were found broken and set aside, by whichever process, and are still there.
    pub fn set_aside(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.contains(SET_ASIDE))
            .collect();
        names.sort();
        names
    }
}

fn prepare(path: &Path) -> Result<(), Error> {
    make_private(path).map_err(|error| Error::storage(path, "create", error))
}
