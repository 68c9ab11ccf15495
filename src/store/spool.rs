//! A file that a stream of any length is written to as it comes, up to a limit.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::private;

/// Bytes that are written at once: few enough hops to the thread that may block.
const BATCH: usize = 64 * 1024;

/// How old what is not yet written may get: what ends sooner needs no file at all.
const DELAY: Duration = Duration::from_millis(250);

/// A stream's file, made with the first bytes that are written to it.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    limit: u64,
    file: Option<File>,
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
            file: None,
            buffer: Vec::new(),
            length: 0,
            due: None,
            failure: None,
        }
    }

    /// Goes on with the file that an earlier process has left, if there is one.
    pub fn resume(path: PathBuf, limit: u64) -> io::Result<Self> {
        let mut spool = Self::new(path, limit);
        match OpenOptions::new().append(true).open(&spool.path) {
            Ok(file) => {
                spool.length = file.metadata()?.len();
                spool.file = Some(file);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(spool)
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
        self.file.is_some()
    }

    /// Writes the bytes that wait. A failure is kept, and ends the writing.
    pub async fn write(&mut self) {
        self.due = None;
        if self.buffer.is_empty() {
            return;
        }
        let (path, file) = (self.path.clone(), self.file.take());
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = spawn_blocking(move || {
            let mut file = file.map_or_else(|| create(&path), Ok)?;
            file.write_all(&buffer)?;
            buffer.clear();
            Ok((file, buffer))
        });
        match written
            .await
            .unwrap_or_else(|fault| Err(io::Error::other(fault)))
        {
            Ok((file, buffer)) => {
                self.file = Some(file);
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
    pub async fn sync(&mut self) -> io::Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let (file, synced) = spawn_blocking(move || {
            let synced = file.sync_all();
            (file, synced)
        })
        .await
        .map_err(io::Error::other)?;
        self.file = Some(file);
        synced
    }

    /// Why bytes are missing from the file, if a write failed.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether the file holds as much as it may.
    pub fn is_full(&self) -> bool {
        self.length >= self.limit
    }
}

fn create(path: &std::path::Path) -> io::Result<File> {
    private(OpenOptions::new().create(true).truncate(true).write(true)).open(path)
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

        let mut spool = Spool::resume(path.clone(), 100_003).unwrap();
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
