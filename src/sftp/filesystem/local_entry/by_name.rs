//! An entry by its path, where the standard library offers no handles of directories.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::path::bytes_of;

/// An entry by its path.
#[derive(Debug)]
pub(crate) struct LocalEntry {
    path: PathBuf,
    follows: bool,
}

impl LocalEntry {
    /// The entry at a path that may lead anywhere.
    pub(crate) fn anywhere(path: &Path, follows: bool) -> Self {
        Self {
            path: path.to_owned(),
            follows,
        }
    }

    /// The same entry: hard links are not looked for here.
    pub(crate) fn closed_to(self, _: Option<Arc<Path>>) -> Self {
        self
    }

    /// The entry at `below` in a directory. Refuses a symbolic link on the way, as far as one look can
    /// tell.
    pub(crate) fn beneath(root: &Path, below: &Path) -> Result<Self> {
        let path = root.join(below);
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
            && parent.starts_with(root)
            && parent.canonicalize()?.join(name) != path
        {
            return Err(SftpError::PermissionDenied(
                "a symbolic link is in the way, which is not followed".to_owned(),
            ));
        }
        Ok(Self {
            path,
            follows: false,
        })
    }

    fn checked(&self) -> Result<&Path> {
        if !self.follows && self.path.is_symlink() {
            return Err(SftpError::PermissionDenied(
                "has become a symbolic link, which is not followed".to_owned(),
            ));
        }
        Ok(&self.path)
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_read(&self) -> Result<File> {
        super::regular(File::open(self.checked()?)?)
    }

    /// Opens a directory.
    pub(crate) fn open_directory(&self) -> Result<File> {
        Ok(File::open(self.checked()?)?)
    }

    /// Opens a regular file for writing.
    pub(crate) fn open_write(&self) -> Result<File> {
        super::regular(OpenOptions::new().write(true).open(self.checked()?)?)
    }

    /// Creates a file that does not exist.
    pub(crate) fn create_new(&self) -> Result<File> {
        let mut options = OpenOptions::new();
        Ok(options.write(true).create_new(true).open(&self.path)?)
    }

    pub(crate) fn std_metadata(&self) -> io::Result<fs::Metadata> {
        if self.follows {
            fs::metadata(&self.path)
        } else {
            fs::symlink_metadata(&self.path)
        }
    }

    /// Lists a directory; symbolic links are not followed.
    pub(crate) fn read_dir(&self, limit: &EntryLimit) -> Result<Vec<(PathBuf, Metadata)>> {
        super::read_dir_by_path(self.checked()?, limit)
    }

    /// Creates a directory.
    pub(crate) fn create_dir(&self) -> Result<()> {
        Ok(fs::create_dir(&self.path)?)
    }

    /// The target of a symbolic link.
    pub(crate) fn read_link(&self) -> Result<Vec<u8>> {
        let target = fs::read_link(&self.path)?;
        Ok(bytes_of(target.as_os_str()).into_owned())
    }

    /// Creates a symbolic link to `target`.
    pub(crate) fn symlink(&self, _: &Path) -> Result<()> {
        Err(SftpError::failure(
            "is a symbolic link, which this system does not keep",
        ))
    }

    /// Renames it over another entry.
    pub(crate) fn rename_over(&self, to: &Self) -> Result<()> {
        Ok(fs::rename(&self.path, &to.path)?)
    }

    /// Removes a file.
    pub(crate) fn remove(&self) -> Result<()> {
        Ok(fs::remove_file(&self.path)?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_dir(&self) -> Result<()> {
        Ok(fs::remove_dir(&self.path)?)
    }
}
