//! The request to stop that a running job gets.

use tokio_util::sync::CancellationToken;

/// Tells a job that it is to stop. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct StopSignal {
    asked: CancellationToken,
    insisted: CancellationToken,
}

impl StopSignal {
    /// Asks the job to stop. The second time insists.
    pub(super) fn ask(&self) {
        if self.asked.is_cancelled() {
            self.insisted.cancel();
        }
        self.asked.cancel();
    }

    /// The token of the first request.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.asked
    }

    /// Waits until somebody has asked.
    pub(super) async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Waits until somebody has asked twice.
    pub(super) async fn insisted(&self) {
        self.insisted.cancelled().await;
    }
}
