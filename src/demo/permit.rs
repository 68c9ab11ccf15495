//! Permits for the sessions of a connection to the embedded server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One of the sessions that a connection may have at once; given back when dropped.
pub struct SessionPermit(Arc<AtomicUsize>);

impl SessionPermit {
    /// Takes a permit if fewer than `limit` are taken.
    pub(super) fn take(taken: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let permit = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < limit).then_some(count + 1)
        });
        permit.ok().map(|_| Self(Arc::clone(taken)))
    }
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
