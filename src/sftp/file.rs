//! What a file is copied under, whichever way: conditions, checks, what is known of it so far.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::destination::MayWrite;
use super::kept::Keeper;
use super::listing::Listing;
use super::local::Local;
use super::notes::Notes;
use super::path::RemotePath;
use super::progress::Progress;
use super::roots::Roots;
use super::session::{Handle, Session};
use super::side::blocking;
use super::transfer::Options;
use crate::hex::digits;
use crate::ssh::Pool;
use crate::ssh::script::checksum;

/// A file up to this length is read back rather than have the server compute its checksum.
const READ_BACK: u64 = 1024 * 1024;
/// Read from a disk at once.
pub(super) const BLOCK: usize = 1024 * 1024;

/// What holds for every file of a transfer.
pub(super) struct Conditions<'a> {
    pub(super) pool: &'a Pool,
    pub(super) alias: &'a str,
    /// Tells this transfer's part files, and those of its retries, from others.
    pub(super) token: &'a str,
    /// Whether parts of an earlier try may be there.
    pub(super) resume: bool,
    pub(super) options: Options,
    /// Most entries that are listed.
    pub(super) max_entries: usize,
    /// Bytes that a file may have beyond twice the length that it said.
    pub(super) max_growth: u64,
    /// Where files of this machine have to lie.
    pub(super) roots: &'a Roots,
    pub(super) local: &'a Local,
    pub(super) may_write: &'a MayWrite<'a>,
    pub(super) progress: &'a Progress,
    pub(super) notes: &'a Notes,
    pub(super) cancel: &'a CancellationToken,
    /// Keeps the number of large files under way small: each takes memory.
    pub(super) large: &'a Semaphore,
    /// Whether a file was found not to fit on the server.
    pub(super) full: AtomicBool,
    pub(super) refusals: Refusals,
    /// Old contents of files that are written in place.
    pub(super) keeper: &'a Keeper,
    /// What the server's shell says of files that are replaced.
    pub(super) extras: &'a Listing,
}

/// What a server was found to refuse for every file.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// To rename: for so many in turn.
    pub(super) renames: AtomicUsize,
    /// To set modes of new files.
    pub(super) modes: AtomicBool,
}

/// What is known of a file between two tries.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// The bytes from its beginning that have arrived for certain.
    arrived: AtomicU64,
    /// Whether writing it in place has begun.
    begun: AtomicBool,
    /// Whether the line was lost in an earlier try: what was known of the target may not hold any more.
    pub(super) was_lost: AtomicBool,
    /// How often it was while the file was written in place.
    pub(super) losses: AtomicU32,
    /// Whether its target is a link that it takes the place of.
    pub(super) replaces_link: AtomicBool,
}

impl Tried {
    pub(super) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Whether writing it in place has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Notes whether writing it in place has begun.
    pub(super) fn set_begun(&self, has_begun: bool) {
        self.begun.store(has_begun, Ordering::Relaxed);
    }

    /// Notes how far the file has arrived without a gap.
    pub(super) fn set(&self, bytes: u64, progress: &Progress) {
        let before = self.arrived.swap(bytes, Ordering::Relaxed);
        if bytes >= before {
            progress.add(bytes - before);
        } else {
            progress.take_back(before - bytes);
        }
    }
}

pub(super) fn cancelled() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "cancelled")
}

/// Does what can be broken off.
pub(super) async fn unless_cancelled<T>(
    conditions: &Conditions<'_>,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    tokio::select! {
        outcome = work => outcome,
        () = conditions.cancel.cancelled() => Err(cancelled()),
    }
}

/// The SHA-256 of the first `length` bytes of a local file.
pub(super) async fn local_sum(roots: &Roots, path: &Path, length: u64) -> io::Result<String> {
    let (roots, path) = (roots.clone(), path.to_owned());
    blocking(move || {
        let (_, sum) = sum(&mut open_at(&roots, &path, 0)?.take(length))?;
        Ok(sum)
    })
    .await
}

/// The length and the SHA-256 of what is left to read.
pub(super) fn sum(content: &mut impl Read) -> io::Result<(u64, String)> {
    let (mut length, mut sum, mut block) = (0, Sha256::new(), vec![0; BLOCK]);
    loop {
        let read = content.read(&mut block)?;
        if read == 0 {
            return Ok((length, digits(&sum.finalize())));
        }
        length += read as u64;
        sum.update(&block[..read]);
    }
}

/// The SHA-256 of the first `length` bytes of a file on the server: computed there, or else, and where
/// `expected` is not what came of that, from its bytes read back.
pub(super) async fn remote_sum(
    conditions: &Conditions<'_>,
    session: &Session,
    path: &RemotePath,
    length: u64,
    expected: &str,
) -> io::Result<String> {
    // Names of other bytes do not go through a command line here.
    if length > READ_BACK
        && let Ok(name) = std::str::from_utf8(path.as_bytes())
        && let Some(sum) = checksum::sha256(conditions.pool, conditions.alias, name, length).await
        // A session confined to a directory sees other files than a shell does.
        && sum == expected
    {
        return Ok(sum);
    }
    let handle = session.open_to_read(path).await?;
    let sum = read_sum(session, &handle, length).await;
    drop(session.close(&handle));
    sum
}

async fn read_sum(session: &Session, handle: &Handle, length: u64) -> io::Result<String> {
    const AHEAD: usize = 8;
    let step = u64::from(session.limits.read);
    let mut sum = Sha256::new();
    let mut ahead = std::collections::VecDeque::new();
    let (mut asked, mut offset) = (0, 0);
    while offset < length {
        while asked < length && ahead.len() < AHEAD {
            let part = step.min(length - asked);
            let part_length = u32::try_from(part).expect("a read is short");
            ahead.push_back((part, session.read(handle, asked, part_length)));
            asked += part;
        }
        let Some((part, next)) = ahead.pop_front() else {
            break;
        };
        let pieces = session.content(next).await?;
        let got: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        for piece in &pieces {
            sum.update(piece);
        }
        offset += got;
        if got == 0 {
            break;
        }
        if got < part {
            // The rest is asked for again, in order.
            ahead.clear();
            asked = offset;
        }
    }
    Ok(digits(&sum.finalize()))
}

/// Opens a local file to read from `start` on.
pub(super) fn open_at(roots: &Roots, path: &Path, start: u64) -> io::Result<File> {
    let mut file = roots.followed(path)?.open_to_read()?;
    if start > 0 {
        file.seek(SeekFrom::Start(start))?;
    }
    Ok(file)
}

/// Whether there is nothing but zeros, as in the hole of a sparse file.
pub(super) fn is_hole(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
