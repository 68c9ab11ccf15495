//! The common part of the records of all jobs.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::agreement::Agreement;
use super::ending::Ending;
use super::id::JobId;
use super::status::Status;
use crate::actor::Actor;
use crate::report::Report;
use crate::time::{Timestamp, brief, millis};

/// The number of times that a job may be retried.
const MAX_RETRIES: u32 = 3;

/// The time for which a finished job stays in the queue.
pub(super) const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The part of a record that all jobs have. `stored` writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Its name.
    pub id: JobId,
    /// The kind of work, in the words of the original.
    #[serde(skip)]
    pub record_type: &'static str,
    /// The server it concerns.
    pub alias: String,
    /// The other user of the server as whom it runs, through sudo.
    #[serde(default)]
    pub sudo: Option<String>,
    /// Set if a secret was left out of its commands, so that it cannot be retried.
    pub masked: Option<bool>,
    /// A notice for a person about a login that it waits for; not kept.
    #[serde(skip)]
    pub waits_for: Option<String>,

    /// Its status.
    pub status: Status,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// The number of retries before this one.
    #[serde(default)]
    pub retry_count: u32,
    /// The number of retries allowed.
    #[serde(default = "max_retries")]
    pub max_retries: u32,
    /// The job that this one retries.
    pub retried_from: Option<JobId>,
    /// The job of many servers that started it on one of them.
    pub parent: Option<JobId>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// When to remind of it.
    pub reminder_at: Option<Timestamp>,
    /// The process that runs it.
    pub owner: Option<String>,
    /// The one who wanted it.
    pub actor: Option<Actor>,
    /// The reason that the caller gave for it.
    pub reason: Option<String>,
    /// The agreement of a person, if it needs one.
    pub approval: Option<Agreement>,

    /// The reason for which it did not end well.
    pub error: Option<String>,
    /// The error's code, where the call failed rather than the command.
    pub error_code: Option<String>,
    /// The facts behind the error.
    pub error_details: Option<Map<String, Value>>,

    /// Its duration in ms.
    pub duration: Option<u64>,
    /// When it completed.
    pub completed_at: Option<Timestamp>,
    /// When it failed, in whole or in part, or was cancelled.
    pub failed_at: Option<Timestamp>,
    /// When it was found that its process is gone.
    pub crashed_at: Option<Timestamp>,
    /// Set if `task_retry` takes it.
    pub can_retry: Option<bool>,
}

fn max_retries() -> u32 {
    MAX_RETRIES
}

impl Header {
    /// Makes the header of a new pending job.
    pub(super) fn new(id: JobId, record_type: &'static str, alias: &str) -> Self {
        Self {
            id,
            record_type,
            alias: alias.to_owned(),
            sudo: None,
            masked: None,
            waits_for: None,
            status: Status::Pending,
            created_at: Timestamp::now(),
            retry_count: 0,
            max_retries: MAX_RETRIES,
            retried_from: None,
            parent: None,
            updated_at: None,
            reminder_at: None,
            owner: None,
            actor: None,
            reason: None,
            approval: None,
            error: None,
            error_code: None,
            error_details: None,
            duration: None,
            completed_at: None,
            failed_at: None,
            crashed_at: None,
            can_retry: None,
        }
    }

    /// Returns whether it waits for a person's yes.
    pub fn is_waiting(&self) -> bool {
        let waits = self
            .approval
            .as_ref()
            .is_some_and(|agreement| agreement.by.is_none());
        self.status == Status::Pending && waits
    }

    /// Sets the status and the times that go with it.
    pub fn enter(&mut self, status: Status) {
        let now = Timestamp::now();
        self.status = status;
        self.updated_at = Some(now);
        match status {
            Status::Pending | Status::Running => return,
            Status::Completed => self.completed_at = Some(now),
            Status::Crashed => self.crashed_at = Some(now),
            Status::Failed | Status::Partial | Status::Cancelled => self.failed_at = Some(now),
        }
        self.can_retry = status
            .can_retry()
            .then_some(self.retry_count < self.max_retries);
    }

    /// Takes over how the job has ended.
    pub(super) fn close(&mut self, ending: Ending) {
        self.error = ending.error;
        self.error_code = ending.code;
        self.error_details = ending.details.map(|mut details| {
            details.insert("taskId".to_owned(), self.id.as_str().into());
            details
        });
        self.enter(ending.status);
    }

    /// Marks the job as crashed: the process that ran it is gone, or is about to be.
    pub(super) fn crash(&mut self, reason: &str) {
        self.close(Ending::of(Status::Crashed, reason));
    }

    /// Notes how long it took.
    pub(super) fn took(&mut self, duration: Duration) {
        self.duration = Some(millis(duration));
    }

    /// The time that it took, for people.
    pub(super) fn time_taken(&self) -> Option<String> {
        Some(brief(Duration::from_millis(self.duration?)))
    }

    /// The time since it last changed.
    pub(super) fn age(&self) -> Duration {
        self.updated_at.unwrap_or(self.created_at).elapsed()
    }

    /// The time from its beginning for which its record is kept; `None` while it may change.
    pub fn lifetime(&self) -> Option<Duration> {
        if self.status.is_live() {
            return None;
        }
        let ended = self.updated_at.unwrap_or(self.created_at);
        Some(ended.since(self.created_at) + KEPT)
    }

    /// The failure to report to the caller, if the call itself failed.
    pub fn failure(&self) -> Option<Report> {
        Some(Report {
            code: self.error_code.clone()?,
            message: self.error.clone().unwrap_or_default(),
            details: self.error_details.clone().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_retry_cannot_be_retried() {
        let mut job = Header::new(JobId::random(), "ssh", "web1");
        job.retry_count = 3;
        job.enter(Status::Failed);
        assert_eq!(job.can_retry, Some(false));
        job.enter(Status::Completed);
        assert_eq!(job.can_retry, None);
    }
}
