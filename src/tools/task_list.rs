//! The list of tasks: its filters, its order, and a line for each task.

use std::cmp::Reverse;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::{ListPart, text_of_part};
use super::since::Since;
use super::{Quantity, Switch};
use crate::job::{Job, Jobs, Status};
use crate::text::beginning;
use crate::time::Timestamp;

/// The bytes of a command that facts show.
pub(super) const COMMAND: usize = 200;
/// The bytes of a command that a line of text shows.
pub(super) const COMMAND_IN_LINE: usize = 60;
/// The bytes of an error that a list shows.
const ERROR: usize = 120;
/// The bytes of a name. Those of old files and of files edited by hand have no bound.
pub(super) const NAME: usize = 100;
/// The entries of a list by default.
pub(super) const ENTRIES: usize = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTasks {
    /// Only with this status.
    status: Option<Status>,
    /// Only of this server.
    alias: Option<String>,
    /// Only younger ones: 2h, or a time.
    since: Option<Since>,
    /// Only of this tool.
    tool: Option<String>,
    /// Only of this task on several servers: its tasks on each.
    #[schemars(extend("toolset" = "fleet"))]
    parent: Option<String>,
    /// Also questions: of monitoring, of files.
    #[serde(default)]
    all: Switch,
    /// Most entries.
    #[serde(default)]
    limit: Quantity<ENTRIES>,
    /// Entries to skip.
    #[serde(default)]
    offset: Quantity,
}

/// The filters of a list, as its next part has them.
#[derive(Serialize)]
struct TaskFilters<'a> {
    status: Option<Status>,
    alias: Option<&'a str>,
    since: Option<Since>,
    tool: Option<&'a str>,
    parent: Option<&'a str>,
    all: bool,
}

/// A part of the list.
#[derive(Serialize, JsonSchema)]
pub(super) struct TaskList {
    tasks: Vec<TaskRow>,
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip)]
    heading: String,
}

/// A task in a list.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TaskRow {
    id: String,
    status: Status,
    alias: String,
    cmd: String,
    when: String,
    #[schemars(extend("unit" = "ms"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u32>,
    /// The reason for which it did not end well, if that is not its exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Set if nobody was told of its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder: Option<String>,
    /// The yes that it waits for. It is told in the text.
    #[serde(skip)]
    awaited: Option<String>,
}

impl ListTasks {
    /// Lists the tasks of the queue that pass the filters: running ones, those whose end nobody was told of,
    /// then the others; of each, the newest first.
    pub(super) fn list(&self, jobs: &Jobs, queue: &[Arc<Job>]) -> TaskList {
        let untold = jobs.untold(queue);
        let is_new = |job: &Job| untold.contains(&job.id);
        let mut selected: Vec<_> = queue.iter().filter(|job| self.selects(job)).collect();
        selected.sort_by_key(|job| Reverse((job.status.is_live(), is_new(job))));
        let live = selected.iter().filter(|job| job.status.is_live()).count();
        let part = ListPart::of(
            selected,
            (self.offset.0, self.limit.0),
            "task_queue",
            &self.filters(),
        );
        TaskList {
            heading: format!("{}, {live} unfinished", part.count("task", "tasks")),
            tasks: part
                .entries
                .iter()
                .map(|job| TaskRow::of(job, is_new(job)))
                .collect(),
            total: part.total,
            next: part.next,
        }
    }

    fn selects(&self, job: &Job) -> bool {
        self.status.is_none_or(|status| job.status == status)
            && self.alias.as_ref().is_none_or(|alias| job.alias == *alias)
            && self
                .since
                .is_none_or(|since| since.includes(job.created_at))
            && self.selects_generation(job)
            && match (&self.tool, &self.parent) {
                (Some(tool), _) => job.tool() == tool,
                (None, Some(_)) => true,
                (None, None) => self.all.0 || !job.is_question(),
            }
    }

    /// Returns whether a task is the child that is asked for. Without such a question, its parent stands for it,
    /// except among the tasks of its server.
    fn selects_generation(&self, job: &Job) -> bool {
        match (&self.parent, &job.parent) {
            (Some(wanted), Some(parent)) => wanted == parent.as_str(),
            (Some(_), None) => false,
            (None, parent) => parent.is_none() || self.alias.is_some(),
        }
    }

    fn filters(&self) -> TaskFilters<'_> {
        TaskFilters {
            status: self.status,
            alias: self.alias.as_deref(),
            since: self.since,
            tool: self.tool.as_deref(),
            parent: self.parent.as_deref(),
            all: self.all.0,
        }
    }
}

impl TaskList {
    /// The list for people, a line for each task.
    pub(super) fn text(&self) -> String {
        let rows: Vec<_> = self.tasks.iter().map(TaskRow::row).collect();
        text_of_part(&self.heading, &rows, self.next.as_deref())
    }
}

impl TaskRow {
    fn of(job: &Job, is_new: bool) -> Self {
        Self {
            id: beginning(job.id.as_str(), NAME).into_owned(),
            status: job.status,
            alias: beginning(&job.alias, NAME).into_owned(),
            cmd: beginning(&job.summary(), COMMAND).into_owned(),
            when: when(job),
            duration: job.duration,
            exit_code: job.exit_code(),
            error: job
                .error
                .as_ref()
                .filter(|_| job.exit_code().is_none())
                .map(|error| beginning(error, ERROR).into_owned()),
            new: is_new.then_some(true),
            reminder: job.due().map(text_of_due),
            awaited: job.awaited_yes(),
        }
    }

    fn row(&self) -> [String; 6] {
        let new = if self.new.is_some() { " (new)" } else { "" };
        let exit = self.exit_code.filter(|code| *code != 0);
        let remark = self.error.as_ref().or(self.awaited.as_ref());
        let remark = remark.map(|remark| format!(" ({remark})"));
        let reminder = self.reminder.as_deref().map(|due| format!("[{due}] "));
        [
            self.id.clone(),
            format!("{}{new}", self.status),
            self.alias.clone(),
            self.when.clone(),
            exit.map_or_else(String::new, |code| format!("exit {code}")),
            format!(
                "{}{}{}",
                reminder.unwrap_or_default(),
                beginning(&self.cmd, COMMAND_IN_LINE),
                remark.unwrap_or_default()
            ),
        ]
    }
}

/// The time since a task ended, or for which it has been going on.
pub(super) fn when(job: &Job) -> String {
    match job.ended_at() {
        _ if job.status.is_live() => format!("for {}", job.created_at.age()),
        ended => format!("{} ago", ended.unwrap_or(job.created_at).age()),
    }
}

/// A reminder that is due.
pub(super) fn text_of_due(due: Timestamp) -> String {
    format!("due since {due}")
}
