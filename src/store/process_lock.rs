//! Proof that a process lives: a file that it keeps locked for as long as it runs.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::DataDirectory;
use crate::error::Error;
use crate::fs::private;

/// This process, as the owner of its jobs and calls. The operating system releases the lock when the
/// process ends, however it ends.
#[derive(Debug)]
pub struct ProcessLock {
    id: String,
    directory: PathBuf,
    _lock: File,
}

impl ProcessLock {
    /// Registers this process in the data directory.
    pub fn claim(data: &DataDirectory) -> Result<Self, Error> {
        let directory = data.subdirectory(DIRECTORY)?;
        loop {
            let id = format!("{}-{}", std::process::id(), crate::random::hex::<4>());
            let path = path_of(&directory, &id);
            let failed = |error: std::io::Error| Error::storage(&path, "lock", error);
            let mut options = OpenOptions::new();
            let lock = private(options.create_new(true).write(true))
                .open(&path)
                .map_err(failed)?;
            lock.lock().map_err(failed)?;
            // Another process may have swept it away before it was locked.
            if path.exists() {
                return Ok(Self {
                    id,
                    directory,
                    _lock: lock,
                });
            }
        }
    }

    /// The name that this process's jobs carry.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns whether the process that registered as `id` still runs.
    pub fn is_alive(&self, id: &str) -> bool {
        id == self.id || is_held(&self.directory, id)
    }

    /// Returns whether the process that registered as `id` in that data directory still runs.
    pub fn lives(data: &DataDirectory, id: &str) -> bool {
        is_held(&data.path().join(DIRECTORY), id)
    }

    /// Returns whether another process has registered and still runs.
    pub fn has_company(&self) -> bool {
        let entries = fs::read_dir(&self.directory).into_iter().flatten();
        let mut names = entries.flatten().map(|entry| entry.file_name());
        names.any(|name| {
            let name = name.to_string_lossy();
            let id = name.strip_suffix(SUFFIX);
            id.is_some_and(|id| id != self.id && is_held(&self.directory, id))
        })
    }

    /// Removes the files of processes that are gone. Their names stay dead: a missing file is no proof of life.
    pub fn sweep(&self) {
        for entry in fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            if let Some(id) = name.to_string_lossy().strip_suffix(SUFFIX)
                && id != self.id
                // Held while the file goes: a process that is just registering finds it gone, and begins anew.
                && let Ok(Some(_lock)) = seize(&self.directory, id)
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn is_held(directory: &Path, id: &str) -> bool {
    // An ID from a file must not lead out of the directory.
    let is_name = !id.is_empty()
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name && seize(directory, id).is_err()
}

/// Takes the lock of a process that is gone. Only a missing file or a lock that can be had proves
/// that it is.
fn seize(directory: &Path, id: &str) -> Result<Option<File>, Alive> {
    match OpenOptions::new().write(true).open(path_of(directory, id)) {
        Ok(file) => file.try_lock().map(|()| Some(file)).map_err(|_| Alive),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(_) => Err(Alive),
    }
}

/// The process is not gone, as far as can be told.
struct Alive;

impl Drop for ProcessLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(path_of(&self.directory, &self.id));
    }
}

const DIRECTORY: &str = "owners";
const SUFFIX: &str = ".lock";

fn path_of(directory: &Path, id: &str) -> PathBuf {
    directory.join(format!("{id}{SUFFIX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_while_held_and_is_swept_after() {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDirectory::open(directory.path()).unwrap();
        let here = ProcessLock::claim(&data).unwrap();
        let there = ProcessLock::claim(&data).unwrap();
        let id = there.id().to_owned();
        assert!(here.is_alive(&id));
        drop(there);
        assert!(!here.is_alive(&id));
        assert!(!here.is_alive("../../etc/passwd"));
    }
}
