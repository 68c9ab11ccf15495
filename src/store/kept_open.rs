//! Files that stay open from one use to the next.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use crate::fs::{lock_exclusively, lock_file, private};

/// A file that stays open for as long as its path leads to it.
///
/// To see whether it still does takes one system call; opening and closing a file anew takes three slower ones.
#[derive(Debug, Default)]
pub(super) struct KeptOpen(Option<OpenedFile>);

#[derive(Debug)]
struct OpenedFile {
    file: File,
    identity: Option<FileIdentity>,
}

/// Device and inode. Systems without them have every file opened anew.
type FileIdentity = (u64, u64);

impl KeptOpen {
    /// Opens the regular file at `path` for reading and writing, and returns it with its length. A missing
    /// one is made.
    pub(super) fn open_or_create(&mut self, path: &Path) -> io::Result<(&File, u64)> {
        let length = match self.length_at(path)? {
            Some(length) => length,
            None => self.open(path, true)?,
        };
        Ok((self.file()?, length))
    }

    /// The same for a file that may be missing.
    pub(super) fn open_existing(&mut self, path: &Path) -> io::Result<Option<(&File, u64)>> {
        let length = match self.length_at(path)? {
            Some(length) => length,
            None if regular(path)?.is_none() => return Ok(None),
            None => self.open(path, false)?,
        };
        Ok(Some((self.file()?, length)))
    }

    /// Locks the regular file at `path`, which is made where there is none, until [`Self::unlock`].
    pub(super) fn lock(&mut self, path: &Path) -> io::Result<()> {
        if let Some(open) = &self.0 {
            lock_file(&open.file)?;
            if self.length_at(path)?.is_some() {
                return Ok(());
            }
        }
        self.0 = None;
        regular(path)?;
        self.0 = Some(OpenedFile::new(lock_exclusively(path)?)?);
        Ok(())
    }

    /// Releases the lock. Where that fails, closing the file does it.
    pub(super) fn unlock(&mut self) {
        if self
            .0
            .as_ref()
            .is_some_and(|open| open.file.unlock().is_err())
        {
            self.0 = None;
        }
    }

    /// The file that was opened last.
    pub(super) fn file(&self) -> io::Result<&File> {
        let open = self.0.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(&open.file)
    }

    /// The length of the open file, if the path leads to it.
    fn length_at(&self, path: &Path) -> io::Result<Option<u64>> {
        let Some(identity) = self.0.as_ref().and_then(|open| open.identity) else {
            return Ok(None);
        };
        let found = regular(path)?.filter(|found| identity_of(found) == Some(identity));
        Ok(found.map(|found| found.len()))
    }

    fn open(&mut self, path: &Path, creates: bool) -> io::Result<u64> {
        regular(path)?;
        // Not for appending: on Windows such a file cannot be cut back.
        let mut options = OpenOptions::new();
        options
            .create(creates)
            .truncate(false)
            .read(true)
            .write(true);
        let open = OpenedFile::new(private(&mut options).open(path)?)?;
        let length = open.file.metadata()?.len();
        self.0 = Some(open);
        Ok(length)
    }
}

impl OpenedFile {
    fn new(file: File) -> io::Result<Self> {
        let identity = identity_of(&file.metadata()?);
        Ok(Self { file, identity })
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
fn identity_of(metadata: &Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity_of(_: &Metadata) -> Option<FileIdentity> {
    None
}

/// Returns the metadata of the regular file at `path`, if there is one. Anything else, such as a device, is
/// an error.
pub(super) fn regular(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Err(io::Error::other("it is no regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    fn text(kept: &mut KeptOpen, path: &Path) -> Option<String> {
        let (mut file, length) = kept.open_existing(path).unwrap()?;
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(length, text.len() as u64);
        Some(text)
    }

    #[test]
    fn a_file_that_was_replaced_is_opened_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("a"), directory.path().join("b"));
        let mut kept = KeptOpen::default();
        assert_eq!(text(&mut kept, &path), None);
        let (mut file, length) = kept.open_or_create(&path).unwrap();
        assert_eq!(length, 0);
        file.write_all(b"first").unwrap();
        assert_eq!(text(&mut kept, &path).as_deref(), Some("first"));
        fs::write(&other, "second").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(text(&mut kept, &path).as_deref(), Some("second"));
        fs::remove_file(&path).unwrap();
        assert_eq!(text(&mut kept, &path), None);
        fs::create_dir(&path).unwrap();
        assert!(kept.open_or_create(&path).is_err());
    }

    #[test]
    fn a_lock_is_that_of_the_file_at_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let is_locked = || File::open(&path).unwrap().try_lock().is_err();
        let mut kept = KeptOpen::default();
        for _ in 0..2 {
            kept.lock(&path).unwrap();
            assert!(is_locked());
            kept.unlock();
            assert!(!is_locked());
        }
        fs::remove_file(&path).unwrap();
        kept.lock(&path).unwrap();
        assert!(is_locked());
    }
}
