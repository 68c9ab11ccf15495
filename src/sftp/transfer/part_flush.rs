//! Part files that are written to disk together: a sync of each makes the disk wait every time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore, SemaphorePermit, oneshot};

use crate::sync::lock;

/// Fewest files for which it pays to flush whole filesystems, which also writes what others have left to memory.
const FEWEST: usize = 128;

/// Most files that wait for a flush before it begins: a flush takes about as long for many as for few.
const BATCH: usize = 1024;
/// Bytes that it then writes at most, but for those of the last few files: slow disks take seconds for them.
const BATCH_BYTES: u64 = 64 * 1024 * 1024;

/// The files of a transfer as they are written, a few at once, and then flushed, many at once.
pub(crate) struct PartFlush<P> {
    writing: Semaphore,
    /// Number of files that are not written yet.
    unwritten: AtomicUsize,
    waiting: Mutex<Vec<WaitingPart<P>>>,
    changed: Notify,
    is_on: AtomicBool,
}

/// A part file that is written and not flushed.
struct WaitingPart<P> {
    path: P,
    length: u64,
    is_flushed: oneshot::Sender<bool>,
}

/// The turn of a file to be written. It ends when dropped.
pub(crate) struct WritingTurn<'a, P> {
    _permit: Option<SemaphorePermit<'a>>,
    flush: &'a PartFlush<P>,
}

impl<P: Clone> PartFlush<P> {
    /// For so many files, of which `at_once` are written at once. `is_possible` says whether the target
    /// may be able to flush filesystems.
    pub(crate) fn new(files: usize, at_once: usize, is_possible: bool) -> Self {
        Self {
            writing: Semaphore::new(at_once),
            unwritten: AtomicUsize::new(files),
            waiting: Mutex::default(),
            changed: Notify::new(),
            is_on: AtomicBool::new(is_possible && files >= FEWEST),
        }
    }

    /// Returns whether files are flushed together, as far as is known.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Most files beyond those that are written at once: some wait for a flush while others are flushed.
    pub(crate) fn most_waiting(&self) -> usize {
        if self.is_on() { 2 * BATCH } else { 0 }
    }

    /// Waits for the turn of a file.
    pub(crate) async fn turn(&self) -> WritingTurn<'_, P> {
        WritingTurn {
            _permit: self.permit().await,
            flush: self,
        }
    }

    /// Waits until few enough files are in use at once.
    pub(crate) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.writing.acquire().await.ok()
    }

    /// Waits until the written part file at `path`, of this length, is on disk. Returns false if it has to be synced alone.
    pub(crate) async fn wait(&self, path: &P, length: u64) -> bool {
        let (is_flushed, outcome) = oneshot::channel();
        lock(&self.waiting).push(WaitingPart {
            path: path.clone(),
            length,
            is_flushed,
        });
        self.changed.notify_one();
        outcome.await.unwrap_or(false)
    }

    /// Ends flushes: every file is synced alone.
    pub(crate) fn stop(&self) {
        self.is_on.store(false, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Has `flush` write files to disk whenever many wait or all are written; `flush` returns whether that
    /// is certain.
    pub(crate) async fn run<T, F: Future<Output = bool>>(&self, flush: impl Fn(Vec<P>) -> F) -> T {
        loop {
            let batch = self.next_batch().await;
            let paths = batch.iter().map(|part| part.path.clone()).collect();
            let is_flushed = self.is_on() && flush(paths).await;
            if !is_flushed {
                self.stop();
            }
            for part in batch {
                // A cancelled file does not wait any more.
                let _ = part.is_flushed.send(is_flushed);
            }
        }
    }

    async fn next_batch(&self) -> Vec<WaitingPart<P>> {
        loop {
            {
                let mut waiting = lock(&self.waiting);
                let bytes: u64 = waiting.iter().map(|part| part.length).sum();
                let is_due = waiting.len() >= BATCH
                    || bytes >= BATCH_BYTES
                    || self.unwritten.load(Ordering::Relaxed) == 0
                    || !self.is_on();
                if is_due && !waiting.is_empty() {
                    return std::mem::take(&mut waiting);
                }
            }
            self.changed.notified().await;
        }
    }
}

impl<P> Drop for WritingTurn<'_, P> {
    fn drop(&mut self) {
        // A file that is tried again was counted before.
        let less = |left: usize| Some(left.saturating_sub(1));
        let _ = (self.flush.unwritten).fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        self.flush.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has so many of `files` files wait for a flush, which ends with `is_flushed`. Returns the outcomes, and
    /// the number of flushes.
    async fn flushed(files: usize, waiting: usize, is_flushed: bool) -> (Vec<bool>, usize) {
        let flush = PartFlush::new(files, 8, true);
        let count = AtomicUsize::new(0);
        let write = async |number: usize| {
            let turn = flush.turn().await;
            drop(turn);
            if number < waiting {
                flush.wait(&number, 1).await
            } else {
                is_flushed
            }
        };
        let all = futures_util::future::join_all((0..files).map(write));
        let outcomes = tokio::select! {
            outcomes = all => outcomes,
            never = flush.run(|_| {
                count.fetch_add(1, Ordering::Relaxed);
                std::future::ready(is_flushed)
            }) => never,
        };
        (outcomes, count.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn many_files_take_few_flushes_and_none_waits_for_ever() {
        for (files, waiting) in [
            (FEWEST, FEWEST),
            (3 * BATCH, 3 * BATCH),
            (3 * BATCH, 1),
            (BATCH + 1, BATCH),
        ] {
            let (outcomes, flushes) = flushed(files, waiting, true).await;
            assert!(outcomes.iter().all(|is_flushed| *is_flushed));
            assert!((1..=4).contains(&flushes), "{files}: {flushes}");
        }
    }

    #[tokio::test]
    async fn after_a_flush_that_is_not_certain_every_file_is_synced_alone() {
        let (outcomes, flushes) = flushed(4 * BATCH, 4 * BATCH, false).await;
        assert!(outcomes.iter().all(|is_flushed| !is_flushed));
        assert_eq!(flushes, 1);
    }

    #[tokio::test]
    async fn few_files_are_not_flushed_together() {
        assert!(!PartFlush::<()>::new(FEWEST - 1, 8, true).is_on());
        assert!(!PartFlush::<()>::new(10 * FEWEST, 8, false).is_on());
    }
}
