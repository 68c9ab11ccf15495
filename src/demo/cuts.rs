//! Connections that the embedded server cuts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::sync::lock;

/// Set while no number of bytes is to cut the connections.
const NEVER: u64 = u64::MAX;

/// Cuts the connections of an embedded server: now, or after so many bytes.
#[derive(Clone, Debug)]
pub struct Cuts(Arc<State>);

#[derive(Debug)]
struct State {
    /// Ends the connections of now.
    current: Mutex<CancellationToken>,
    /// Bytes that SFTP sessions may still take.
    bytes_left: AtomicU64,
}

impl Default for Cuts {
    fn default() -> Self {
        Self(Arc::new(State {
            current: Mutex::default(),
            bytes_left: AtomicU64::new(NEVER),
        }))
    }
}

impl Cuts {
    /// The token that ends a connection made now.
    pub(super) fn token(&self) -> CancellationToken {
        lock(&self.0.current).clone()
    }

    /// Cuts all connections. New ones are served.
    pub(super) fn cut(&self) {
        std::mem::take(&mut *lock(&self.0.current)).cancel();
    }

    /// Cuts all connections once SFTP sessions have received so many bytes.
    pub(super) fn cut_after(&self, bytes: u64) {
        self.0.bytes_left.store(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that an SFTP session has received.
    pub(super) fn count(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(NEVER);
        let left = &self.0.bytes_left;
        let spend = |left: u64| (left != NEVER).then(|| left.saturating_sub(bytes));
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        if before.is_ok_and(|before| before <= bytes) {
            left.store(NEVER, Ordering::Relaxed);
            self.cut();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_that_are_left_cut_once() {
        let cuts = Cuts::default();
        let first = cuts.token();
        cuts.count(1_000_000);
        assert!(!first.is_cancelled(), "nothing was to be cut");
        cuts.cut_after(10);
        cuts.count(9);
        assert!(!first.is_cancelled());
        cuts.count(1);
        let second = cuts.token();
        assert!(first.is_cancelled() && !second.is_cancelled());
        cuts.count(1_000_000);
        assert!(!second.is_cancelled());
    }
}
