//! One entry of this machine, reached through the directory that holds it: no link that is made
//! meanwhile leads elsewhere.

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
    /// What is there; `None` if nothing is.
    pub(crate) fn metadata(&self) -> Result<Option<Metadata>> {
        match self.std_metadata() {
            Ok(metadata) => Ok(Some(Metadata::from(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a file that is its owner's alone. A leftover of that name is replaced; a symbolic link is
    /// not followed.
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

/// Refuses what is no regular file: a device would act, and reading might never end.
fn regular(file: File) -> Result<File> {
    match Metadata::from(&file.metadata()?).file_type {
        FileType::File => Ok(file),
        kind => {
            let what = kind.special().unwrap_or("a directory");
            Err(SftpError::failure(format!("is {what}, not a file")))
        }
    }
}

/// What a directory that is named by its path holds, links not followed.
fn read_dir_by_path(path: &Path, limit: &EntryLimit) -> Result<Vec<(PathBuf, Metadata)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        limit.take_entry()?;
        limit.take_path(entry.file_name().len())?;
        match entry.metadata() {
            Ok(metadata) => found.push((entry.file_name().into(), Metadata::from(&metadata))),
            // One that is gone by now is no entry any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}
