//! What the files of a transfer share, what is remembered between attempts, and checksums.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::hex::digits;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::blocking;
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::path::RemotePath;
use crate::sftp::plan::destination::MayWrite;
use crate::sftp::session::{Handle, Session};
use crate::sftp::transfer::Options;
use crate::sftp::transfer::access::AccessLists;
use crate::sftp::transfer::backup::Backups;
use crate::sftp::transfer::notes::Notes;
use crate::sftp::transfer::progress::Progress;
use crate::ssh::{Pool, checksum};

/// Longest file that is read back rather than have the server compute its checksum.
const READ_BACK: u64 = 1024 * 1024;
/// Bytes read from a disk at once.
pub(crate) const BLOCK: usize = 1024 * 1024;

/// What the files of a transfer share.
pub(crate) struct TransferContext<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) alias: &'a str,
    /// Token of this transfer and its retries, for the names of part files.
    pub(crate) token: &'a str,
    /// Whether an earlier try may have left part files.
    pub(crate) resume: bool,
    pub(crate) options: Options,
    /// Most entries that may be listed.
    pub(crate) max_entries: usize,
    /// Bytes that a file may have beyond twice its reported length.
    pub(crate) max_growth: u64,
    /// Local directories that files are confined to.
    pub(crate) roots: &'a Roots,
    pub(crate) local: &'a LocalFilesystem,
    pub(crate) may_write: &'a MayWrite<'a>,
    pub(crate) progress: &'a Progress,
    pub(crate) notes: &'a Notes,
    pub(crate) cancel: &'a CancellationToken,
    /// Limits the large files under way: each takes memory.
    pub(crate) large: &'a Semaphore,
    /// Whether a file did not fit on the server.
    pub(crate) full: AtomicBool,
    pub(crate) refusals: ServerRefusals,
    /// Backups of files that are written in place.
    pub(crate) backups: &'a Backups,
    /// Hard links and access lists of files that are replaced.
    pub(crate) extras: &'a AccessLists,
}

/// Operations that the server refuses for every file.
#[derive(Debug, Default)]
pub(crate) struct ServerRefusals {
    /// Refused renames in a row.
    pub(crate) renames: AtomicUsize,
    /// Whether modes of new files cannot be set.
    pub(crate) modes: AtomicBool,
}

/// What is remembered of a file between two attempts.
#[derive(Debug, Default)]
pub(crate) struct ResumeState {
    /// Bytes from its beginning that have arrived for certain.
    arrived: AtomicU64,
    /// Whether writing it in place has begun.
    begun: AtomicBool,
    /// Whether the connection was lost in an earlier attempt: what was known of the target may have
    /// changed.
    pub(crate) was_lost: AtomicBool,
    /// How often that happened while the file was written in place.
    pub(crate) losses: AtomicU32,
    /// Whether it replaces a symbolic link.
    pub(crate) replaces_link: AtomicBool,
}

impl ResumeState {
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Whether writing it in place has begun.
    pub(crate) fn in_place_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Records whether writing it in place has begun.
    pub(crate) fn set_in_place_begun(&self, in_place_begun: bool) {
        self.begun.store(in_place_begun, Ordering::Relaxed);
    }

    /// Records how far the file has arrived without a gap.
    pub(crate) fn set_arrived(&self, bytes: u64, progress: &Progress) {
        let before = self.arrived.swap(bytes, Ordering::Relaxed);
        if bytes >= before {
            progress.add(bytes - before);
        } else {
            progress.take_back(before - bytes);
        }
    }
}

/// Runs work that can be abandoned when the transfer is cancelled.
pub(crate) async fn unless_cancelled<T>(
    context: &TransferContext<'_>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        outcome = work => outcome,
        () = context.cancel.cancelled() => Err(SftpError::cancelled()),
    }
}

/// Computes the SHA-256 of the first `length` bytes of a local file.
pub(crate) async fn local_sha256(roots: &Roots, path: &Path, length: u64) -> Result<String> {
    let (roots, path) = (roots.clone(), path.to_owned());
    blocking(move || {
        let (_, sum) = sum(&mut open_at(&roots, &path, 0)?.take(length))?;
        Ok(sum)
    })
    .await
}

/// Computes length and SHA-256 of what is left to read.
pub(crate) fn sum(content: &mut impl Read) -> Result<(u64, String)> {
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

/// Computes the SHA-256 of the first `length` bytes of a file on the server: by the shell there, or
/// else, and where the sum is not `expected`, from its bytes read back.
pub(crate) async fn remote_sha256(
    context: &TransferContext<'_>,
    session: &Session,
    path: &RemotePath,
    length: u64,
    expected: &str,
) -> Result<String> {
    // Names that are not UTF-8 cannot be put on a command line here.
    if length > READ_BACK
        && let Ok(name) = std::str::from_utf8(path.as_bytes())
        && let Some(sum) = checksum::sha256(context.pool, context.alias, name, length).await
        // A session confined to a directory sees other files than a shell does.
        && sum == expected
    {
        return Ok(sum);
    }
    let handle = session.open_read(path).await?;
    let sum = read_sum(session, &handle, length).await;
    drop(session.close(&handle));
    sum
}

async fn read_sum(session: &Session, handle: &Handle, length: u64) -> Result<String> {
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
        let pieces = session.wait_data(next).await?;
        let got: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        for piece in &pieces {
            sum.update(piece);
        }
        offset += got;
        if got == 0 {
            break;
        }
        if got < part {
            // The rest is requested again, in order.
            ahead.clear();
            asked = offset;
        }
    }
    Ok(digits(&sum.finalize()))
}

/// Opens a local file to read from `start` on.
pub(crate) fn open_at(roots: &Roots, path: &Path, start: u64) -> Result<File> {
    let mut file = roots.followed(path)?.open_read()?;
    if start > 0 {
        file.seek(SeekFrom::Start(start))?;
    }
    Ok(file)
}

/// Whether there are only zeros, as in the hole of a sparse file.
pub(crate) fn is_hole(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
