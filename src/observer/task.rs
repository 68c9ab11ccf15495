//! A task in a line.

use serde::Serialize;

use crate::job::{Job, JobId, Status};
use crate::readable::readable;
use crate::secret::hide;
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
    /// The task on several servers that started it on one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
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
            command: shown(&job.summary(), TEXT),
            created_at: job.created_at,
            ended_at: job.ended_at(),
            duration: job.duration,
            exit_code: job.exit_code(),
            error: error.map(|error| shown(error, TEXT)),
            parent: job.parent.clone(),
        }
    }
}

/// The beginning of a text, in one line.
fn shown(text: &str, most: usize) -> String {
    beginning(&hide(&readable(text)), most).replace(['\n', '\t'], " ")
}
