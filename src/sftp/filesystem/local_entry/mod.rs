//! An entry on this machine, reached through the directory that holds it, so that a symbolic link made
//! meanwhile leads nowhere else.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::{FileType, Metadata};

#[cfg(unix)]
mod by_handle;
#[cfg(not(unix))]
mod by_name;

#[cfg(unix)]
pub(crate) use by_handle::LocalEntry;
#[cfg(not(unix))]
pub(crate) use by_name::LocalEntry;

impl LocalEntry {
    /// Its metadata; `None` if it does not exist.
    pub(crate) fn metadata(&self) -> Result<Option<Metadata>> {
        match self.std_metadata() {
            Ok(metadata) => Ok(Some(Metadata::from(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates a file that only its owner may access. Replaces a leftover of that name; a symbolic link
    /// is not followed.
    pub(crate) fn create(&self) -> Result<File> {
        match self.create_new() {
            Err(SftpError::AlreadyExists(_)) => {
                self.remove()?;
                self.create_new()
            }
            created => created,
        }
    }
}

/// Refuses anything but a regular file: a device would act, and reading might never end.
fn regular(file: File) -> Result<File> {
    match Metadata::from(&file.metadata()?).file_type {
        FileType::File => Ok(file),
        kind => {
            let what = kind.special().unwrap_or("a directory");
            Err(SftpError::failure(format!("is {what}, not a file")))
        }
    }
}

/// Lists a directory by its path; symbolic links are not followed.
fn read_dir_by_path(path: &Path, limit: &EntryLimit) -> Result<Vec<(PathBuf, Metadata)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        limit.take_entry()?;
        limit.take_path(entry.file_name().len())?;
        match entry.metadata() {
            Ok(metadata) => found.push((entry.file_name().into(), Metadata::from(&metadata))),
            // Removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}
