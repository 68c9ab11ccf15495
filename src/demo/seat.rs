//! A place for a session on a connection of the embedded server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A session's place among those that a connection may have; free again once dropped.
pub(super) struct Seat(Arc<AtomicUsize>);

impl Seat {
    /// Takes a place if fewer than `limit` are taken.
    pub(super) fn take(taken: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let seat = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < limit).then_some(count + 1)
        });
        seat.ok().map(|_| Self(Arc::clone(taken)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
