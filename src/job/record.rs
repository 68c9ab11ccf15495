//! A job's record, as `queue.json` and every answer spell it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::Printed;
use super::ending::Ending;
use super::id::JobId;
use super::kind::transfer::TransferOutcome;
use super::kind::{Outcome, Spec, hide_text};
use super::outputs::Stream;
use super::status::Status;
use crate::charset::Charset;
use crate::report::Report;
use crate::time::{Timestamp, millis};

/// How often a job may be retried.
const MAX_RETRIES: u32 = 3;

/// A job: what all kinds have in common, what this one does, and what came of it.
///
/// Fields that this version does not know are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
// What `stored` makes of it is the form on disk.
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What kind of work it is, in the words of the original.
    #[serde(rename = "type", skip_deserializing)]
    pub record_type: &'static str,
    /// The server it concerns.
    pub alias: String,
    /// What it does, with secrets masked.
    #[serde(flatten, skip_deserializing)]
    pub spec: Spec,
    /// Whether a secret was left out of its commands, so that it cannot be retried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked: Option<bool>,
    /// What a person has to know of a login that it waits for; not kept.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,

    /// Where it stands.
    pub status: Status,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// How often it was retried before.
    #[serde(default)]
    pub retry_count: u32,
    /// How often it may be.
    #[serde(default = "max_retries")]
    pub max_retries: u32,
    /// The job that this one retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_from: Option<JobId>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// When to remind of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder_at: Option<Timestamp>,
    /// The process that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,

    /// What came of it, or has come of it so far.
    #[serde(flatten, skip_deserializing)]
    pub outcome: Outcome,
    /// Why it did not end well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The error's code, where the call failed rather than the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The facts behind the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_details: Option<Map<String, Value>>,

    /// How long it took, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// When it completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it failed, in whole or in part, or was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
    /// When it was found that its process is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crashed_at: Option<Timestamp>,
    /// Whether `task_retry` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_retry: Option<bool>,

    /// What another version wrote.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

fn max_retries() -> u32 {
    MAX_RETRIES
}

impl Job {
    /// A new pending job that does this. Secrets that stand in its commands are not recorded.
    pub fn new(alias: &str, spec: &Spec) -> Self {
        let id = JobId::random();
        let mut recorded = spec.clone();
        let is_masked = recorded.kind_mut().hide_secrets(alias);
        Self {
            record_type: spec.kind().record_type(),
            alias: alias.to_owned(),
            spec: recorded,
            masked: is_masked.then_some(true),
            waits_for: None,
            status: Status::Pending,
            created_at: Timestamp::now(),
            retry_count: 0,
            max_retries: MAX_RETRIES,
            retried_from: None,
            updated_at: None,
            reminder_at: None,
            owner: None,
            outcome: spec.begin(&id),
            error: None,
            error_code: None,
            error_details: None,
            duration: None,
            completed_at: None,
            failed_at: None,
            crashed_at: None,
            can_retry: None,
            unknown: Map::new(),
            id,
        }
    }

    /// What its commands have printed.
    pub fn printed(&self) -> Option<&Printed> {
        self.outcome.results().printed()
    }

    /// The text that the record has of a stream.
    pub fn output(&self, stream: Stream) -> Option<&str> {
        self.outcome.results().text(stream)
    }

    /// Whether the record leaves out a middle part of its outputs.
    pub fn is_truncated(&self) -> bool {
        self.printed()
            .is_some_and(|printed| printed.truncated == Some(true))
    }

    /// The encoding of what its commands have printed.
    pub fn charset(&self) -> Charset {
        self.printed().map(Printed::charset).unwrap_or_default()
    }

    /// How far a transfer has come.
    pub fn transferred(&self) -> Option<&TransferOutcome> {
        match &self.outcome {
            Outcome::Transfer(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Why its server cannot be reached for the time being, where it goes on there.
    pub fn unreachable(&self) -> Option<&str> {
        self.outcome.results().remote()?.unreachable.as_deref()
    }

    /// Whether there is still something to do about it on the server.
    pub(super) fn is_on_server(&self) -> bool {
        self.outcome.results().remote().is_some_and(|remote| {
            let is_collected = remote.collected == Some(true);
            !remote.directory_name().is_empty() && (self.status.is_live() || is_collected)
        })
    }

    /// The record as the queue keeps it.
    pub(super) fn shortened(&self) -> Self {
        let mut short = self.clone();
        short.outcome.results_mut().shorten();
        short
    }

    /// Moves on to `status`, with the moments that go with it.
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

    /// Ends so.
    pub(super) fn close(&mut self, ending: Ending) {
        self.error = ending.error;
        self.error_code = ending.code;
        self.error_details = ending.details.map(|mut details| {
            details.insert("taskId".to_owned(), self.id.as_str().into());
            details
        });
        self.enter(ending.status);
    }

    /// Ends because the process that ran it is gone, or is about to be.
    pub(super) fn crash(&mut self, reason: &str) {
        self.close(Ending::of(Status::Crashed, reason));
    }

    /// Masks the secrets in what others have said of the job: servers, commands, this system.
    pub(super) fn hide_secrets(&mut self) {
        let texts = self.outcome.results_mut().texts();
        for text in texts.into_iter().chain(&mut self.error) {
            hide_text(&self.alias, text);
        }
    }

    /// The failure to report to the caller, if the call itself failed.
    pub fn failure(&self) -> Option<Report> {
        Some(Report {
            code: self.error_code.clone()?,
            message: self.error.clone().unwrap_or_default(),
            details: self.error_details.clone().unwrap_or_default(),
        })
    }

    /// What the job does, in a line.
    pub fn summary(&self) -> String {
        self.spec.kind().summary()
    }

    /// The reminder that is due, if one is.
    pub fn reminder(&self) -> Option<String> {
        self.reminder_at
            .filter(|due| *due <= Timestamp::now())
            .map(|due| {
                format!(
                    "due since {due}: task {} on `{}` is {}: {}",
                    self.id,
                    self.alias,
                    self.status,
                    self.summary()
                )
            })
    }

    /// Notes how long it took.
    pub(super) fn took(&mut self, duration: std::time::Duration) {
        self.duration = Some(millis(duration));
    }

    /// The record as JSON, with a reminder that is due.
    pub fn to_json(&self) -> Value {
        let mut value = serde_json::to_value(self).expect("a record has only string keys");
        if let (Some(reminder), Some(object)) = (self.reminder(), value.as_object_mut()) {
            object.insert("reminder".to_owned(), reminder.into());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::exec::Exec;
    use super::*;
    use crate::ssh::Bound;

    fn job() -> Job {
        Job::new(
            "web1",
            &Exec::new("true".into(), None, Bound::default()).into(),
        )
    }

    #[test]
    fn a_record_of_the_original_loads_and_keeps_its_fields() {
        let text = r#"{"id": "96053038", "type": "ssh", "alias": "s", "cmd": "uptime", "streaming": false,
            "createdAt": "2026-11-22T13:14:30.805Z", "retryCount": 0, "maxRetries": 3, "status": "completed",
            "output": "up", "stderr": "", "exitCode": 0, "duration": 272, "lineCount": 1}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        let written = job.to_json();
        assert_eq!(
            (job.status, &written["exitCode"]),
            (Status::Completed, &0.into())
        );
        assert_eq!(written["streaming"], false);
        assert_eq!(
            job.unknown.keys().collect::<Vec<_>>(),
            ["streaming"],
            "no known field is left among the unknown ones"
        );
    }

    #[test]
    fn only_a_reminder_that_is_due_shows() {
        let mut job = job();
        job.reminder_at = Some(Timestamp::now().after(std::time::Duration::from_secs(60)));
        assert_eq!(job.to_json().get("reminder"), None);
        job.reminder_at = Some(Timestamp::now());
        assert!(
            job.to_json()["reminder"]
                .as_str()
                .unwrap()
                .contains("is pending")
        );
    }

    #[test]
    fn the_last_retry_cannot_be_retried() {
        let mut job = job();
        job.retry_count = 3;
        job.enter(Status::Failed);
        assert_eq!(job.can_retry, Some(false));
        job.enter(Status::Completed);
        assert_eq!(job.can_retry, None);
    }
}
