//! An entry by its name in an open directory.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::Metadata;

/// Flags that open a directory on the way to an entry.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STEP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEP: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Returns whether a directory or one below it has the file of this device and inode.
fn holds(directory: &Path, file: (u64, u64)) -> io::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let found = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => holds(&entry.path(), file)?,
            Ok(metadata) => (metadata.dev(), metadata.ino()) == file,
            // Removed meanwhile.
            Err(_) => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An entry by its name in an open directory.
#[derive(Debug)]
pub(crate) struct LocalEntry {
    /// The directory that holds it; `None` for a path that may lead anywhere.
    directory: Option<OwnedFd>,
    /// Its name there, or its path.
    name: PathBuf,
    /// True if a symbolic link of that name is followed.
    follows: bool,
    /// The directory whose files it must not be.
    closed: Option<Arc<Path>>,
}

impl LocalEntry {
    /// The entry at a path that may lead anywhere.
    pub(crate) fn anywhere(path: &Path, follows: bool) -> Self {
        Self {
            directory: None,
            name: path.to_owned(),
            follows,
            closed: None,
        }
    }

    /// The same entry, unless it is a file of this directory by another name.
    pub(crate) fn closed_to(self, closed: Option<Arc<Path>>) -> Self {
        Self { closed, ..self }
    }

    /// The entry at `below` in a directory. No symbolic link on the way is followed.
    pub(crate) fn beneath(root: &Path, below: &Path) -> Result<Self> {
        let mut directory = step(CWD, root)?;
        let mut names = below.iter().peekable();
        let mut name = PathBuf::from(".");
        while let Some(next) = names.next() {
            if names.peek().is_some() {
                directory = step(directory.as_fd(), Path::new(next))?;
            } else {
                name = next.into();
            }
        }
        Ok(Self {
            directory: Some(directory),
            name,
            follows: false,
            closed: None,
        })
    }

    fn at(&self) -> BorrowedFd<'_> {
        self.directory.as_ref().map_or(CWD, AsFd::as_fd)
    }

    fn open(&self, flags: OFlags) -> Result<File> {
        let link = if self.follows {
            OFlags::empty()
        } else {
            OFlags::NOFOLLOW
        };
        let flags = flags | link | OFlags::CLOEXEC | OFlags::NOCTTY;
        let opened = retry_on_intr(|| {
            rustix::fs::openat(self.at(), &self.name, flags, Mode::RUSR | Mode::WUSR)
        });
        match opened {
            Err(Errno::LOOP) if !self.follows => Err(SftpError::PermissionDenied(
                "has become a symbolic link, which is not followed".to_owned(),
            )),
            opened => Ok(opened?.into()),
        }
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_read(&self) -> Result<File> {
        // Opening a pipe would block.
        let file = super::regular(self.open(OFlags::RDONLY | OFlags::NONBLOCK)?)?;
        self.open_to_all(file)
    }

    /// Refuses a hard link to a file of the closed directory.
    fn open_to_all(&self, file: File) -> Result<File> {
        let metadata = file.metadata()?;
        if let Some(closed) = &self.closed
            && metadata.nlink() > 1
            && holds(closed, (metadata.dev(), metadata.ino()))?
        {
            return Err(SftpError::PermissionDenied(
                "is one of this program's own files, by another name".to_owned(),
            ));
        }
        Ok(file)
    }

    /// Opens a directory.
    pub(crate) fn open_directory(&self) -> Result<File> {
        self.open(OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Opens a regular file for writing.
    pub(crate) fn open_write(&self) -> Result<File> {
        let file = super::regular(self.open(OFlags::WRONLY | OFlags::NONBLOCK)?)?;
        self.open_to_all(file)
    }

    /// Creates a file that does not exist.
    pub(crate) fn create_new(&self) -> Result<File> {
        self.open(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
    }

    pub(crate) fn std_metadata(&self) -> io::Result<fs::Metadata> {
        match &self.directory {
            Some(directory) => metadata_of(directory.as_fd(), &self.name),
            None if self.follows => fs::metadata(&self.name),
            None => fs::symlink_metadata(&self.name),
        }
    }

    /// Lists a directory; symbolic links are not followed.
    pub(crate) fn read_dir(&self, limit: &EntryLimit) -> Result<Vec<(PathBuf, Metadata)>> {
        if self.directory.is_none() {
            return super::read_dir_by_path(&self.name, limit);
        }
        let directory = self.open_directory()?;
        let mut found = Vec::new();
        for entry in Dir::read_from(&directory)? {
            let name = entry?.file_name().to_bytes().to_vec();
            let name = PathBuf::from(OsString::from_vec(name));
            if matches!(name.as_os_str().as_bytes(), b"." | b"..") {
                continue;
            }
            limit.take_entry()?;
            limit.take_path(name.as_os_str().len())?;
            match metadata_of(directory.as_fd(), &name) {
                Ok(metadata) => found.push((name, Metadata::from(&metadata))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// Creates a directory.
    pub(crate) fn create_dir(&self) -> Result<()> {
        let mode = Mode::RWXU | Mode::RWXG | Mode::RWXO;
        Ok(rustix::fs::mkdirat(self.at(), &self.name, mode)?)
    }

    /// The target of a symbolic link.
    pub(crate) fn read_link(&self) -> Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(self.at(), &self.name, Vec::new())?.into_bytes())
    }

    /// Creates a symbolic link to `target`.
    pub(crate) fn symlink(&self, target: &Path) -> Result<()> {
        Ok(rustix::fs::symlinkat(target, self.at(), &self.name)?)
    }

    /// Renames it over another entry.
    pub(crate) fn rename_over(&self, to: &Self) -> Result<()> {
        Ok(rustix::fs::renameat(
            self.at(),
            &self.name,
            to.at(),
            &to.name,
        )?)
    }

    /// Removes a file.
    pub(crate) fn remove(&self) -> Result<()> {
        Ok(rustix::fs::unlinkat(
            self.at(),
            &self.name,
            AtFlags::empty(),
        )?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_dir(&self) -> Result<()> {
        let flags = AtFlags::REMOVEDIR;
        Ok(rustix::fs::unlinkat(self.at(), &self.name, flags)?)
    }
}

fn step(from: BorrowedFd<'_>, name: &Path) -> Result<OwnedFd> {
    let flags = STEP | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| {
        rustix::fs::openat(from, name, flags, Mode::empty())
    })?)
}

/// Metadata of an entry in an open directory; a symbolic link is not followed.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn metadata_of(directory: BorrowedFd<'_>, name: &Path) -> io::Result<fs::Metadata> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    File::from(rustix::fs::openat(directory, name, flags, Mode::empty())?).metadata()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn metadata_of(directory: BorrowedFd<'_>, name: &Path) -> io::Result<fs::Metadata> {
    let directory = rustix::fs::getpath(directory)?.into_bytes();
    fs::symlink_metadata(PathBuf::from(OsString::from_vec(directory)).join(name))
}
