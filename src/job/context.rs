//! What a job works with while it runs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::kind::Outcome;
use super::outputs::{Outputs, Streams};
use super::poll::PollTrigger;
use super::queue::Queue;
use super::record::Job;
use super::stop::StopSignal;
use crate::config::Config;
use crate::error::Error;
use crate::guard::Guard;
use crate::ssh::Pool;

/// Where a job begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// At its beginning.
    Fresh,
    /// Where a process that is gone has left it.
    Adopted,
}

/// What a job works with. Nothing of it writes into the record but what its methods publish.
pub struct Context<'a> {
    /// The record at the start.
    pub(super) job: &'a Job,
    pub(super) start: Start,
    pub(super) stop: &'a StopSignal,
    pub(super) trigger: &'a PollTrigger,
    pub(super) config: &'a Config,
    pub(super) queue: &'a Arc<Queue>,
    pub(super) outputs: &'a Outputs,
    pub(super) pool: &'a Pool,
    pub(super) guard: &'a Guard,
}

impl Context<'_> {
    /// Cancelled when the job is to stop.
    pub(super) fn cancel(&self) -> &CancellationToken {
        self.stop.token()
    }

    /// Shows in the record what has come of the job so far.
    pub(super) fn publish(&self, outcome: Outcome) {
        let publish = |job: &mut Job| job.outcome = outcome;
        self.queue.note_progress(&self.job.id, publish);
    }

    /// The same, and waits until it is on disk.
    pub(super) async fn save(&self, outcome: Outcome) -> Result<(), Error> {
        self.publish(outcome);
        self.queue.flush().await
    }

    /// The streams of a command that begins. The record says what the server prints in, where that is
    /// known already, for those who read the output while it runs.
    pub(super) fn begin_output(&self) -> Streams {
        if let Some(name) = self.pool.charset(&self.job.alias).name() {
            self.queue.note_progress(&self.job.id, |job| {
                if let Some(printed) = job.outcome.results_mut().printed_mut() {
                    printed.encoding = Some(name);
                }
            });
        }
        self.outputs.begin(&self.job.id, &self.job.alias)
    }
}

/// A call's own timeout in seconds, or the configured one; 0 is none.
pub(super) fn limit_of(seconds: Option<f64>, default: Option<Duration>) -> Option<Duration> {
    match seconds {
        None => default,
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|limit| !limit.is_zero()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_timeout() {
        let default = Some(Duration::from_secs(300));
        assert_eq!(limit_of(None, default), default);
        assert_eq!(limit_of(Some(0.0), default), None);
        assert_eq!(
            limit_of(Some(1.5), default),
            Some(Duration::from_millis(1500))
        );
    }
}
