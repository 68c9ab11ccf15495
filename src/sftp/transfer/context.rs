//! State that the files of a transfer share, and state that each keeps between attempts.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::fs::BriefWork;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::plan::destination::MayWrite;
use crate::sftp::request::TransferOptions;
use crate::sftp::transfer::access::AccessLists;
use crate::sftp::transfer::early::EarlySlot;
use crate::sftp::transfer::notes::Notes;
use crate::sftp::transfer::progress::TransferProgress;
use crate::sftp::transfer::replacement::Replacements;
use crate::sftp::versions::VersionKeeper;
use crate::ssh::Pool;
use crate::store::Backups;
use crate::sync::lock;

/// State and settings that the files of a transfer share.
pub(crate) struct TransferContext<'a, P> {
    pub(crate) pool: &'a Pool,
    pub(crate) alias: &'a str,
    /// Token of this transfer and its retries, for the names of part files.
    pub(crate) token: &'a str,
    /// True if an earlier try may have left part files.
    pub(crate) resume: bool,
    pub(crate) options: TransferOptions,
    /// Most entries that may be listed.
    pub(crate) max_entries: usize,
    /// Bytes that a file may have beyond twice its reported length.
    pub(crate) max_growth: u64,
    /// Local directories that files are confined to.
    pub(crate) roots: &'a Roots,
    /// The end besides the server.
    pub(crate) peer: &'a P,
    pub(crate) may_write: &'a MayWrite<'a>,
    pub(crate) progress: &'a TransferProgress,
    pub(crate) notes: &'a Notes,
    pub(crate) cancel: &'a CancellationToken,
    /// Limits the large files under way: each takes memory.
    pub(crate) large: &'a Semaphore,
    /// Set once a file did not fit on the server.
    pub(crate) full: AtomicBool,
    pub(crate) refusals: ServerRefusals,
    /// Backups of files that are written in place.
    pub(crate) backups: &'a Backups,
    pub(crate) replacements: &'a Replacements<'a>,
    /// Keeps versions of what is replaced or removed, where that is wanted.
    pub(crate) keeper: Option<VersionKeeper<'a>>,
    /// Hard links and access lists of files that are replaced.
    pub(crate) extras: &'a AccessLists,
    /// Short work on files of this machine.
    pub(crate) brief_work: BriefWork,
    /// The one file of the transfer, if it is being opened on the server already.
    pub(crate) early: &'a EarlySlot,
}

/// Operations that the server refuses for every file.
#[derive(Debug, Default)]
pub(crate) struct ServerRefusals {
    /// Refused renames in a row.
    pub(crate) renames: AtomicUsize,
    /// Set if modes of new files cannot be set.
    pub(crate) modes: AtomicBool,
}

/// State of a file that is kept between two attempts.
#[derive(Debug, Default)]
pub(crate) struct ResumeState {
    /// Bytes from its beginning that have arrived for certain.
    arrived: AtomicU64,
    /// Set once writing it in place has begun.
    in_place_begun: AtomicBool,
    /// Set if the connection was lost in an earlier attempt: the target may have changed since the plan.
    pub(crate) was_lost: AtomicBool,
    /// Number of lost connections while the file was written in place.
    pub(crate) losses: AtomicU32,
    /// Set if it replaces a symbolic link.
    pub(crate) replaces_link: AtomicBool,
    /// Set once the version of what it replaces is kept.
    pub(crate) is_kept: AtomicBool,
    /// SHA-256 of the new content, if that passed through memory whole.
    sha256: Mutex<Option<String>>,
}

impl ResumeState {
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Notes the SHA-256 of the new content.
    pub(crate) fn set_sha256(&self, sha256: String) {
        *lock(&self.sha256) = Some(sha256);
    }

    /// Takes it, as far as it is known.
    pub(crate) fn take_sha256(&self) -> Option<String> {
        lock(&self.sha256).take()
    }

    /// Returns whether writing it in place has begun.
    pub(crate) fn in_place_begun(&self) -> bool {
        self.in_place_begun.load(Ordering::Relaxed)
    }

    /// Records whether writing it in place has begun.
    pub(crate) fn set_in_place_begun(&self, in_place_begun: bool) {
        self.in_place_begun.store(in_place_begun, Ordering::Relaxed);
    }

    /// Records how far the file has arrived without a gap.
    pub(crate) fn set_arrived(&self, bytes: u64, progress: &TransferProgress) {
        let before = self.arrived.swap(bytes, Ordering::Relaxed);
        if bytes >= before {
            progress.add(bytes - before);
        } else {
            progress.take_back(before - bytes);
        }
    }
}

/// Runs work that can be abandoned when the transfer is cancelled.
pub(crate) async fn unless_cancelled<T, P>(
    context: &TransferContext<'_, P>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        outcome = work => outcome,
        () = context.cancel.cancelled() => Err(SftpError::cancelled()),
    }
}
