//! A task in a line.

use serde::Serialize;

use crate::job::{Job, JobId, Status};
use crate::readable::readable;
use crate::secret::{hide, without_passwords};
use crate::text::beginning;
use crate::time::Timestamp;

/// The most bytes of a command or an error.
const TEXT: usize = 300;
/// The most bytes of a name.
const NAME: usize = 100;

/// A task, in what lists show of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedTask {
    /// Its ID.
    pub id: JobId,
    /// Its status.
    pub status: Status,
    /// The server, or the expression for several.
    pub alias: String,
    /// The tool that asked for it.
    pub tool: &'static str,
    /// Its command or files, in a line.
    pub command: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Its duration in milliseconds, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// The exit status of its command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u32>,
    /// The reason for which it did not end well, if that is not its exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The yes that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awaited: Option<String>,
    /// The task on several servers that started it on one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
    /// True if it only asked a server something.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_question: bool,
    /// The process without which it has ended, whatever its record says.
    #[serde(skip)]
    pub(super) depends_on: Option<String>,
}

impl ObservedTask {
    /// The line of a task.
    pub fn of(job: &Job) -> Self {
        let error = job.error.as_ref().filter(|_| job.exit_code().is_none());
        Self {
            id: job.id.clone(),
            status: job.status,
            alias: shown(&job.alias, NAME),
            tool: job.tool(),
            command: shown(&without_passwords(&job.summary()), TEXT),
            created_at: job.created_at,
            ended_at: job.ended_at(),
            duration: job.duration,
            exit_code: job.exit_code(),
            error: error.map(|error| shown(error, TEXT)),
            awaited: job.awaited_yes(),
            parent: job.parent.clone(),
            is_question: job.is_question(),
            depends_on: (job.status.is_live() && !job.outlives_its_process())
                .then(|| job.owner.clone().unwrap_or_default()),
        }
    }
}

impl ObservedTask {
    /// The line of a task whose process is gone, before another process has recorded that.
    pub(super) fn left_behind(&self) -> Self {
        Self {
            status: Status::Crashed,
            error: Some("the process that ran it is gone".to_owned()),
            depends_on: None,
            ..self.clone()
        }
    }
}

/// The beginning of a text, in one line.
fn shown(text: &str, most: usize) -> String {
    beginning(&hide(&readable(text)), most).replace(['\n', '\t'], " ")
}
