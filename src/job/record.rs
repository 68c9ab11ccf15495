//! A job's record, as `queue.json` and every answer spell it.

use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value};

use super::answer::cut_long;
use super::header::Header;
use super::id::JobId;
use super::kind::transfer::TransferOutcome;
use super::kind::{Outcome, Spec, hide_text};
use super::printed::Printed;
use super::stream::Stream;
use crate::charset::Charset;
use crate::time::Timestamp;

/// A job: what all kinds have in common, what this one does, and what came of it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The part that all jobs have. Its fields are read and written as the job's own.
    pub header: Header,
    /// Its work, with secrets masked.
    pub spec: Spec,
    /// Its outcome, so far while it runs.
    pub outcome: Outcome,
    /// Fields that another version wrote. They are kept.
    pub unknown: Map<String, Value>,
}

impl Deref for Job {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}

impl DerefMut for Job {
    fn deref_mut(&mut self) -> &mut Header {
        &mut self.header
    }
}

impl Job {
    /// A new pending job that does this. Secrets that stand in its commands are not recorded.
    pub fn new(alias: &str, spec: &Spec) -> Self {
        let mut header = Header::new(JobId::random(), spec.kind().record_type(), alias);
        let mut recorded = spec.clone();
        let is_masked = recorded.kind_mut().hide_secrets(alias);
        header.masked = is_masked.then_some(true);
        Self {
            outcome: spec.begin(&header.id),
            header,
            spec: recorded,
            unknown: Map::new(),
        }
    }

    /// Returns the output of its commands.
    pub fn printed(&self) -> Option<&Printed> {
        self.outcome.results().printed()
    }

    /// The text that the record has of a stream.
    pub fn output(&self, stream: Stream) -> Option<&str> {
        self.outcome.results().text(stream)
    }

    /// Returns the exit status of its command, or of its last step.
    pub fn exit_code(&self) -> Option<u32> {
        self.outcome.results().exit()?.code
    }

    /// Returns whether the record leaves out a middle part of its outputs.
    pub fn is_truncated(&self) -> bool {
        self.printed()
            .is_some_and(|printed| printed.truncated == Some(true))
    }

    /// The encoding of what its commands have printed.
    pub fn charset(&self) -> Charset {
        self.printed().map(Printed::charset).unwrap_or_default()
    }

    /// Returns the progress or outcome of a transfer.
    pub fn transferred(&self) -> Option<&TransferOutcome> {
        match &self.outcome {
            Outcome::Transfer(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Returns the reason for which the server of a detached job cannot be reached at present.
    pub fn unreachable(&self) -> Option<&str> {
        self.outcome.results().remote()?.unreachable.as_deref()
    }

    /// Returns whether a detached job still runs on its server, or has files there to be removed.
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

    /// Masks the secrets in what others have said of the job: servers, commands, this system.
    pub(super) fn hide_secrets(&mut self) {
        let texts = self.outcome.results_mut().texts();
        let Header { alias, error, .. } = &mut self.header;
        for text in texts.into_iter().chain(error) {
            hide_text(alias, text);
        }
    }

    /// Describes the job in a line.
    pub fn summary(&self) -> String {
        self.spec.kind().summary()
    }

    /// The tool that asked for it; empty if that is not known.
    pub fn tool(&self) -> &'static str {
        self.spec.kind().tool()
    }

    /// Returns whether it is a question of a monitoring tool.
    pub fn is_probe(&self) -> bool {
        matches!(self.spec, Spec::Probe(_))
    }

    /// The time for which a reminder is due, if one is.
    pub fn due(&self) -> Option<Timestamp> {
        self.reminder_at.filter(|due| *due <= Timestamp::now())
    }

    /// The time at which it ended, if it has.
    pub fn ended_at(&self) -> Option<Timestamp> {
        let ended = [self.completed_at, self.failed_at, self.crashed_at];
        ended.into_iter().flatten().next()
    }

    /// The reminder that is due, if one is.
    pub fn reminder(&self) -> Option<String> {
        self.due().map(|due| {
            format!(
                "due since {due}: task {} on `{}` is {}: {}",
                self.id,
                self.alias,
                self.status,
                self.summary()
            )
        })
    }

    /// The record as JSON, with a reminder that is due.
    pub fn to_json(&self) -> Value {
        let mut value = serde_json::to_value(self).expect("a record has only string keys");
        if let (Some(reminder), Some(object)) = (self.reminder(), value.as_object_mut()) {
            object.insert("reminder".to_owned(), reminder.into());
        }
        value
    }

    /// The record as an answer carries it.
    #[must_use]
    pub fn for_answer(&self) -> Self {
        let mut job = self.clone();
        for command in job.spec.kind_mut().commands() {
            cut_long(command);
        }
        job.outcome.results_mut().shorten_for_answer();
        job
    }

    /// Returns the answer's text about the job: its result, or how to find it later.
    pub fn text(&self) -> String {
        if self.status.is_live() {
            return self.text_of_live();
        }
        self.outcome.render(self)
    }

    fn text_of_live(&self) -> String {
        let remote = self.outcome.results().remote();
        let how = match remote.map(|remote| remote.begun == Some(true)) {
            Some(true) => {
                "goes on detached on its server, whatever becomes of this connection and program"
            }
            Some(false) => "is to be started detached, and has not been seen to begin",
            None => "goes on in the background",
        };
        let mut text = format!(
            "task {} {how} (status: {}). task_wait waits for it, task_output shows what it has printed, \
             task_status shows it, task_cancel stops it.",
            self.id, self.status
        );
        if let Some(notice) = &self.waits_for {
            text.push('\n');
            text.push_str(notice);
        }
        if let Some(problem) = self.unreachable() {
            text.push_str("\nIts server cannot be reached for the time being: ");
            text.push_str(problem);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kind::exec::Exec;
    use super::super::status::Status;
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

    /// Returns the answer's text about a command with this record.
    fn text(record: &Value) -> String {
        let mut whole = json!({"id": "ID", "type": "ssh", "alias": "web1", "cmd": "true",
            "createdAt": "2026-11-22T13:14:30.805Z"});
        let fields = record.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(fields);
        serde_json::from_value::<Job>(whole).unwrap().text()
    }

    #[test]
    fn success_shows_the_output_first() {
        let text = text(&json!({"status": "completed", "output": "hi", "stderr": "careful"}));
        assert_eq!(
            text,
            "Direct result (task ID):\nhi\n--- stderr ---\ncareful"
        );
    }

    #[test]
    fn silence_is_said() {
        let text = text(&json!({"status": "completed", "output": ""}));
        assert_eq!(text, "Direct result (task ID):\n(no output, exit status 0)");
    }

    #[test]
    fn failure_shows_exit_status_stderr_and_stdout() {
        let text = text(
            &json!({"status": "failed", "output": "partly", "stderr": "oops",
            "exitCode": 3, "error": "Exit code: 3"}),
        );
        assert_eq!(
            text,
            "Direct result (task ID):\nexit status 3\n--- stderr ---\noops\n--- stdout ---\npartly"
        );
    }

    #[test]
    fn a_live_job_says_how_to_follow_it() {
        let text = text(&json!({"status": "running"}));
        assert!(text.contains("task ID goes on in the background") && text.contains("running"));
        assert!(text.contains("task_wait") && text.contains("task_status"));
    }
}
