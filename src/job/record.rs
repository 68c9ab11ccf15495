//! A job's record, as `queue.json` and every answer spell it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::id::JobId;
use super::sequence::{Step, StepResult};
use super::status::{Kind, Status};
use crate::charset::Charset;
use crate::error::{FailedFile, Stopped};
use crate::report::Report;
use crate::sftp::Progress;
use crate::sftp::transfer::{Direction, Entry};
use crate::ssh::Output;
use crate::ssh::output::FEW;
use crate::text::{abridge, tell_loss};
use crate::time::{Timestamp, millis};

/// Where detached jobs live on their servers.
const REMOTE_BASE: &str = "~/.mcp-sftp-orchestrator";

/// How often a job may be retried.
const MAX_RETRIES: u32 = 3;

/// A job. Fields that this version does not know are kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What kind of work it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The server it concerns.
    pub alias: String,

    /// The tool whose own command it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<String>,
    /// The command's own timeout, in seconds; 0 is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Most lines that are taken of the command's output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lines: Option<u64>,
    /// Seconds for which the command is listened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_timeout: Option<f64>,
    /// Whether it was stopped there, or some of its output was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounded: Option<bool>,
    /// The bound that it came to: so many lines, or seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounded_by: Option<String>,
    /// Whether the command outlives the connection and the process that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detach: Option<bool>,
    /// Where a detached command's output and exit status lie on the server, until they are collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_directory: Option<String>,
    /// The server that a detached command was started on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whether a detached command is known to have begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begun: Option<bool>,
    /// Whether all that a detached command has left is here, so that it may be removed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected: Option<bool>,
    /// Whether a detached command was asked to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<bool>,
    /// Why a detached command cannot be looked at for the time being.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
    /// What a person has to know of a login that it waits for; not kept.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Whether the command ran at a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interactive: Option<bool>,
    /// Whether the usual prompts got a yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_respond: Option<bool>,
    /// Answers by prompt, masked where they might be secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responses: Option<IndexMap<String, String>>,
    /// The commands of a sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<Step>>,
    /// Whether a sequence goes on where a step fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_on_error: Option<bool>,
    /// The shell that ran a sequence, where it was not the login shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Which way the transfer goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// What a transfer of several entries moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<Entry>>,
    /// Whether checksums of both sides were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
    /// Whether existing files were written themselves rather than replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_place: Option<bool>,
    /// Whether directories that are links on the server were gone through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_directory_links: Option<bool>,
    /// What tells a transfer's part files from others: the first try's ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Whether a secret was left out of its commands, so that it cannot be retried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked: Option<bool>,
    /// The transfer's path on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    /// The transfer's path on the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,

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

    /// Head and tail of standard output; of a transfer, its summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Head and tail of standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// The command's exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u32>,
    /// The signal that ended the command, without `SIG`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Lines of standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_count: Option<u64>,
    /// Whether the command ran past its timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timed_out: Option<bool>,
    /// What came of each step of a sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<StepResult>>,
    /// Bytes of standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Bytes of standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_bytes: Option<u64>,
    /// Why the output's file is not whole, where a write failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_problem: Option<String>,
    /// Whether `output` or `stderr` leave out a middle part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    /// Whether `output` or `stderr` says only how much there is, for it is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<bool>,
    /// The encoding of what was printed, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// What became of the remote process of a job that was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Stopped>,
    /// Whether a process that it left in the background holds its output, or its terminal, which has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_running: Option<bool>,
    /// Whether a pager that waited for keys was quit, with what it had not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pager_quit: Option<bool>,
    /// Files that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_done: Option<usize>,
    /// Files of a transfer in all, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_total: Option<usize>,
    /// Bytes that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes in all, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
    /// Bytes that were there already when a transfer went on after a lost line or in a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_bytes: Option<u64>,
    /// Where what arrived lies: a file, or the directory that things went into; the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<String>>,
    /// Whether the checksums of both sides were the same for every file that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Files that did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_files: Option<Vec<FailedFile>>,
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
    pub other: Map<String, Value>,
}

fn max_retries() -> u32 {
    MAX_RETRIES
}

impl Job {
    /// A pending job, with nothing of its operation yet.
    pub fn new(kind: Kind, alias: &str) -> Self {
        Self {
            id: JobId::random(),
            kind,
            alias: alias.to_owned(),
            max_retries: MAX_RETRIES,
            ..Self::default()
        }
    }

    /// Makes it a detached one, with a directory on the server that no other job has.
    pub(super) fn detach(&mut self) {
        self.detach = Some(true);
        let name = format!("{}-{}", self.id, crate::random::hex::<8>());
        self.remote_directory = Some(format!("{REMOTE_BASE}/{name}"));
    }

    /// The name of its directory on the server; nothing that leads out of the base.
    pub(super) fn directory(&self) -> &str {
        let path = self.remote_directory.as_deref().unwrap_or_default();
        path.rsplit('/')
            .next()
            .filter(|name| !name.starts_with('.'))
            .unwrap_or_default()
    }

    /// Whether there is still something to do about it on the server.
    pub(super) fn is_on_server(&self) -> bool {
        !self.directory().is_empty() && (self.status.is_live() || self.collected == Some(true))
    }

    /// Enters what the command printed. Gives whether the whole is on disk, as far as it may be.
    pub(super) fn keep(&mut self, stdout: &Output, stderr: &Output) -> bool {
        let (out, err) = (stdout.captured(), stderr.captured());
        let [shown, complaints] = [out, err].map(|stream| stream.shown(self.charset()));
        self.line_count = out.lines();
        self.output_bytes = Some(out.total());
        self.stderr_bytes = Some(err.total());
        self.truncated = (shown.is_truncated || complaints.is_truncated).then_some(true);
        self.binary = (shown.is_binary || complaints.is_binary).then_some(true);
        let texts = [
            (shown.text, stdout.lost()),
            (complaints.text, stderr.lost()),
        ];
        let [shown, complaints] = texts.map(|(mut text, lost)| {
            tell_loss(&mut text, lost);
            text
        });
        self.output = Some(shown);
        self.stderr = Some(complaints);
        let problem = stdout.failure().or(stderr.failure());
        self.output_problem = problem.map(ToOwned::to_owned);
        problem.is_none()
    }

    /// What the command printed in.
    pub fn charset(&self) -> Charset {
        let name = self.encoding.as_deref();
        name.and_then(Charset::named).unwrap_or_default()
    }

    /// The record as the queue keeps it: long outputs are in files, and a thousand jobs must not make
    /// the queue slow.
    pub(super) fn shortened(&self) -> Self {
        let few = usize::try_from(FEW).expect("it is small");
        let mut short = self.clone();
        for result in short.results.iter_mut().flatten() {
            for text in [&mut result.output, &mut result.stderr] {
                *text = abridge(text, few);
            }
        }
        for (text, bytes) in [
            (&mut short.output, self.output_bytes),
            (&mut short.stderr, self.stderr_bytes),
        ] {
            if let (Some(text), Some(bytes)) = (text, bytes)
                && bytes > FEW
                && text.len() as u64 > FEW
            {
                *text = abridge(text, few);
                short.truncated = Some(true);
            }
        }
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

    /// Ends as failed for a reason that is not the command's own.
    pub fn fail(&mut self, mut report: Report) {
        report
            .details
            .insert("taskId".to_owned(), self.id.as_str().into());
        self.error = Some(report.message);
        self.error_code = Some(report.code);
        self.error_details = Some(report.details);
        self.enter(Status::Failed);
    }

    /// Ends because the process that ran it is gone, or is about to be.
    pub fn crash(&mut self, reason: &str) {
        self.error = Some(reason.to_owned());
        self.enter(Status::Crashed);
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
        match (&self.cmd, self.direction, &self.local, &self.remote) {
            _ if self.commands.is_some() => {
                let commands = self.commands.iter().flatten().map(Step::command);
                commands.collect::<Vec<_>>().join("; ")
            }
            (Some(cmd), ..) => self.tool.as_ref().unwrap_or(cmd).clone(),
            (_, Some(Direction::Upload), Some(local), Some(remote)) => {
                format!("upload {local} -> {remote}")
            }
            (_, Some(Direction::Download), Some(local), Some(remote)) => {
                format!("download {remote} -> {local}")
            }
            (_, Some(direction), ..) => {
                let entries = self.files.iter().flatten();
                let entries = entries.map(|Entry { local, remote }| match direction {
                    Direction::Upload => format!("{local} -> {remote}"),
                    Direction::Download => format!("{remote} -> {local}"),
                });
                format!(
                    "{} {}",
                    direction.name(),
                    entries.collect::<Vec<_>>().join(", ")
                )
            }
            _ => self.kind.name().to_owned(),
        }
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

    /// Notes how far a transfer has come.
    pub(super) fn note(&mut self, progress: &Progress) {
        self.files_done = Some(progress.files());
        self.bytes = Some(progress.bytes());
        if let Some(whole) = progress.whole() {
            self.files_total = Some(whole.files);
            self.bytes_total = Some(whole.bytes);
        }
    }

    /// Notes how long it took.
    pub fn took(&mut self, duration: std::time::Duration) {
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
    use super::*;

    #[test]
    fn a_record_of_the_original_loads_and_keeps_its_fields() {
        let text = r#"{"id": "96053038", "type": "ssh", "alias": "s", "cmd": "uptime", "streaming": false,
            "createdAt": "2026-11-22T13:14:30.805Z", "retryCount": 0, "maxRetries": 3, "status": "completed",
            "output": "up", "stderr": "", "exitCode": 0, "duration": 272, "lineCount": 1}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        assert_eq!((job.status, job.exit_code), (Status::Completed, Some(0)));
        assert_eq!(job.to_json()["streaming"], false);
    }

    #[test]
    fn the_queue_keeps_the_ends_of_a_long_output() {
        let mut job = Job::new(Kind::Ssh, "web1");
        job.output = Some(format!("{}{}", "é".repeat(5000), "end"));
        job.output_bytes = Some(10_003);
        job.stderr = Some("short".into());
        job.stderr_bytes = Some(5);
        let short = job.shortened();
        let output = short.output.unwrap();
        assert!(
            output.starts_with("éé") && output.ends_with("ééend"),
            "{output}"
        );
        assert!(
            output.len() < 2200 && output.contains("bytes left out"),
            "{output}"
        );
        assert!(!output.contains('\u{FFFD}'), "{output}");
        assert_eq!(
            (short.stderr.as_deref(), short.truncated),
            (Some("short"), Some(true))
        );
        assert_eq!(job.truncated, None);
    }

    #[test]
    fn only_a_reminder_that_is_due_shows() {
        let mut job = Job::new(Kind::Ssh, "web1");
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
        let mut job = Job::new(Kind::Ssh, "web1");
        job.retry_count = 3;
        job.enter(Status::Failed);
        assert_eq!(job.can_retry, Some(false));
        job.enter(Status::Completed);
        assert_eq!(job.can_retry, None);
    }
}
