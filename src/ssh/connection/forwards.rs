//! The forwarded channels of a connection, counted.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts the forwarded channels of a connection, and the requests for them.
#[derive(Debug, Default)]
pub(in crate::ssh) struct Forwards(watch::Sender<usize>);

/// One of them, counted until it is dropped.
pub(in crate::ssh) struct CountedForward(Arc<Forwards>);

/// The number of forwarded channels that share a connection, as it changes.
pub(crate) struct ForwardsInUse(watch::Receiver<usize>);

impl Forwards {
    /// Counts one more.
    pub(in crate::ssh) fn add(self: &Arc<Self>) -> CountedForward {
        self.0.send_modify(|count| *count += 1);
        CountedForward(Arc::clone(self))
    }
}

impl CountedForward {
    /// The number with this one.
    pub(in crate::ssh) fn in_use(&self) -> ForwardsInUse {
        ForwardsInUse(self.0.0.subscribe())
    }
}

impl Drop for CountedForward {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

impl ForwardsInUse {
    /// Returns true if there is only one.
    pub(crate) fn is_alone(&mut self) -> bool {
        *self.0.borrow_and_update() <= 1
    }

    /// Waits until the number has changed since it was looked at.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The connection is gone, which its channels notice.
            std::future::pending::<()>().await;
        }
    }
}
