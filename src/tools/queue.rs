//! The queue: show tasks, wait for them, cancel and retry them.

use std::collections::HashSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::declared::{self as rmcp, AnyObject, Toolset, declare, tool, tool_router};
use super::{Call, Nothing, NumberOfSeconds, Parameters, Quantity, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::guard::Access;
use crate::job::{JobId, QueueStats, Status};
use crate::reply::Reply;

/// The default time that `task_wait` waits. Most clients drop a call after 60 s or later.
const WAIT: Duration = Duration::from_secs(45);

/// The characters of each output that a list shows.
const EXCERPT: usize = 200;
/// The characters that all steps of a sequence share in a list.
const EXCERPT_STEPS: usize = 1000;
/// The failed files of each transfer that a list names.
const EXCERPT_FILES: usize = 5;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListTasks {
    /// Only tasks with this status.
    status: Option<Status>,
    /// Most entries.
    #[serde(default)]
    limit: Quantity<100>,
    /// Entries to skip.
    #[serde(default)]
    offset: Quantity,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListHistory {
    /// Only of this server.
    alias: Option<String>,
    /// Only with this status.
    status: Option<Status>,
    /// Most entries.
    #[serde(default)]
    limit: Quantity<100>,
    /// Entries to skip.
    #[serde(default)]
    offset: Quantity,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TaskId {
    /// Task ID.
    id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitForTask {
    /// Task ID.
    id: String,
    /// Most seconds to wait; 45 by default.
    timeout: Option<NumberOfSeconds>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueReport {
    stats: QueueStats,
    crashed_jobs: usize,
    can_retry: Vec<JobId>,
}

#[tool_router(router = queue_tools, vis = "pub(super)")]
impl App {
    /// List tasks, newest first, with beginnings of outputs and due reminders.
    #[tool(title = "List tasks", meta = declare(Access::ReadsHere, Toolset::Core).returns::<AnyObject>())]
    async fn task_queue(&self, Parameters(list): Parameters<ListTasks>) -> Result<Reply, Error> {
        let jobs = self.jobs().queue().list().await?;
        let jobs = jobs.iter();
        let jobs = jobs.filter(|job| list.status.is_none_or(|status| job.status == status));
        let page = jobs.skip(list.offset.0).take(list.limit.0);
        let page = page.map(|job| excerpt(job.to_json()));
        Reply::list("tasks", &page.collect::<Vec<_>>())
    }

    /// Show one task: status, output, exit status, errors.
    #[tool(title = "Show a task", meta = declare(Access::ReadsHere, Toolset::Core).returns::<AnyObject>())]
    async fn task_status(
        &self,
        Parameters(TaskId { id }): Parameters<TaskId>,
    ) -> Result<Reply, Error> {
        let job = self.jobs().look(&JobId::from(id.as_str())).await?;
        Reply::json(&job.for_answer().to_json())
    }

    /// List what was started lately, newest first.
    #[tool(title = "Show the history", meta = declare(Access::ReadsHere, Toolset::Core).returns::<AnyObject>())]
    async fn task_history(
        &self,
        Parameters(history): Parameters<ListHistory>,
    ) -> Result<Reply, Error> {
        let mut entries = self.jobs().queue().history().await?;
        if let Some(alias) = &history.alias {
            entries.retain(|entry| entry.alias == *alias);
        }
        if let Some(status) = history.status {
            let wanted = self.ids_with(status).await?;
            entries.retain(|entry| wanted.contains(&entry.job_id));
        }
        let excerpt = |entry| {
            let mut entry = serde_json::to_value(entry).unwrap_or_default();
            cut(&mut entry["command"], EXCERPT);
            entry
        };
        let page = entries.iter().skip(history.offset.0);
        let page = page.take(history.limit.0).map(excerpt);
        Reply::list("entries", &page.collect::<Vec<_>>())
    }

    /// Wait for a background task: its result, or its state when the time is up.
    #[tool(title = "Wait for a task", meta = declare(Access::ReadsHere, Toolset::Core))]
    async fn task_wait(
        &self,
        Parameters(wait): Parameters<WaitForTask>,
        call: Call,
    ) -> Result<Reply, Error> {
        let timeout = wait
            .timeout
            .map_or(WAIT, NumberOfSeconds::duration)
            .min(self.config().max_wait);
        let id = JobId::from(wait.id.as_str());
        let outcome = self.jobs().wait(&id, timeout);
        let job = self.follow(&call, &id, outcome).await?;
        Ok(Reply::of_job(&job))
    }

    /// Stop a task; `process` says whether its command was seen to end.
    #[tool(title = "Cancel a task", meta = declare(Access::StopsTask, Toolset::Core))]
    async fn task_cancel(
        &self,
        Parameters(TaskId { id }): Parameters<TaskId>,
    ) -> Result<Reply, Error> {
        let job = self.jobs().cancel(&JobId::from(id.as_str())).await?;
        Reply::of_stopping(&job)
    }

    /// Do a failed, crashed, partial or cancelled task again, as a new one.
    #[tool(title = "Retry a task", meta = declare(Access::RunsCommands, Toolset::Core))]
    async fn task_retry(
        &self,
        Parameters(TaskId { id }): Parameters<TaskId>,
        call: Call,
    ) -> Result<Reply, Error> {
        let handle = self.jobs().retry(&JobId::from(id.as_str())).await?;
        let job = self.wait_for(&call, &handle, WaitFor::Completion).await?;
        Ok(call.reply(&job))
    }

    /// Count tasks by status and type; mean duration, success rate.
    #[tool(title = "Queue statistics", meta = declare(Access::ReadsHere, Toolset::Admin).returns::<AnyObject>())]
    async fn queue_stats(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Reply, Error> {
        let stats = self.jobs().queue().stats().await?;
        let (crashed_jobs, can_retry) = (stats.crashed, stats.can_retry.clone());
        Reply::json(&QueueReport {
            stats,
            crashed_jobs,
            can_retry,
        })
    }

    async fn ids_with(&self, status: Status) -> Result<HashSet<JobId>, Error> {
        let jobs = self.jobs().queue().list().await?;
        let jobs = jobs.iter().filter(|job| job.status == status);
        Ok(jobs.map(|job| job.id.clone()).collect())
    }
}

/// Cuts the texts of a record to their beginning: a full queue must not flood a model.
fn excerpt(mut record: Value) -> Value {
    for field in ["cmd", "output", "stderr", "error"] {
        if let Some(text) = record.get_mut(field) {
            cut(text, EXCERPT);
        }
    }
    for field in ["commands", "results"] {
        if let Some(Value::Array(steps)) = record.get_mut(field) {
            let most = EXCERPT.min(EXCERPT_STEPS / steps.len().max(1));
            for step in steps {
                cut(step, most);
                for field in ["command", "output", "stderr", "error"] {
                    if let Some(text) = step.get_mut(field) {
                        cut(text, most);
                    }
                }
            }
        }
    }
    for pointer in ["/failedFiles", "/errorDetails/failedFiles"] {
        if let Some(Value::Array(files)) = record.pointer_mut(pointer) {
            files.truncate(EXCERPT_FILES);
        }
    }
    record
}

/// Cuts a text to its beginning.
fn cut(text: &mut Value, most: usize) {
    if let Value::String(text) = text
        && let Some((end, _)) = text.char_indices().nth(most)
    {
        text.truncate(end);
        text.push('…');
    }
}
