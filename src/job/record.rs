//! A job's record, as `queue.json` and every answer spell it.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value};

use super::answer::{AnswerText, ShownOutput, cut_long};
use super::header::Header;
use super::id::JobId;
use super::kind::change::FileChanged;
use super::kind::fleet::{ChildEnd, FleetOutcome};
use super::kind::transfer::TransferOutcome;
use super::kind::{Outcome, Spec, hide_text};
use super::printed::Printed;
use super::so_far::SoFar;
use super::stream::Stream;
use crate::charset::Charset;
use crate::error::Error;
use crate::time::{Timestamp, brief};

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
        Self::with_id(JobId::random(), alias, spec)
    }

    /// The same under an ID that is known already.
    pub(super) fn with_id(id: JobId, alias: &str, spec: &Spec) -> Self {
        let mut header = Header::new(id, spec.kind().record_type(), alias);
        let mut recorded = spec.clone();
        let is_masked = recorded.kind_mut().hide_secrets(alias);
        header.masked = is_masked.then_some(true);
        if !spec.kind().is_retryable() {
            header.max_retries = 0;
        }
        Self {
            outcome: spec.begin(&header.id),
            header,
            spec: recorded,
            unknown: Map::new(),
        }
    }

    /// Returns the end of a child, as its parent notes it.
    pub(super) fn child_end(&self) -> ChildEnd {
        ChildEnd {
            status: self.status,
            exit_code: self.exit_code(),
            error: self.error.clone(),
            error_code: self.error_code.clone(),
            duration: self.duration,
            put_back: self.changed().and_then(|change| change.put_back),
        }
    }

    /// Returns whether a retry of it takes more than its record has.
    pub(super) fn may_be_retried(&self) -> bool {
        let is_retryable = self.status.is_live() || self.status.can_retry();
        self.masked == Some(true) && is_retryable
    }

    /// Returns the work of a retry.
    pub(super) fn again(&self) -> Result<Spec, Error> {
        self.again_by(&self.spec)
    }

    /// The same, by its whole work.
    pub(super) fn again_by(&self, spec: &Spec) -> Result<Spec, Error> {
        match (spec, &self.outcome) {
            (Spec::Fleet(fleet), Outcome::Fleet(outcome)) => {
                fleet.again_where_needed(&self.id, outcome).map(Spec::from)
            }
            (spec, _) => spec.again(&self.id),
        }
    }

    /// Returns the outcome of a job of many servers.
    pub fn fleet(&self) -> Option<&FleetOutcome> {
        match &self.outcome {
            Outcome::Fleet(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Returns the ID of the child on a server, or its own if it ran there itself.
    pub fn child_on(&self, alias: &str) -> Result<JobId, Error> {
        let Some(outcome) = self.fleet() else {
            if alias == self.alias {
                return Ok(self.id.clone());
            }
            let problem = format!(
                "is not the server of task {}, which ran on `{}`",
                self.id, self.alias
            );
            return Err(Error::invalid("alias", problem));
        };
        let Some(child) = outcome.child(alias) else {
            let problem = format!("is none of the servers of task {}", self.id);
            return Err(Error::invalid("alias", problem));
        };
        child.task.clone().ok_or_else(|| {
            let problem = format!("is a server on which task {} was not begun", self.id);
            Error::invalid("alias", problem)
        })
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

    /// Returns the change of a file, so far while it runs.
    pub fn changed(&self) -> Option<&FileChanged> {
        match &self.outcome {
            Outcome::Change(outcome) => Some(&outcome.change),
            _ => None,
        }
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
    pub fn is_on_server(&self) -> bool {
        self.outcome.results().remote().is_some_and(|remote| {
            let is_collected = remote.collected == Some(true);
            !remote.directory_name().is_empty() && (self.status.is_live() || is_collected)
        })
    }

    /// Returns whether another process can go on with it once its own is gone.
    pub fn outlives_its_process(&self) -> bool {
        let is_sealed = || self.approval.as_ref().is_some_and(|one| one.sealed);
        self.is_on_server() || self.is_waiting() && (self.is_whole() || is_sealed())
    }

    /// Returns whether the record holds all of its work.
    pub(super) fn is_whole(&self) -> bool {
        self.masked.is_none() && self.again().is_ok()
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

    /// Returns whether it only asked a server something: about its state, its logs or its files.
    pub fn is_question(&self) -> bool {
        let spec = match &self.spec {
            Spec::Fleet(fleet) => fleet.each(),
            spec => spec,
        };
        matches!(
            spec,
            Spec::Probe(_) | Spec::FileLookup(_) | Spec::Compare(_)
        )
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

    /// Returns the answer's text about a job that has ended.
    pub fn text(&self, shown: &ShownOutput) -> String {
        self.outcome.render(self, shown)
    }

    /// Says what becomes of a job that goes on where this program ends.
    fn life(&self) -> Cow<'static, str> {
        let Some(remote) = self.outcome.results().remote() else {
            return Cow::Borrowed(if self.spec.kind().is_detached() {
                "Its tasks go on detached on their servers once they have begun, where those can; those that have not \
                 need this program."
            } else {
                "It goes on in the background, and ends with this program."
            });
        };
        remote.life().into()
    }

    /// The yes that it waits for, and the command that gives it.
    pub fn awaited_yes(&self) -> Option<String> {
        let agreement = self.approval.as_ref().filter(|_| self.is_waiting())?;
        Some(format!("waits for a person's yes: {}", agreement.approve))
    }

    /// Says why the server of a job that goes on there cannot be reached, if it cannot.
    pub(super) fn note_unreachable(&self, text: &mut AnswerText) {
        if let Some(problem) = self.unreachable() {
            text.note(format!(
                "Its server cannot be reached for the time being: {problem}"
            ));
        }
    }

    /// Returns the answer's text about a job that goes on: how far it is, and how to find it later.
    pub fn text_of_live(&self, so_far: &SoFar) -> String {
        let time = brief(self.created_at.elapsed());
        let mut text = AnswerText::of(self, format!("{} for {time}", self.status));
        let results = self.outcome.results();
        if let Some(agreement) = self.approval.as_ref().filter(|_| self.is_waiting()) {
            text.remark("waits for a person's yes");
            text.note(format!(
                "Nothing was done: `{}` asks for it. It begins once they agree; tell them to run `{}` at a terminal \
                 within ten minutes. task_wait takes it up, task_cancel withdraws it. Do not look for another way.",
                agreement.rule, agreement.approve
            ));
            if !self.outlives_its_process() {
                text.note(
                    "It ends with this program, which could not keep its secret or its texts.",
                );
            }
            return text.end();
        }
        match (results.progress(), so_far.lines) {
            (Some(progress), _) => text.remark(&progress),
            (None, 0) if so_far.last.is_empty() => text.remark("no output so far"),
            (None, 0 | 1) => text.remark("1 line so far"),
            (None, lines) => text.remark(&format!("{lines} lines so far")),
        }
        text.note(format!(
            "{} task_wait waits for it, task_output shows what it has printed, task_cancel stops it.",
            self.life()
        ));
        if let Some(notice) = &self.waits_for {
            text.note(notice);
        }
        self.note_unreachable(&mut text);
        if !so_far.last.is_empty() {
            text.separate("last lines of task");
            text.line(&so_far.last);
        }
        text.end()
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
            "createdAt": "2026-11-22T13:14:30.805Z", "duration": 30});
        let fields = record.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(fields);
        let job = serde_json::from_value::<Job>(whole).unwrap();
        let [stdout, stderr] = [Stream::Stdout, Stream::Stderr]
            .map(|stream| job.output(stream).unwrap_or_default().to_owned());
        job.text(&ShownOutput {
            stdout,
            stderr,
            ..ShownOutput::default()
        })
    }

    #[test]
    fn exit_status_time_and_task_come_first_and_the_output_follows() {
        for (record, expected) in [
            (
                json!({"status": "completed", "output": "hi", "stderr": "careful", "exitCode": 0}),
                "exit 0 in 0.03 s (task ID)\nhi\n--- stderr of task ID ---\ncareful",
            ),
            (
                json!({"status": "completed", "output": "", "exitCode": 0}),
                "exit 0 in 0.03 s, no output (task ID)",
            ),
            (
                json!({"status": "failed", "stderr": "oops", "exitCode": 3, "error": "Exit code: 3"}),
                "exit 3 in 0.03 s (task ID)\n--- stderr of task ID ---\noops",
            ),
            (
                json!({"status": "failed", "signal": "KILL", "error": "killed by signal KILL"}),
                "killed by signal KILL after 0.03 s, no output (task ID)",
            ),
            (
                json!({"status": "completed", "output": "hi", "exitCode": 0, "openEnded": true}),
                "exit 0 in 0.03 s, no newline at its end (task ID)\nhi",
            ),
            (
                json!({"status": "cancelled", "output": "hi", "error": "the command was stopped"}),
                "cancelled after 0.03 s: the command was stopped (task ID)\nhi",
            ),
            (
                json!({"status": "failed", "output": "hi", "errorCode": "COMMAND_TIMEOUT", "error": "x"}),
                "output so far (task ID)\nhi",
            ),
        ] {
            assert_eq!(text(&record), expected);
        }
    }

    #[test]
    fn notes_stand_apart_from_the_output() {
        let record =
            json!({"status": "completed", "output": "hi", "exitCode": 0, "leftRunning": true});
        let text = text(&record);
        assert!(text.ends_with(")\n--- stdout of task ID ---\nhi"), "{text}");
    }

    #[test]
    fn a_live_job_says_how_far_it_is_and_how_to_follow_it() {
        let mut job = job();
        job.enter(Status::Running);
        let so_far = SoFar {
            lines: 3,
            last: "2\n3".to_owned(),
        };
        let text = job.text_of_live(&so_far);
        let id = &job.id;
        assert!(text.starts_with("running for 0.0"), "{text}");
        assert!(
            text.contains(&format!(" s, 3 lines so far (task {id})\n")),
            "{text}"
        );
        assert!(text.contains("ends with this program") && text.contains("task_wait"));
        assert!(
            text.ends_with(&format!("--- last lines of task {id} ---\n2\n3")),
            "{text}"
        );
    }
}
