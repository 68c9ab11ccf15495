//! Backups of files that are written in place, kept in the data directory until the new content is whole.
//!
//! Each has a name made of the file's path and server, and consists of the content, a record, and a lock
//! that is held for as long as the file is being written. A record whose lock nobody holds was left by a
//! process that has ended, or by a lost connection.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fs::{make_private, private, write_durably};
use crate::hex::digits;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::free_space;
use crate::sftp::transfer::checksum::sum;
use crate::time::Timestamp;

/// Name of the backups' directory in the data directory.
const DIRECTORY: &str = "kept";

/// Longest time that a sweep holds a lock.
const SWEPT: Duration = Duration::from_millis(200);

/// Bytes that a backup leaves free on this machine's disk.
const RESERVE: u64 = 16 * 1024 * 1024;

/// A file that is written in place, and the transfer that writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupKey {
    /// The server; `None` for this machine.
    pub(crate) endpoint: Option<String>,
    pub(crate) path: String,
    /// The path's bytes, in hexadecimal digits.
    pub(crate) path_bytes: String,
    /// Source of the new content.
    pub(crate) source: String,
    /// Token of the transfer and its retries.
    pub(crate) transfer: String,
}

impl BackupKey {
    fn name(&self) -> String {
        let digest = Sha256::new()
            .chain_update(self.endpoint.as_deref().unwrap_or_default())
            .chain_update([0])
            .chain_update(&self.path_bytes)
            .finalize();
        digits(&digest[..10])
    }
}

/// Record of a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupRecord {
    #[serde(flatten)]
    pub(crate) key: BackupKey,
    pub(crate) kept_at: Timestamp,
    /// Length and SHA-256; `None` if there was no file.
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<String>,
    pub(crate) mode: Option<u32>,
    pub(crate) modified: Option<u32>,
}

/// The directory of backups.
#[derive(Clone, Debug)]
pub(crate) struct Backups {
    directory: PathBuf,
}

impl Backups {
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            directory: data.join(DIRECTORY),
        }
    }

    /// Returns whether there are no backups, so that none has to be looked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.records().next().is_none()
    }

    fn records(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
    }

    /// Backups that this transfer or an earlier try of it has left, with their paths.
    pub(crate) fn left_by(&self, transfer: &str) -> Vec<(BackupRecord, PathBuf)> {
        let left = self
            .records()
            .filter_map(|path| Some((read(&path).ok()??, path)));
        left.filter(|(record, _)| record.key.transfer == transfer)
            .map(|(record, path)| (record, path.with_extension("content")))
            .collect()
    }

    /// Removes contents without a record: incomplete, or not needed any more.
    pub(crate) fn sweep(&self) {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        for path in entries.map(|entry| entry.path()) {
            let is_lock = path
                .extension()
                .is_some_and(|extension| extension == "lock");
            if is_lock
                && let Ok(Some(lock)) = WriteLock::try_take(&path)
                && !path.with_extension("json").exists()
            {
                let _ = fs::remove_file(path.with_extension("content"));
                lock.end();
            }
        }
    }

    /// Begins a backup. One that is dropped before it is finished is swept later.
    pub(crate) fn begin(&self, key: BackupKey, length: u64) -> Result<NewBackup> {
        make_private(&self.directory).map_err(|error| {
            let directory = self.directory.display();
            let reason = format!("old contents cannot be kept in `{directory}`: {error}");
            SftpError::from(error).reworded(reason)
        })?;
        self.check_room(length)?;
        let path = self.directory.join(key.name());
        let lock = WriteLock::take(&path.with_extension("lock"))?;
        let content = path.with_extension("content");
        // A content without a record is useless.
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(true).read(true).write(true);
        let file = private(options).open(&content)?;
        Ok(NewBackup {
            path,
            key,
            file,
            lock,
        })
    }

    /// Finds the backup of a file and locks it.
    pub(crate) fn find(&self, key: &BackupKey) -> Result<Option<Backup>> {
        let path = self.directory.join(key.name());
        if !path.with_extension("json").exists() {
            return Ok(None);
        }
        let lock = WriteLock::take(&path.with_extension("lock"))?;
        Ok(read(&path.with_extension("json"))?.map(|record| Backup { record, path, lock }))
    }

    fn check_room(&self, length: u64) -> Result<()> {
        match free_space::of(&self.directory) {
            Some(room) if room < length.saturating_add(RESERVE) => {
                Err(SftpError::NoSpace(format!(
                    "its old content ({length} bytes) has to be kept in `{}` until the new is whole, where {room} bytes are free",
                    self.directory.display()
                )))
            }
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> io::Result<Option<BackupRecord>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A backup in the making.
#[derive(Debug)]
pub(crate) struct NewBackup {
    path: PathBuf,
    key: BackupKey,
    file: File,
    lock: WriteLock,
}

impl NewBackup {
    /// The file that the content goes into.
    pub(crate) fn file(&self) -> Result<File> {
        Ok(self.file.try_clone()?)
    }

    /// Finishes it once the content is written; only then may the file be overwritten. If there was no
    /// file, that is recorded.
    pub(crate) fn finish(
        mut self,
        was_there: bool,
        (mode, modified): (Option<u32>, Option<u32>),
    ) -> Result<Backup> {
        self.file.rewind()?;
        let (size, sum) = sum(&mut self.file)?;
        self.file.sync_all()?;
        let record = BackupRecord {
            key: self.key,
            kept_at: Timestamp::now(),
            size: was_there.then_some(size),
            sha256: was_there.then_some(sum),
            mode,
            modified,
        };
        let json = self.path.with_extension("json");
        let bytes = serde_json::to_vec_pretty(&record).map_err(io::Error::from)?;
        write_durably(&json, &bytes)?;
        Ok(Backup {
            record,
            path: self.path,
            lock: self.lock,
        })
    }
}

/// A finished backup. Dropping it leaves it to be found.
#[derive(Debug)]
pub(crate) struct Backup {
    pub(crate) record: BackupRecord,
    path: PathBuf,
    lock: WriteLock,
}

impl Backup {
    /// Path of the content.
    pub(crate) fn content(&self) -> PathBuf {
        self.path.with_extension("content")
    }

    /// Refuses a content that has changed.
    pub(crate) fn check(&self) -> Result<()> {
        let (_, sum) = sum(&mut File::open(self.content())?)?;
        match &self.record.sha256 {
            Some(backup) if *backup != sum => {
                let what = format!("`{}` is not what was kept", self.content().display());
                Err(SftpError::failure(what))
            }
            _ => Ok(()),
        }
    }

    /// Removes it once it is not needed any more.
    pub(crate) fn discard(self) -> Result<()> {
        fs::remove_file(self.path.with_extension("json"))?;
        // A content without a record is overwritten.
        let _ = fs::remove_file(self.content());
        self.lock.end();
        Ok(())
    }
}

/// Lock on writing a file in place, among the processes that share this data directory.
#[derive(Debug)]
struct WriteLock {
    path: PathBuf,
    file: File,
}

impl WriteLock {
    fn take(path: &Path) -> Result<Self> {
        let deadline = Instant::now() + SWEPT;
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if Instant::now() > deadline {
                let reason =
                    "another transfer is just writing it in place; try again once that has ended";
                return Err(SftpError::failure(reason));
            }
            std::thread::sleep(SWEPT / 20);
        }
    }

    /// Takes the lock unless another holds it.
    fn try_take(path: &Path) -> Result<Option<Self>> {
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let file = private(options).open(path)?;
        match file.try_lock() {
            // The previous holder may have removed it.
            Ok(()) => Ok(is_at(&file, path).then(|| Self {
                path: path.to_owned(),
                file,
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn end(self) {
        let _ = fs::remove_file(&self.path);
        drop(self.file);
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (held, there) = (file.metadata().map(inode), fs::metadata(path).map(inode));
    matches!((held, there), (Ok(held), Ok(there)) if held == there)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn key(path: &str) -> BackupKey {
        BackupKey {
            endpoint: Some("demo@127.0.0.1:22".into()),
            path: path.into(),
            path_bytes: digits(path.as_bytes()),
            source: "/here".into(),
            transfer: "a1b2c3d4".into(),
        }
    }

    #[test]
    fn what_is_kept_is_found_by_its_place_until_it_is_discarded() {
        let data = tempfile::tempdir().unwrap();
        let backups = Backups::new(data.path());
        assert!(backups.is_empty());
        let new_backup = backups.begin(key("/a"), 3).unwrap();
        // Without a record it counts for nothing, and it is not kept twice at once.
        assert!(backups.is_empty() && backups.find(&key("/a")).unwrap().is_none());
        let busy = backups.begin(key("/a"), 3).unwrap_err().to_string();
        assert!(busy.contains("another transfer"), "{busy}");
        new_backup.file().unwrap().write_all(b"old").unwrap();
        let backup = new_backup.finish(true, (Some(0o640), None)).unwrap();
        assert_eq!(backup.record.size, Some(3));
        assert!(backups.find(&key("/a")).is_err(), "its writer goes on");
        drop(backup);
        assert!(backups.find(&key("/b")).unwrap().is_none());
        assert_eq!(backups.left_by("a1b2c3d4").len(), 1);
        let backup = backups.find(&key("/a")).unwrap().unwrap();
        assert_eq!(fs::read(backup.content()).unwrap(), b"old");
        backup.check().unwrap();
        fs::write(backup.content(), "odd").unwrap();
        assert!(backup.check().is_err());
        backup.discard().unwrap();
        let left = || fs::read_dir(data.path().join(DIRECTORY)).unwrap().count();
        assert_eq!(left(), 0);
        drop(backups.begin(key("/a"), 3).unwrap());
        assert_eq!(left(), 2);
        backups.sweep();
        assert_eq!(left(), 0);
    }

    #[test]
    fn what_finds_no_room_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let refused = Backups::new(data.path()).begin(key("/a"), u64::MAX / 2);
        assert!(refused.unwrap_err().is_no_space());
    }
}
