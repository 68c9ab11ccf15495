//! A file that a stream of any length is written to as it comes, up to a limit.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::private;

/// Bytes that are written at once: few enough hops to the thread that may block.
const BATCH: usize = 64 * 1024;

/// How old what is not yet written may get: what ends sooner needs no file at all.
const DELAY: Duration = Duration::from_millis(250);

/// A stream's file, made with the first bytes that are written to it. It is open only while it is
/// written: there may be many.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    limit: u64,
    begun: bool,
    buffer: Vec<u8>,
    /// Bytes in file and buffer.
    length: u64,
    due: Option<Instant>,
    failure: Option<String>,
}

impl Spool {
    /// A spool that writes the first `limit` bytes to a new file at `path`.
    pub fn new(path: PathBuf, limit: u64) -> Self {
        Self {
            path,
            limit,
            begun: false,
            buffer: Vec::new(),
            length: 0,
            due: None,
            failure: None,
        }
    }

    /// Goes on with the file that an earlier process has left, which has `length` bytes.
    pub fn resume(path: PathBuf, limit: u64, length: u64) -> Self {
        Self {
            begun: length > 0,
            length,
            ..Self::new(path, limit)
        }
    }

    /// Takes the next bytes. They are to be written, with [`Self::write`], once [`Self::due`].
    pub fn push(&mut self, bytes: &[u8]) {
        let room = usize::try_from(self.limit.saturating_sub(self.length)).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        if bytes.is_empty() || self.failure.is_some() {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        let due = Instant::now();
        if self.buffer.len() >= BATCH {
            self.due = Some(due);
        } else if self.due.is_none() {
            self.due = Some(due + DELAY);
        }
    }

    /// When the bytes that wait are to be written; `None` while there are none.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether there is a file.
    pub fn has_file(&self) -> bool {
        self.begun
    }

    /// Writes the bytes that wait. A failure is kept, and ends the writing.
    pub async fn write(&mut self) {
        self.due = None;
        if self.buffer.is_empty() {
            return;
        }
        let (path, begun) = (self.path.clone(), self.begun);
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = spawn_blocking(move || {
            open(&path, begun)?.write_all(&buffer)?;
            buffer.clear();
            Ok(buffer)
        });
        match written
            .await
            .unwrap_or_else(|fault| Err(io::Error::other(fault)))
        {
            Ok(buffer) => {
                self.begun = true;
                self.buffer = buffer;
            }
            Err(error) => {
                let failure = format!("cannot write `{}`: {error}", self.path.display());
                tracing::error!("{failure}");
                self.failure = Some(failure);
            }
        }
    }

    /// Makes what has been written durable.
    pub async fn sync(&self) -> io::Result<()> {
        if !self.begun {
            return Ok(());
        }
        let path = self.path.clone();
        let synced = spawn_blocking(move || open(&path, true)?.sync_all());
        synced.await.map_err(io::Error::other)?
    }

    /// Why bytes are missing from the file, if a write failed.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether the file takes no more.
    pub fn is_full(&self) -> bool {
        self.length >= self.limit || self.failure.is_some()
    }
}

/// Opens the file: a new one, or at the end of what was written before.
fn open(path: &Path, begun: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    if begun {
        options.append(true);
    } else {
        options.create(true).truncate(true).write(true);
    }
    private(&mut options).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_made_when_it_is_due_and_kept_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let mut spool = Spool::new(path.clone(), 100_000);
        spool.push(b"short");
        assert!(spool.due().unwrap() > Instant::now());
        assert!(!path.exists());
        spool.push(&vec![b'x'; 200_000]);
        assert!(spool.due().unwrap() <= Instant::now());
        spool.write().await;
        assert_eq!(spool.due(), None);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 100_000);

        let mut spool = Spool::resume(path.clone(), 100_003, 100_000);
        spool.push(b"after all");
        spool.write().await;
        spool.sync().await.unwrap();
        assert!(std::fs::read(&path).unwrap().ends_with(b"xxaft"));
    }

    #[tokio::test]
    async fn a_failure_is_kept_and_not_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(directory.path().join("missing").join("out"), 10);
        spool.push(b"a");
        spool.write().await;
        assert!(spool.failure().unwrap().contains("missing"));
        spool.push(b"b");
        assert_eq!(spool.due(), None);
    }
}
