//! The queue: show tasks, wait for them, cancel and retry them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::RegularExpression;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::history_list::{HistoryList, ListHistory, undoable};
use super::task_facts::TaskFacts;
use super::task_list::{ListTasks, TaskList};
use super::{Call, Json, Nothing, NumberOfSeconds, Parameters, Switch, Viewed, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::guard::Access;
use crate::job::{JobId, OutputView, QueueStats};
use crate::reply::Reply;

/// The default time that `task_wait` waits. Most clients drop a call after 60 s or later.
pub(super) const WAIT: Duration = Duration::from_secs(45);

/// The tasks that may be retried of which `queue_stats` names the IDs.
const RETRYABLE: usize = 20;

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
    /// Most seconds. Default 45; over 50 only if the client asks for progress.
    timeout: Option<NumberOfSeconds>,
    /// Wait for the first line that matches (regex).
    until: Option<RegularExpression>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShowTask {
    /// Task ID.
    id: String,
    /// The whole record.
    #[serde(default)]
    verbose: Switch,
}

/// The figures of the queue, and the newest tasks that may be retried.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct QueueReport {
    stats: QueueStats,
    crashed_jobs: usize,
    #[schemars(with = "Vec<String>")]
    can_retry: Vec<JobId>,
}

impl QueueReport {
    fn of(stats: QueueStats) -> Self {
        let can_retry = stats.can_retry.iter().take(RETRYABLE);
        Self {
            crashed_jobs: stats.crashed,
            can_retry: can_retry.cloned().collect(),
            stats,
        }
    }

    fn text(&self) -> String {
        let ids: Vec<_> = self.can_retry.iter().map(JobId::as_str).collect();
        let retry = match self.stats.can_retry.len() {
            0 => String::new(),
            all => format!("\ntask_retry takes {all}: {}", ids.join(" ")),
        };
        format!("{}{retry}", self.stats.text())
    }
}

#[tool_router(router = queue_tools, vis = "pub(super)")]
impl App {
    /// List tasks: running ones, then ends not told yet, then the newest.
    #[tool(title = "List tasks", meta = declare(Access::ReadsHere, Toolset::Core))]
    async fn task_queue(
        &self,
        Parameters(list): Parameters<ListTasks>,
    ) -> Result<Json<TaskList>, Error> {
        let queue = self.jobs().queue().list().await?;
        let tasks = list.list(self.jobs(), &queue);
        Json::new(tasks.text(), &tasks)
    }

    /// Show one task: status, exit status, errors, its last lines of output.
    #[tool(title = "Show a task", meta = declare(Access::ReadsHere, Toolset::Core))]
    async fn task_status(
        &self,
        Parameters(ShowTask { id, verbose }): Parameters<ShowTask>,
    ) -> Result<Json<TaskFacts>, Error> {
        let job = self.jobs().look(&JobId::from(id.as_str())).await?;
        if verbose.0 {
            return Json::of_record(&job);
        }
        let facts = TaskFacts::of(self, &job).await?;
        Json::new(facts.text(), &facts)
    }

    /// List what was started lately, newest first.
    #[tool(title = "Show the history", meta = declare(Access::ReadsHere, Toolset::Admin))]
    async fn task_history(
        &self,
        Parameters(history): Parameters<ListHistory>,
    ) -> Result<Json<HistoryList>, Error> {
        let entries = self.jobs().queue().history().await?;
        let queue = self.jobs().queue().list().await?;
        let entries = if history.is_of_changes() {
            undoable(entries, self.jobs().versions().of_each_task().await?)
        } else {
            entries
        };
        let entries = history.list(&entries, &queue);
        Json::new(entries.text(), &entries)
    }

    /// Wait for a task: its result, or how far it is.
    #[tool(title = "Wait for a task", meta = declare(Access::ReadsHere, Toolset::Core))]
    async fn task_wait(
        &self,
        Parameters(viewed): Parameters<Viewed<WaitForTask>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let wait = viewed.arguments;
        let timeout = wait.timeout.map_or(WAIT, NumberOfSeconds::duration);
        let (id, until) = (
            JobId::from(wait.id.as_str()),
            wait.until.map(|until| until.0),
        );
        let waited = self.wait_until(&call, &id, until.as_ref(), timeout);
        let (job, said) = waited.await?;
        let reply = self.reply_about(&job, &viewed.view).await?;
        let reply = self.with_card(&call, &job, reply).await?;
        Ok(match said {
            Some(said) => reply.after(&said),
            None => reply,
        })
    }

    /// Stop a task; `process` says whether its command was seen to end.
    #[tool(title = "Cancel a task", meta = declare(Access::StopsTask, Toolset::Core))]
    async fn task_cancel(
        &self,
        Parameters(TaskId { id }): Parameters<TaskId>,
    ) -> Result<Reply, Error> {
        let job = self.jobs().cancel(&JobId::from(id.as_str())).await?;
        if job.status.is_live() {
            return Reply::of_stopping(&job);
        }
        self.reply_about(&job, &OutputView::default()).await
    }

    /// Do a failed, crashed, partial or cancelled task again, as a new one.
    #[tool(title = "Retry a task", meta = declare(Access::RunsCommands, Toolset::Core))]
    async fn task_retry(
        &self,
        Parameters(viewed): Parameters<Viewed<TaskId>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let id = JobId::from(viewed.arguments.id.as_str());
        if let Some(job) = self.take_up(&call).await? {
            return self.reply_about_started(&call, &job, &viewed.view).await;
        }
        let handle = self.jobs().retry(&id, call.reason()).await?;
        let job = self.wait_for(&call, &handle, WaitFor::Completion).await?;
        self.reply_about_started(&call, &job, &viewed.view).await
    }

    /// Count tasks by status and type; mean duration, success rate.
    #[tool(title = "Queue statistics", meta = declare(Access::ReadsHere, Toolset::Admin))]
    async fn queue_stats(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Json<QueueReport>, Error> {
        let report = QueueReport::of(self.jobs().queue().stats().await?);
        Json::new(report.text(), &report)
    }
}
