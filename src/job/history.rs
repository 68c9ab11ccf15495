//! The history: what was started, by whichever process, newest first.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::cut;
use super::id::JobId;
use super::record::Job;
use crate::error::Error;
use crate::store::Document;
use crate::sync::lock;
use crate::time::Timestamp;

/// One entry of `history.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The job.
    pub job_id: JobId,
    /// When it was started.
    pub timestamp: Timestamp,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its server.
    pub alias: String,
    /// Its command or files, in a line.
    pub command: String,
    /// The job of many servers that started it on one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
}

impl From<&Job> for HistoryEntry {
    fn from(job: &Job) -> Self {
        Self {
            job_id: job.id.clone(),
            timestamp: job.created_at,
            kind: job.record_type.to_owned(),
            alias: job.alias.clone(),
            command: cut(&job.summary()).into_owned(),
            parent: job.parent.clone(),
        }
    }
}

/// `history.json`, and the entries that are still to be written to it.
pub(super) struct History {
    document: Document,
    retention: Duration,
    /// Oldest first.
    unwritten: Mutex<Vec<HistoryEntry>>,
}

impl History {
    pub(super) fn new(document: Document, retention: Duration) -> Self {
        Self {
            document,
            retention,
            unwritten: Mutex::default(),
        }
    }

    pub(super) fn add(&self, entry: HistoryEntry) {
        self.unwritten().push(entry);
    }

    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten().is_empty()
    }

    /// Every entry, newest first.
    pub(super) fn read(&self) -> Result<Vec<HistoryEntry>, Error> {
        let written: Vec<Value> = self.document.read()?;
        let mut entries = self.unwritten().clone();
        entries.reverse();
        entries.extend(
            written
                .iter()
                .filter_map(|entry| HistoryEntry::deserialize(entry).ok()),
        );
        Ok(entries)
    }

    /// Writes what is unwritten, and drops what has expired.
    pub(super) fn save(&self) -> Result<(), Error> {
        let new = self.unwritten().clone();
        if new.is_empty() {
            return Ok(());
        }
        self.document.update(|written: &mut Vec<Value>| {
            written.retain(|entry| {
                let entry = HistoryEntry::deserialize(entry);
                entry.map_or(true, |entry| entry.timestamp.elapsed() < self.retention)
            });
            let new = new
                .iter()
                .rev()
                .map(|entry| serde_json::to_value(entry).unwrap_or_default());
            written.splice(0..0, new);
        })?;
        self.unwritten().drain(..new.len());
        Ok(())
    }

    fn unwritten(&self) -> MutexGuard<'_, Vec<HistoryEntry>> {
        lock(&self.unwritten)
    }
}
