//! The versions that a running task keeps: many are written and synced at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, SemaphorePermit};

use super::{KeptVersion, LONGEST_VERSION};
use crate::error::Error;
use crate::fs::blocking;
use crate::store::{MOST_VERSION_BYTES, NewVersion, Versions};
use crate::sync::lock;

/// Records without contents that wait until they are written together.
const WAITING: usize = 256;
/// Bytes of old contents that stand for one permit to hold them in memory.
const PERMIT: u64 = 64 * 1024;

/// The versions that a running task keeps.
pub struct VersionPack {
    versions: Versions,
    task: String,
    waiting: Mutex<WaitingVersions>,
    /// Held while versions are written.
    written: AsyncMutex<WrittenVersions>,
    /// Limits the old contents in memory.
    memory: Semaphore,
    /// Bytes of the contents that were kept.
    kept: AtomicU64,
    lost: Mutex<Vec<LostVersion>>,
}

/// Versions that wait to be written.
#[derive(Default)]
struct WaitingVersions {
    versions: Vec<NewVersion<KeptVersion>>,
    is_durable: bool,
    /// Number of all versions so far.
    added: u64,
}

/// The progress of writing versions.
#[derive(Default)]
struct WrittenVersions {
    count: u64,
    /// After a failure nothing more is kept.
    failure: Option<Error>,
}

/// A version of which the content is not kept.
struct LostVersion {
    version: KeptVersion,
    reason: String,
}

impl VersionPack {
    pub(super) fn new(versions: Versions, task: &str) -> Self {
        let permits = usize::try_from(LONGEST_VERSION / PERMIT).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            versions,
            task: task.to_owned(),
            waiting: Mutex::default(),
            written: AsyncMutex::default(),
            memory: Semaphore::new(permits),
            kept: AtomicU64::new(0),
            lost: Mutex::default(),
        }
    }

    pub(super) fn task(&self) -> &str {
        &self.task
    }

    /// Waits until an old content of that length may be held in memory.
    pub async fn hold(&self, length: u64) -> Option<SemaphorePermit<'_>> {
        let permits = length.min(LONGEST_VERSION).div_ceil(PERMIT).max(1);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        self.memory.acquire_many(permits).await.ok()
    }

    /// Takes room for an old content; false where the task has kept as much as it may.
    pub(super) fn take_room(&self, length: u64) -> bool {
        let take = |kept: u64| {
            kept.checked_add(length)
                .filter(|all| *all <= MOST_VERSION_BYTES)
        };
        self.kept
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    /// Keeps a version. On return it is on disk.
    pub async fn keep(&self, version: KeptVersion, content: Option<Bytes>) -> Result<(), Error> {
        let number = self.add(version, content, true);
        self.write_up_to(number).await
    }

    /// Notes what a task creates. It is on disk sooner or later.
    pub async fn note(&self, version: KeptVersion) -> Result<(), Error> {
        let number = self.add(version, None, false);
        if lock(&self.waiting).versions.len() < WAITING {
            return Ok(());
        }
        self.write_up_to(number).await
    }

    /// Notes a version whose content is not kept, and why.
    pub(super) fn lose(&self, version: KeptVersion, reason: String) {
        lock(&self.lost).push(LostVersion { version, reason });
    }

    /// Returns the number of the version.
    fn add(&self, record: KeptVersion, content: Option<Bytes>, is_durable: bool) -> u64 {
        let mut waiting = lock(&self.waiting);
        waiting.versions.push(NewVersion { record, content });
        waiting.is_durable |= is_durable;
        waiting.added += 1;
        waiting.added
    }

    /// Writes all that waits, unless another has done so: of many that are kept at once, the first to come
    /// writes them all.
    async fn write_up_to(&self, number: u64) -> Result<(), Error> {
        let mut written = self.written.lock().await;
        if let Some(failure) = &written.failure {
            return Err(failure.clone());
        }
        if written.count >= number {
            return Ok(());
        }
        let (some, is_durable, added) = {
            let mut waiting = lock(&self.waiting);
            let is_durable = std::mem::take(&mut waiting.is_durable);
            (
                std::mem::take(&mut waiting.versions),
                is_durable,
                waiting.added,
            )
        };
        let (versions, task) = (self.versions.clone(), self.task.clone());
        let done = blocking(move || versions.add(&task, &some, is_durable)).await;
        written.count = added;
        written.failure = done.err();
        written.failure.clone().map_or(Ok(()), Err)
    }

    /// Writes what waits. Returns a sentence about the files that have no way back.
    pub async fn finish(&self) -> Option<String> {
        let lost = std::mem::take(&mut *lock(&self.lost));
        let mut added = lock(&self.waiting).added;
        // An undo tells of them, if there is something that it can put back.
        if added > 0 {
            for LostVersion { version, .. } in &lost {
                added = self.add(version.clone(), None, false);
            }
            if let Err(error) = self.write_up_to(added).await {
                return Some(format!("there is no undo for what was created: {error}"));
            }
        }
        told(&lost)
    }
}

/// Says which files have no way back.
fn told(lost: &[LostVersion]) -> Option<String> {
    let LostVersion { version, reason } = lost.first()?;
    let first = &version.path;
    Some(match lost.len() {
        1 => format!("there is no undo for `{first}`: {reason}"),
        count => format!("there is no undo for {count} files, the first `{first}`: {reason}"),
    })
}
