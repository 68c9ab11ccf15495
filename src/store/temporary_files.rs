//! Files that other parts of this program read for moments.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::fs::{make_private, set_mode};

/// A directory of temporary files. Each is locked for as long as its process lives. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TemporaryFiles {
    directory: PathBuf,
    suffix: &'static str,
}

/// A temporary file. Dropping it removes it.
#[derive(Debug)]
pub struct TemporaryFile(NamedTempFile);

impl TemporaryFiles {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            suffix: "",
        }
    }

    /// The same, whose names end so.
    #[must_use]
    pub fn with_suffix(self, suffix: &'static str) -> Self {
        Self { suffix, ..self }
    }

    /// Creates a file that only its owner may reach, whatever its mode: it lies in a private directory.
    pub fn create(&self, content: &[u8], mode: Option<u32>) -> io::Result<TemporaryFile> {
        make_private(&self.directory)?;
        let mut file = self.locked()?;
        file.write_all(content)?;
        if let Some(mode) = mode {
            set_mode(file.as_file(), mode)?;
        }
        Ok(TemporaryFile(file))
    }

    fn locked(&self) -> io::Result<NamedTempFile> {
        loop {
            let mut named = tempfile::Builder::new();
            let file = named.suffix(self.suffix).tempfile_in(&self.directory)?;
            file.as_file().lock()?;
            // Another process may have swept it away before it was locked.
            if file.path().exists() {
                return Ok(file);
            }
        }
    }

    /// Removes the files of processes that are gone.
    pub fn sweep(&self) {
        let entries = fs::read_dir(&self.directory).into_iter().flatten();
        for path in entries.flatten().map(|entry| entry.path()) {
            if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl TemporaryFile {
    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_processes_that_are_gone_are_swept() {
        let data = tempfile::tempdir().unwrap();
        let files = TemporaryFiles::new(data.path().join("staged"));
        let file = files.create(b"content", None).unwrap();
        let left = file.path().with_file_name("left");
        // A file of a process that was killed: nobody holds its lock.
        fs::write(&left, "").unwrap();
        files.sweep();
        assert!(!left.exists() && file.path().exists());
        let path = file.path().to_owned();
        drop(file);
        assert!(!path.exists());
    }
}
