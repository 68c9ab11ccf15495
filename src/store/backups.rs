//! Backups of contents that are about to be overwritten, kept until the new content is whole.
//!
//! Each consists of the content, a record, and a lock that is held for as long as the new content is being
//! written. A record whose lock nobody holds was left by a process that has ended, or by a lost connection.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fs::{free_space, make_private, private, try_lock, write_durably};

/// Longest time that a sweep holds a lock.
const SWEPT: Duration = Duration::from_millis(200);

/// Bytes that a backup leaves free on this machine's disk.
const RESERVE: u64 = 16 * 1024 * 1024;

/// A set of backups, each under a name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backups {
    directory: PathBuf,
}

impl Backups {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Returns whether there are no backups, so that none has to be looked for.
    pub fn is_empty(&self) -> bool {
        self.with_extension("json").next().is_none()
    }

    fn with_extension(&self, extension: &'static str) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten();
        let paths = entries.flatten().map(|entry| entry.path());
        paths.filter(move |path| path.extension().is_some_and(|own| own == extension))
    }

    /// The records of all backups that can be read, each with the path of its content, to be shown.
    pub fn records<R: DeserializeOwned>(&self) -> Vec<(R, String)> {
        let records = self.with_extension("json").filter_map(|path| {
            let record = read(&path).ok()??;
            Some((
                record,
                BackupFiles::of(path).content().display().to_string(),
            ))
        });
        records.collect()
    }

    /// Removes contents without a record: incomplete, or not needed any more.
    pub fn sweep(&self) {
        for path in self.with_extension("lock") {
            if let Ok(Some(_lock)) = try_lock(&path) {
                let parts = BackupFiles::of(path);
                if !parts.record().exists() {
                    let _ = fs::remove_file(parts.content());
                    parts.remove_lock();
                }
            }
        }
    }

    /// Begins a backup of `length` bytes. One that is dropped before it is finished is swept later. The
    /// error has the kind [`io::ErrorKind::ResourceBusy`] while another writes under this name.
    pub fn begin(&self, name: &str, length: u64) -> io::Result<NewBackup> {
        make_private(&self.directory).map_err(|error| {
            let directory = self.directory.display();
            let reason = format!("old contents cannot be kept in `{directory}`: {error}");
            io::Error::new(error.kind(), reason)
        })?;
        self.check_room(length)?;
        let parts = self.parts(name);
        let lock = parts.lock()?;
        // A content without a record is useless.
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(true).read(true).write(true);
        let content = BackupContent(private(options).open(parts.content())?);
        Ok(NewBackup {
            parts,
            content,
            lock,
        })
    }

    /// Finds a finished backup and takes its lock.
    pub fn find<R: DeserializeOwned>(&self, name: &str) -> io::Result<Option<Backup<R>>> {
        let parts = self.parts(name);
        if !parts.record().exists() {
            return Ok(None);
        }
        let lock = parts.lock()?;
        Ok(read(&parts.record())?.map(|record| Backup {
            record,
            parts,
            _lock: lock,
        }))
    }

    fn parts(&self, name: &str) -> BackupFiles {
        BackupFiles::of(self.directory.join(name))
    }

    fn check_room(&self, length: u64) -> io::Result<()> {
        match free_space::of(&self.directory) {
            Some(room) if room < length.saturating_add(RESERVE) => {
                let problem = format!(
                    "its old content ({length} bytes) has to be kept in `{}` until the new is whole, where {room} bytes are free",
                    self.directory.display()
                );
                Err(io::Error::new(io::ErrorKind::StorageFull, problem))
            }
            _ => Ok(()),
        }
    }
}

fn read<R: DeserializeOwned>(path: &Path) -> io::Result<Option<R>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The paths of a backup's files: one name with several extensions.
#[derive(Debug)]
struct BackupFiles(PathBuf);

impl BackupFiles {
    fn of(path: PathBuf) -> Self {
        Self(path)
    }

    fn content(&self) -> PathBuf {
        self.0.with_extension("content")
    }

    fn record(&self) -> PathBuf {
        self.0.with_extension("json")
    }

    /// Takes the lock. A sweep holds it for a moment; anybody else for long.
    fn lock(&self) -> io::Result<File> {
        let deadline = Instant::now() + SWEPT;
        loop {
            if let Some(lock) = try_lock(&self.0.with_extension("lock"))? {
                return Ok(lock);
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            std::thread::sleep(SWEPT / 20);
        }
    }

    /// Removes the lock's file, while the lock is held.
    fn remove_lock(&self) {
        let _ = fs::remove_file(self.0.with_extension("lock"));
    }
}

/// The content of a backup. Writing it leaves some room on the disk.
#[derive(Debug)]
pub struct BackupContent(File);

impl Read for BackupContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for BackupContent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        free_space::check(&self.0, bytes.len())?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A backup in the making.
#[derive(Debug)]
pub struct NewBackup {
    parts: BackupFiles,
    content: BackupContent,
    lock: File,
}

impl NewBackup {
    /// The content, to be written.
    pub fn content(&self) -> io::Result<BackupContent> {
        Ok(BackupContent(self.content.0.try_clone()?))
    }

    /// The content, to be read from its beginning.
    pub fn written(&mut self) -> io::Result<&mut BackupContent> {
        self.content.0.rewind()?;
        Ok(&mut self.content)
    }

    /// Finishes it with its record once the content is written; only then may the old content be
    /// overwritten.
    pub fn finish<R: Serialize>(self, record: R) -> io::Result<Backup<R>> {
        self.content.0.sync_all()?;
        let bytes = serde_json::to_vec_pretty(&record)?;
        write_durably(&self.parts.record(), &bytes)?;
        Ok(Backup {
            record,
            parts: self.parts,
            _lock: self.lock,
        })
    }
}

/// A finished backup. Dropping it leaves it to be found.
#[derive(Debug)]
pub struct Backup<R> {
    /// Its record.
    pub record: R,
    parts: BackupFiles,
    _lock: File,
}

impl<R> Backup<R> {
    /// Opens the content.
    pub fn content(&self) -> io::Result<BackupContent> {
        Ok(BackupContent(File::open(self.parts.content())?))
    }

    /// Path of the content, to be shown.
    pub fn location(&self) -> String {
        self.parts.content().display().to_string()
    }

    /// Removes it once it is not needed any more.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_file(self.parts.record())?;
        // A content without a record is overwritten.
        let _ = fs::remove_file(self.parts.content());
        self.parts.remove_lock();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content_of(backup: &Backup<String>) -> Vec<u8> {
        let mut content = Vec::new();
        backup.content().unwrap().read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn a_backup_is_found_by_its_name_until_it_is_discarded() {
        let data = tempfile::tempdir().unwrap();
        let backups = Backups::new(data.path().join("kept"));
        assert!(backups.is_empty());
        let new = backups.begin("a", 3).unwrap();
        // Without a record it counts for nothing, and nobody else writes under its name.
        assert!(backups.is_empty() && backups.find::<String>("a").unwrap().is_none());
        let busy = backups.begin("a", 3).unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        new.content().unwrap().write_all(b"old").unwrap();
        let backup = new.finish("record".to_owned()).unwrap();
        assert!(backups.find::<String>("a").is_err(), "its writer goes on");
        let location = backup.location();
        drop(backup);
        assert!(backups.find::<String>("b").unwrap().is_none());
        assert_eq!(
            backups.records::<String>(),
            [("record".to_owned(), location)]
        );
        let backup = backups.find::<String>("a").unwrap().unwrap();
        assert_eq!(content_of(&backup), b"old");
        backup.discard().unwrap();
        let left = || fs::read_dir(data.path().join("kept")).unwrap().count();
        assert_eq!(left(), 0);
        drop(backups.begin("a", 3).unwrap());
        assert_eq!(left(), 2);
        backups.sweep();
        assert_eq!(left(), 0);
    }

    #[test]
    fn a_content_that_finds_no_room_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let refused = Backups::new(data.path().to_owned()).begin("a", u64::MAX / 2);
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
