//! Signals between the callers that ask for a detached job and the task that polls it.

use tokio::sync::{Notify, watch};

/// Triggers a poll of a detached job, and tells its callers when it is done.
#[derive(Debug, Default)]
pub(super) struct PollTrigger {
    asked: Notify,
    polls: watch::Sender<u64>,
    begun: watch::Sender<bool>,
}

impl PollTrigger {
    /// Waits until the job has begun on the server.
    pub(super) async fn begun(&self) {
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Says that the job has begun on the server.
    pub(super) fn set_begun(&self) {
        self.begun.send_replace(true);
    }

    /// Triggers a poll, and waits until it is done.
    pub(super) async fn poll(&self) {
        let mut polls = self.polls.subscribe();
        // A poll that is under way may have missed what the caller wants to know: the next one has not.
        for _ in 0..2 {
            self.ask();
            let _ = polls.changed().await;
        }
    }

    /// Triggers a poll.
    pub(super) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Waits until somebody asks for a poll.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Says that the job was polled.
    pub(super) fn polled(&self) {
        self.polls.send_modify(|polls| *polls += 1);
    }
}
