//! The entries of `queue.json`.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::id::JobId;
use super::record::Job;

/// An entry of `queue.json`.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum QueueEntry {
    Job(Arc<Job>),
    /// An entry that another version wrote and this one cannot read: kept as it is.
    Other(Value),
}

impl<'de> Deserialize<'de> for QueueEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let job = Job::deserialize(&value);
        Ok(job.map_or(Self::Other(value), |job| Self::Job(Arc::new(job))))
    }
}

/// The file: entries by ID, oldest first.
pub(super) type QueueEntries = IndexMap<JobId, QueueEntry>;

/// The jobs among the entries.
pub(super) fn jobs(entries: &QueueEntries) -> impl Iterator<Item = &Arc<Job>> {
    entries.values().filter_map(|entry| match entry {
        QueueEntry::Job(job) => Some(job),
        QueueEntry::Other(_) => None,
    })
}

/// The oldest finished jobs that have to go for `limit` to hold.
pub(super) fn surplus(entries: &QueueEntries, limit: usize) -> Vec<JobId> {
    let too_many = entries.len().saturating_sub(limit);
    if too_many == 0 {
        return Vec::new();
    }
    let mut finished: Vec<_> = jobs(entries)
        .filter(|job| !job.status.is_live() && !job.is_on_server())
        .collect();
    finished.sort_by_key(|job| job.updated_at.unwrap_or(job.created_at));
    finished
        .iter()
        .take(too_many)
        .map(|job| job.id.clone())
        .collect()
}
