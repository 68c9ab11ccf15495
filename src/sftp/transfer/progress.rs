//! Progress of a transfer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::sync::lock;

/// Figures of an active transfer.
#[derive(Debug, Default)]
pub struct TransferProgress {
    bytes: AtomicU64,
    files: AtomicUsize,
    resumed: AtomicU64,
    totals: Mutex<Option<TransferTotals>>,
}

/// Everything that a transfer is to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferTotals {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl TransferProgress {
    /// Bytes that have arrived.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Files that have arrived.
    pub fn files(&self) -> usize {
        self.files.load(Ordering::Relaxed)
    }

    /// Bytes that did not have to be sent again when files were resumed.
    pub fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    pub(crate) fn goes_on(&self, from: u64) {
        self.resumed.fetch_add(from, Ordering::Relaxed);
    }

    /// Total to be copied, once known.
    pub fn totals(&self) -> Option<TransferTotals> {
        *lock(&self.totals)
    }

    pub(crate) fn set_totals(&self, totals: TransferTotals) {
        *lock(&self.totals) = Some(totals);
    }

    /// Adds bytes that have arrived.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Subtracts bytes of a file that begins anew.
    pub(crate) fn take_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn file_arrived(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }
}
