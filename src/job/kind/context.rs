//! The context of a running job.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::fleet::ChildEnd;
use super::{Outcome, Spec};
use crate::config::Config;
use crate::error::Error;
use crate::guard::Guard;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::job::outputs::{Outputs, Streams};
use crate::job::poll::PollTrigger;
use crate::job::stop::StopSignal;
use crate::sftp::FileVersions;
use crate::ssh::Pool;
use crate::ssh::prompt::link::TerminalLink;
use crate::store::{DataDirectory, StoredSecrets};
use crate::sync::NamedLocks;

/// The point at which a job begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStart {
    /// At its beginning.
    Fresh,
    /// At the point where a process that is gone has left it.
    Adopted,
}

/// Writes the outcomes so far into the records of live jobs.
pub trait OutcomeRecorder: Sync {
    /// Changes the outcome in a live job's record.
    fn change_outcome(&self, id: &JobId, change: Box<dyn FnOnce(&mut Outcome)>);

    /// Waits until every change made so far is durable.
    fn saved(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// A child that a job on many servers starts.
pub struct NewChild {
    /// Its ID.
    pub id: JobId,
    /// The job that starts it.
    pub parent: JobId,
    /// The server.
    pub alias: String,
    /// The other user as whom it runs there.
    pub sudo: Option<String>,
    /// The work.
    pub spec: Spec,
}

/// A child that has been started.
pub struct StartedChild {
    /// Comes back once it is known to have begun detached, or has ended.
    pub begun: BoxFuture<'static, ()>,
    /// Comes back once it has ended.
    pub ended: BoxFuture<'static, Result<ChildEnd, Error>>,
}

/// Starts and stops the children of a job on many servers.
pub trait ChildJobs: Sync {
    /// Records a child and starts it, if that is allowed.
    fn start_child(&self, child: NewChild) -> Result<StartedChild, Error>;

    /// Asks a child to stop.
    fn stop_child(&self, id: &JobId);
}

/// The context of a running job. It changes the record only by publishing an outcome.
pub struct Context<'a> {
    pub(in crate::job) job: &'a Header,
    /// The outcome in the record at the start.
    pub(in crate::job) recorded: &'a Outcome,
    pub(in crate::job) start: JobStart,
    pub(in crate::job) stop: &'a StopSignal,
    /// Links callers to the terminal of a command that has one.
    pub(in crate::job) link: &'a Arc<TerminalLink>,
    pub(in crate::job) trigger: &'a PollTrigger,
    pub(in crate::job) config: &'a Config,
    pub(in crate::job) data: &'a DataDirectory,
    pub(in crate::job) recorder: &'a dyn OutcomeRecorder,
    /// The engine, for a job on many servers.
    pub(in crate::job) children: &'a dyn ChildJobs,
    pub(in crate::job) outputs: &'a Outputs,
    /// Connections to the job's server.
    pub(in crate::job) pool: &'a Pool,
    /// Connections that only read, also from servers that nothing may change.
    pub(in crate::job) reading_pool: &'a Pool,
    pub(in crate::job) guard: &'a Guard,
    pub(in crate::job) secrets: &'a StoredSecrets,
    pub(in crate::job) versions: &'a FileVersions,
    /// Held by a job while it changes a file.
    pub(in crate::job) file_locks: &'a NamedLocks,
}

impl Context<'_> {
    /// Cancelled when the job is to stop.
    pub(super) fn cancel(&self) -> &CancellationToken {
        self.stop.token()
    }

    /// Waits until no other job of this process changes a file, and keeps others away from it.
    pub(super) async fn lock_file(&self, alias: &str, path: &str) -> OwnedMutexGuard<()> {
        self.file_locks.hold(format!("{alias} {path}")).await
    }

    /// Changes the outcome in the record.
    pub(super) fn change_outcome(&self, change: impl FnOnce(&mut Outcome) + 'static) {
        self.recorder.change_outcome(&self.job.id, Box::new(change));
    }

    /// Writes the outcome so far into the record.
    pub(super) fn publish(&self, outcome: Outcome) {
        self.change_outcome(|recorded| *recorded = outcome);
    }

    /// Writes the outcome so far into the record, and waits until it is on disk.
    pub(super) async fn save(&self, outcome: Outcome) -> Result<(), Error> {
        self.publish(outcome);
        self.recorder.saved().await
    }

    /// Streams of which nothing is kept but head and tail in memory.
    pub(super) fn scratch_output(&self) -> Streams {
        self.outputs.scratch(&self.job.id, &self.job.alias)
    }

    /// The streams of a command that begins.
    pub(super) fn begin_output(&self) -> Streams {
        self.note_encoding();
        self.outputs.begin(&self.job.id, &self.job.alias)
    }

    /// Notes in the record what the server prints in, where that is known already, for those who read the output
    /// while it comes. Returns it as well.
    pub(super) fn note_encoding(&self) -> Option<String> {
        let name = self.pool.charset(&self.job.alias).name()?;
        let noted = name.clone();
        self.change_outcome(|recorded| {
            if let Some(printed) = recorded.results_mut().printed_mut() {
                printed.encoding = Some(noted);
            }
        });
        Some(name)
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
