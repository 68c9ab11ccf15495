//! A file that a stream is written to as it comes. Of a stream longer than a limit, the file has the
//! beginning and the end, half of the limit each.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::kept::{Layout, beside};
use crate::fs::private;

/// Bytes that are written at once: fewer would take more switches to the thread that may block.
const BATCH: usize = 64 * 1024;

/// Longest delay of a write. The stream of a command that ends sooner needs no file.
const DELAY: Duration = Duration::from_millis(250);

/// A stream's file, made with the first bytes that are written to it. It is open only while it is
/// written: there may be many.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    limit: u64,
    begun: bool,
    buffer: Vec<u8>,
    /// The places of the written bytes in the file.
    layout: Layout,
    due: Option<Instant>,
    failure: Option<String>,
}

impl Spool {
    /// A spool that writes at most `limit` bytes to a new file at `path`.
    pub(super) fn new(path: PathBuf, limit: u64) -> Self {
        Self {
            path,
            limit,
            begun: false,
            buffer: Vec::new(),
            layout: Layout::new(limit, 0),
            due: None,
            failure: None,
        }
    }

    /// Continues the file that an earlier process has left of a stream of `length` bytes.
    pub(super) fn resume(path: PathBuf, limit: u64, length: u64) -> Self {
        // There is a layout on disk only if bytes were left out.
        let layout = Layout::read(&path).ok().flatten();
        let layout = layout.filter(|layout| layout.end == length);
        Self {
            begun: length > 0,
            layout: layout.unwrap_or_else(|| Layout::new(limit, length)),
            ..Self::new(path, limit)
        }
    }

    /// Takes the next bytes. They are to be written, with [`Self::write`], once [`Self::due`].
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.limit == 0 || self.failure.is_some() {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        let due = Instant::now();
        if self.buffer.len() >= BATCH {
            self.due = Some(due);
        } else if self.due.is_none() {
            self.due = Some(due + DELAY);
        }
    }

    /// Records bytes of the stream that nobody has read. The bytes after them are its end.
    pub async fn skip(&mut self, bytes: u64) {
        self.write().await;
        self.layout.end += bytes;
        self.layout.begin = self.layout.end.max(self.layout.head);
    }

    /// Bytes of the end that there is room for.
    pub fn last_half(&self) -> u64 {
        self.layout.room
    }

    /// Bytes that are kept nowhere.
    pub fn lost(&self) -> u64 {
        let length = self.layout.end + self.buffer.len() as u64;
        let first = self
            .layout
            .begin
            .max(length.saturating_sub(self.layout.room));
        first.saturating_sub(self.layout.head)
    }

    /// Time at which the waiting bytes are to be written; `None` while there are none.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns whether there is a file.
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
        let mut layout = self.layout;
        let written = spawn_blocking(move || {
            let mut file = open(&path, begun)?;
            let mut rest = buffer.as_slice();
            while !rest.is_empty() {
                let (at, follow) = layout.find(layout.end);
                let follow = usize::try_from(follow).unwrap_or(rest.len());
                let (now, later) = rest.split_at(rest.len().min(follow.max(1)));
                file.seek(SeekFrom::Start(at))?;
                file.write_all(now)?;
                layout.end += now.len() as u64;
                rest = later;
            }
            if layout.end > layout.limit() {
                let mut options = OpenOptions::new();
                options.create(true).truncate(true).write(true);
                let mut parts = private(&mut options).open(beside(&path))?;
                parts.write_all(layout.text().as_bytes())?;
            }
            buffer.clear();
            Ok((buffer, layout))
        });
        match written
            .await
            .unwrap_or_else(|fault| Err(io::Error::other(fault)))
        {
            Ok((buffer, layout)) => {
                self.begun = true;
                (self.buffer, self.layout) = (buffer, layout);
            }
            Err(error) => {
                let failure = format!("cannot write `{}`: {error}", self.path.display());
                tracing::error!("{failure}");
                self.failure = Some(failure);
            }
        }
    }

    /// Syncs the written bytes to disk.
    pub async fn sync(&self) -> io::Result<()> {
        if !self.begun {
            return Ok(());
        }
        let path = self.path.clone();
        let synced = spawn_blocking(move || open(&path, true)?.sync_all());
        synced.await.map_err(io::Error::other)?
    }

    /// The error of a failed write, if there was one: bytes are missing from the file.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Returns whether the file takes no more.
    pub fn is_full(&self) -> bool {
        let length = self.layout.end + self.buffer.len() as u64;
        length >= self.layout.limit().min(self.limit) || self.failure.is_some()
    }
}

/// Opens the file: a new one, or the one that was written before.
fn open(path: &Path, begun: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(!begun).truncate(!begun);
    private(&mut options).open(path)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::kept::Kept;
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

    fn read_all(path: &Path) -> (Vec<u8>, std::ops::Range<u64>, u64) {
        let mut kept = Kept::open(path).unwrap();
        let (gap, mut bytes) = (kept.gap(), Vec::new());
        kept.read_to_end(&mut bytes).unwrap();
        if !gap.is_empty() {
            kept.seek(SeekFrom::Start(gap.end)).unwrap();
            kept.read_to_end(&mut bytes).unwrap();
        }
        (bytes, gap, kept.length())
    }

    #[tokio::test]
    async fn the_first_and_the_last_half_are_kept_however_the_stream_comes() {
        let directory = tempfile::tempdir().unwrap();
        let stream: Vec<u8> = (0..1000u32)
            .map(|number| (number ^ (number >> 5)).to_le_bytes()[0])
            .collect();
        for (length, size, limit) in [
            (90, 7, 101),
            (101, 10, 101),
            (102, 1, 101),
            (1000, 3, 101),
            (1000, 1000, 101),
            (1000, 64, 100),
            (3, 1, 2),
        ] {
            let path = directory.path().join(format!("{length}-{size}-{limit}"));
            let mut spool = Spool::new(path.clone(), limit);
            for (index, part) in stream[..length].chunks(size).enumerate() {
                spool.push(part);
                spool.write().await;
                if index == 5 {
                    spool = Spool::resume(path.clone(), limit, spool.layout.end);
                }
            }
            let (bytes, gap, end) = read_all(&path);
            let limit = usize::try_from(limit).unwrap();
            let (first, last) = (limit - limit / 2, limit / 2);
            let expected = if length <= limit {
                stream[..length].to_vec()
            } else {
                [&stream[..first], &stream[length - last..length]].concat()
            };
            assert_eq!(bytes, expected, "{length} in parts of {size}, {limit} kept");
            assert_eq!(end, length as u64);
            assert_eq!(gap.end - gap.start, (length - expected.len()) as u64);
            assert_eq!(spool.lost(), gap.end - gap.start);
        }
    }

    #[tokio::test]
    async fn what_was_skipped_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let mut spool = Spool::new(path.clone(), 10);
        spool.push(b"0123456789abc");
        spool.skip(1000).await;
        spool.push(b"xyz");
        spool.write().await;
        let (bytes, gap, end) = read_all(&path);
        assert_eq!((&bytes[..], gap, end), (&b"01234xyz"[..], 5..1013, 1016));
        assert_eq!(spool.lost(), 1008);
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
