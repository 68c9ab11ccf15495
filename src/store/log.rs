//! A log of lines, added to by several processes at once: a file that grows, finished ones of which the
//! oldest may go, and an anchor beside them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kept_open::{KeptOpen, regular};
use crate::error::Error;
use crate::fs::lock_for_reading;
use crate::sync;
use crate::time::Timestamp;

/// Bytes of the anchor. It is written over in place by one write, which the end of a process does not cut
/// in two, and which needs no further room on the disk.
pub const ANCHOR_SIZE: usize = 768;

/// A log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    directory: PathBuf,
    name: &'static str,
    /// Held by the writer of this process.
    files: Arc<Mutex<Files>>,
}

/// The files that a writer works with.
#[derive(Debug, Default)]
struct Files {
    lock: KeptOpen,
    current: KeptOpen,
    anchor: KeptOpen,
}

/// A part of a log: the one that grows, or a finished one.
#[derive(Debug)]
pub struct LogPart {
    path: PathBuf,
    /// True if it is the part that grows.
    pub is_current: bool,
}

/// The exclusive right to change a log; released when dropped.
#[derive(Debug)]
pub struct LogWriter<'a> {
    log: &'a Log,
    files: MutexGuard<'a, Files>,
    length: u64,
}

/// The right to read a log while nobody changes it; released when dropped.
#[derive(Debug)]
pub struct LogReader {
    _lock: Option<File>,
}

impl Log {
    pub(super) fn new(directory: PathBuf, name: &'static str) -> Self {
        Self {
            directory,
            name,
            files: Arc::default(),
        }
    }

    /// A `STORAGE_ERROR` that names the log.
    pub fn failure(&self, action: &'static str, error: &io::Error) -> Error {
        Error::storage(self.current(), action, error)
    }

    /// Path of the anchor, to be shown.
    pub fn anchor_location(&self) -> String {
        self.anchor_path().display().to_string()
    }

    /// Name of the anchor.
    pub fn anchor_name(&self) -> String {
        format!("{}.anchor", self.name)
    }

    /// The anchor; `None` where there is none that can be understood.
    pub fn anchor<A: DeserializeOwned>(&self) -> io::Result<Option<A>> {
        let path = self.anchor_path();
        if regular(&path)?.is_none() {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&fs::read(path)?).ok())
    }

    /// The finished parts, the oldest first.
    pub fn finished(&self) -> io::Result<Vec<LogPart>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let prefix = format!("{}-", self.name);
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&prefix) && name.ends_with(".jsonl") {
                found.push(path);
            }
        }
        found.sort();
        let part = |path| LogPart {
            path,
            is_current: false,
        };
        Ok(found.into_iter().map(part).collect())
    }

    /// All parts, the oldest first.
    pub fn parts(&self) -> io::Result<Vec<LogPart>> {
        let mut parts = self.finished()?;
        let path = self.current();
        if regular(&path)?.is_some() {
            parts.push(LogPart {
                path,
                is_current: true,
            });
        }
        Ok(parts)
    }

    /// Takes the lock for writing, waiting a little for writers and for readers of the whole log.
    pub fn lock(&self) -> io::Result<LogWriter<'_>> {
        let mut files = sync::lock(&self.files);
        files.lock.lock(&self.lock_path())?;
        let mut writer = LogWriter {
            log: self,
            files,
            length: 0,
        };
        (_, writer.length) = writer.files.current.open_or_create(&self.current())?;
        Ok(writer)
    }

    /// Takes the lock for reading, waiting a little for writers. A log that was never written has no lock.
    pub fn lock_for_reading(&self) -> io::Result<LogReader> {
        let path = self.lock_path();
        let lock = regular(&path)?.map(|_| lock_for_reading(&path));
        Ok(LogReader {
            _lock: lock.transpose()?,
        })
    }

    fn current(&self) -> PathBuf {
        self.directory.join(format!("{}.jsonl", self.name))
    }

    fn anchor_path(&self) -> PathBuf {
        self.directory.join(self.anchor_name())
    }

    fn lock_path(&self) -> PathBuf {
        self.directory.join(format!("{}.jsonl.lock", self.name))
    }
}

impl LogPart {
    /// Its path, to be shown.
    pub fn location(&self) -> String {
        self.path.display().to_string()
    }

    /// Its length in bytes; 0 if it is gone.
    pub fn length(&self) -> u64 {
        let metadata = regular(&self.path).ok().flatten();
        metadata.map_or(0, |metadata| metadata.len())
    }

    /// Opens it at its beginning.
    pub fn read(&self) -> io::Result<impl BufRead + use<>> {
        regular(&self.path)?;
        Ok(BufReader::new(File::open(&self.path)?))
    }

    /// Its last bytes, at most `most`.
    pub fn ending(&self, most: u64) -> io::Result<Vec<u8>> {
        let length = regular(&self.path)?.map_or(0, |metadata| metadata.len());
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes it. Only while the log's writer is held.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

impl LogWriter<'_> {
    /// Bytes of the part that grows.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The anchor; `None` where there is none that can be understood.
    pub fn anchor<A: DeserializeOwned>(&mut self) -> io::Result<Option<A>> {
        let path = self.log.anchor_path();
        let Some((mut file, length)) = self.files.anchor.open_existing(&path)? else {
            return Ok(None);
        };
        file.rewind()?;
        let mut bytes = Vec::with_capacity(ANCHOR_SIZE);
        file.take(length).read_to_end(&mut bytes)?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Reads the part that grows from an offset on.
    pub fn read_from(&mut self, offset: u64) -> io::Result<impl BufRead + '_> {
        let mut current = self.files.current.file()?;
        current.seek(SeekFrom::Start(offset))?;
        Ok(BufReader::new(current))
    }

    /// Adds a line, and returns the length with it. A failure may leave a piece of the line.
    pub fn append(&mut self, line: &[u8]) -> io::Result<u64> {
        // Somebody else's line may lack its end.
        let separator = if self.length > 0 && !self.ends_line()? {
            "\n"
        } else {
            ""
        };
        let bytes = [separator.as_bytes(), line, b"\n"].concat();
        let mut current = self.files.current.file()?;
        current.seek(SeekFrom::Start(self.length))?;
        current.write_all(&bytes)?;
        self.length += bytes.len() as u64;
        Ok(self.length)
    }

    /// Cuts the part that grows back to a length.
    pub fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.files.current.file()?.set_len(length)?;
        self.length = length;
        Ok(())
    }

    /// Replaces the anchor.
    pub fn write_anchor(&mut self, anchor: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(anchor)?;
        bytes.resize(bytes.len().max(ANCHOR_SIZE - 1), b' ');
        bytes.push(b'\n');
        let path = self.log.anchor_path();
        let (mut file, _) = self.files.anchor.open_or_create(&path)?;
        file.rewind()?;
        file.write_all(&bytes)
    }

    /// Finishes the part that grows: the next writer begins a new one.
    pub fn finish(&self) -> io::Result<()> {
        let directory = &self.log.directory;
        let name = || {
            let time = Timestamp::now().for_file_name();
            directory.join(format!("{}-{time}.jsonl", self.log.name))
        };
        let mut finished_as = name();
        // Names have milliseconds.
        while finished_as.exists() {
            std::thread::sleep(Duration::from_millis(1));
            finished_as = name();
        }
        fs::rename(self.log.current(), finished_as)
    }

    fn ends_line(&self) -> io::Result<bool> {
        let mut last = [0];
        let mut current = self.files.current.file()?;
        current.seek(SeekFrom::Start(self.length - 1))?;
        current.read_exact(&mut last)?;
        Ok(last == *b"\n")
    }
}

impl Drop for LogWriter<'_> {
    fn drop(&mut self) {
        self.files.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_anchor_leaves_nothing_of_a_longer_one() {
        let directory = tempfile::tempdir().unwrap();
        let log = Log::new(directory.path().to_owned(), "log");
        assert_eq!(log.anchor::<String>().unwrap(), None);
        for anchor in ["x".repeat(ANCHOR_SIZE - 3), "y".to_owned()] {
            log.lock().unwrap().write_anchor(&anchor).unwrap();
            assert_eq!(log.anchor().unwrap(), Some(anchor));
        }
        fs::write(log.anchor_path(), "nonsense").unwrap();
        assert_eq!(log.anchor::<String>().unwrap(), None);
    }
}
