//! A stream of a command's output: its head and tail in memory, the whole in a file.
//!
//! | module | what it is |
//! |---|---|
//! | `capture` | head and tail of an output in memory, all of it in a file |
//! | `bound` | the most that is taken of an output |

pub(in crate::ssh) mod bound;
pub(in crate::ssh) mod capture;

use std::io::{self, Read, Seek, SeekFrom};

use tokio::time::{Instant, sleep_until};

use crate::secret::Mask;
use crate::store::{Blob, Kept, Spool};
use capture::Captured;

/// A stream of so many bytes needs no file: a record holds it whole.
pub const FEW: u64 = 2048;

/// Read from the local disk at once.
const BLOCK: usize = 64 * 1024;

/// One stream of a command's output.
#[derive(Debug)]
pub struct Output {
    mask: Mask,
    captured: Captured,
    spool: Spool,
}

impl Output {
    /// An empty stream of which `blob` takes at most `limit` bytes, the first and the last,
    /// unless it ends so soon that memory holds it whole.
    pub fn new(blob: Blob, limit: u64, mask: Mask) -> Self {
        Self {
            mask,
            captured: Captured::default(),
            spool: blob.create(limit),
        }
    }

    /// A stream of which an earlier process has written the beginning.
    pub fn resume(blob: Blob, limit: u64, mask: Mask) -> io::Result<Self> {
        let mut captured = Captured::default();
        match blob.open() {
            Ok(mut file) => {
                let gap = file.gap();
                read_into(&mut captured, &mut file)?;
                if !gap.is_empty() {
                    captured.skip(gap.end - gap.start);
                    file.seek(SeekFrom::Start(gap.end))?;
                    read_into(&mut captured, &mut file)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let length = captured.total();
        Ok(Self {
            mask,
            captured,
            spool: blob.resume(limit, length),
        })
    }

    /// Takes the next bytes. Secrets in them are masked before anything keeps them.
    pub fn push(&mut self, bytes: &[u8]) {
        let plain = self.mask.take(bytes);
        self.captured.push(&plain);
        self.spool.push(&plain);
    }

    /// Notes bytes that were not fetched.
    pub(in crate::ssh) async fn skip(&mut self, bytes: u64) {
        self.release();
        self.captured.skip(bytes);
        self.spool.skip(bytes).await;
    }

    /// Bytes of the end that the file has room for.
    pub(in crate::ssh) fn last_half(&self) -> u64 {
        self.spool.last_half()
    }

    /// Bytes that are kept nowhere, for there was no room for them.
    pub fn lost(&self) -> u64 {
        self.spool.lost()
    }

    /// A mask for another stream of the same server.
    pub(in crate::ssh) fn another_mask(&self) -> Mask {
        self.mask.another()
    }

    /// The number of bytes that were taken or skipped.
    pub(in crate::ssh) fn taken(&self) -> u64 {
        self.captured.total() + self.mask.held()
    }

    /// Keeps the bytes that were held back because they might have been the beginning of a secret.
    fn release(&mut self) {
        let held = self.mask.rest();
        self.captured.push(&held);
        self.spool.push(&held);
    }

    /// The time at which waiting bytes are to be written to the file; `None` if none wait.
    pub(in crate::ssh) fn due(&self) -> Option<Instant> {
        self.spool.due()
    }

    /// Writes the bytes that wait.
    pub(in crate::ssh) async fn write(&mut self) {
        self.spool.write().await;
    }

    /// Writes the last bytes, unless nothing was written before and they are few, of which a record's
    /// text leaves out nothing.
    pub async fn finish(&mut self) {
        self.release();
        let is_short = self.captured.total() <= FEW && self.captured.is_faithful();
        if self.spool.has_file() || !is_short {
            self.spool.write().await;
        }
    }

    /// Makes what the file holds durable.
    pub async fn sync(&self) -> io::Result<()> {
        self.spool.sync().await
    }

    /// Returns whether the file holds as much as it may.
    pub(in crate::ssh) fn is_full(&self) -> bool {
        self.spool.is_full()
    }

    /// Head and tail.
    pub fn captured(&self) -> &Captured {
        &self.captured
    }

    /// The reason why bytes are missing from the file, if a write failed.
    pub fn failure(&self) -> Option<&str> {
        self.spool.failure()
    }
}

fn read_into(captured: &mut Captured, file: &mut Kept) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    while let length @ 1.. = file.read(&mut block)? {
        captured.push(&block[..length]);
    }
    Ok(())
}

/// Waits until bytes of one of the streams are due to be written.
pub(in crate::ssh) async fn due(outputs: [&Output; 2]) {
    match outputs.into_iter().filter_map(Output::due).min() {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
