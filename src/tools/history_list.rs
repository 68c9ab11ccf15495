//! The history as a list.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::{ListPart, text_of_part};
use super::since::Since;
use super::task_list::{COMMAND, COMMAND_IN_LINE, ENTRIES, NAME};
use super::{Quantity, Switch};
use crate::job::{HistoryEntry, Job, JobId, Status};
use crate::sftp::KeptVersion;
use crate::text::beginning;
use crate::time::Timestamp;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListHistory {
    /// Only of this server.
    alias: Option<String>,
    /// Only with this status.
    status: Option<Status>,
    /// Only younger ones: 2h, or a time.
    since: Option<Since>,
    /// Only what undo can take back.
    #[serde(default)]
    changed: Switch,
    /// Most entries.
    #[serde(default)]
    limit: Quantity<ENTRIES>,
    /// Entries to skip.
    #[serde(default)]
    offset: Quantity,
}

/// The filters of a list, as its next part has them.
#[derive(Serialize)]
struct HistoryFilters<'a> {
    alias: Option<&'a str>,
    status: Option<Status>,
    since: Option<Since>,
    changed: Option<bool>,
}

/// A part of the history.
#[derive(Serialize, JsonSchema)]
pub(super) struct HistoryList {
    entries: Vec<HistoryRow>,
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip)]
    heading: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HistoryRow {
    job_id: String,
    #[schemars(with = "String")]
    timestamp: Timestamp,
    #[serde(rename = "type")]
    kind: String,
    alias: String,
    command: String,
    /// Its status, while it is in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

impl ListHistory {
    /// Returns whether only tasks are listed that can be undone.
    pub(super) fn is_of_changes(&self) -> bool {
        self.changed.0
    }

    /// Lists the entries that pass the filters, newest first.
    pub(super) fn list(&self, history: &[HistoryEntry], queue: &[Arc<Job>]) -> HistoryList {
        let statuses = queue.iter().map(|job| (&job.id, job.status));
        let statuses: HashMap<&JobId, Status> = statuses.collect();
        let status = |entry: &HistoryEntry| statuses.get(&entry.job_id).copied();
        let selects = |entry: &&HistoryEntry| {
            self.alias
                .as_ref()
                .is_none_or(|alias| entry.alias == *alias)
                && self
                    .status
                    .is_none_or(|wanted| status(entry) == Some(wanted))
                && self
                    .since
                    .is_none_or(|since| since.includes(entry.timestamp))
                // A task on several servers stands for those on each, except among the tasks of a server.
                && (entry.parent.is_none() || self.alias.is_some())
        };
        let filters = HistoryFilters {
            alias: self.alias.as_deref(),
            status: self.status,
            since: self.since,
            changed: self.changed.0.then_some(true),
        };
        let part = ListPart::of(
            history.iter().filter(selects).collect(),
            (self.offset.0, self.limit.0),
            "task_history",
            &filters,
        );
        let entries = part.entries.iter();
        HistoryList {
            entries: entries
                .map(|entry| HistoryRow::of(entry, status(entry)))
                .collect(),
            heading: part.count("entry", "entries"),
            total: part.total,
            next: part.next,
        }
    }
}

/// The entries of tasks that have left versions of files. The history may lack the last ones of a process
/// that was killed: they are made of the versions.
pub(super) fn undoable(
    mut history: Vec<HistoryEntry>,
    mut versions: HashMap<String, KeptVersion>,
) -> Vec<HistoryEntry> {
    let is_changed = |entry: &HistoryEntry| versions.contains_key(entry.job_id.as_str());
    let parents = history.iter().filter(|entry| is_changed(entry));
    let parents: HashSet<_> = parents.filter_map(|entry| entry.parent.clone()).collect();
    history.retain(|entry| {
        versions.remove(entry.job_id.as_str()).is_some() || parents.contains(&entry.job_id)
    });
    history.extend(versions.into_values().map(|version| HistoryEntry {
        job_id: JobId::from(version.task.as_str()),
        timestamp: version.kept_at,
        kind: "sftp".to_owned(),
        alias: version.side.alias,
        command: version.path,
        parent: None,
    }));
    history.sort_by_key(|entry| Reverse(entry.timestamp));
    history
}

impl HistoryList {
    /// The list for people, a line for each entry.
    pub(super) fn text(&self) -> String {
        let rows: Vec<_> = self.entries.iter().map(HistoryRow::row).collect();
        text_of_part(&self.heading, &rows, self.next.as_deref())
    }
}

impl HistoryRow {
    fn of(entry: &HistoryEntry, status: Option<Status>) -> Self {
        let cut = |text: &str, most| beginning(text, most).into_owned();
        Self {
            job_id: cut(entry.job_id.as_str(), NAME),
            timestamp: entry.timestamp,
            kind: cut(&entry.kind, NAME),
            alias: cut(&entry.alias, NAME),
            command: cut(&entry.command, COMMAND),
            status,
        }
    }

    fn row(&self) -> [String; 5] {
        [
            self.job_id.clone(),
            format!("{} ago", self.timestamp.age()),
            self.alias.clone(),
            self.status.map(Status::name).unwrap_or_default().to_owned(),
            beginning(&self.command, COMMAND_IN_LINE).into_owned(),
        ]
    }
}
