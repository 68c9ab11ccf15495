//! Figures over the queue.

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::id::JobId;
use super::record::Job;
use super::status::Status;

/// Figures over the queue.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueStats {
    /// Jobs in the queue.
    pub total: usize,
    /// Jobs by status.
    pub by_status: IndexMap<&'static str, usize>,
    /// Jobs by type.
    pub by_type: IndexMap<&'static str, usize>,
    /// Mean duration of finished jobs.
    #[schemars(extend("unit" = "ms"))]
    pub avg_duration: u64,
    /// Completed jobs, as a percentage of all.
    pub success_rate: u32,
    /// Jobs whose process is gone.
    #[serde(skip)]
    pub crashed: usize,
    /// Jobs that `task_retry` takes.
    #[serde(skip)]
    pub can_retry: Vec<JobId>,
}

impl QueueStats {
    /// The figures for people, in a line.
    pub fn text(&self) -> String {
        let counts = |counts: &IndexMap<&'static str, usize>| {
            let counts = counts.iter();
            let counts: Vec<_> = counts
                .map(|(name, count)| format!("{count} {name}"))
                .collect();
            counts.join(", ")
        };
        let Self {
            total,
            avg_duration,
            success_rate,
            ..
        } = self;
        if *total == 0 {
            return "no tasks".to_owned();
        }
        format!(
            "{total} tasks: {}; by type: {}; mean duration {avg_duration} ms, {success_rate} % completed",
            counts(&self.by_status),
            counts(&self.by_type)
        )
    }

    /// Counts `jobs`. One on many servers is one.
    pub(super) fn of(jobs: &[Arc<Job>]) -> Self {
        let jobs = jobs.iter().filter(|job| job.parent.is_none());
        let jobs: Vec<_> = jobs.collect();
        let mut stats = Self {
            total: jobs.len(),
            ..Self::default()
        };
        let (mut durations, mut timed) = (0, 0);
        for job in &jobs {
            *stats.by_status.entry(job.status.name()).or_default() += 1;
            *stats.by_type.entry(job.record_type).or_default() += 1;
            if let Some(duration) = job.duration {
                durations += duration;
                timed += 1;
            }
            if job.can_retry == Some(true) {
                stats.can_retry.push(job.id.clone());
            }
        }
        let count = |status: Status| stats.by_status.get(status.name()).copied().unwrap_or(0);
        let completed = count(Status::Completed);
        stats.crashed = count(Status::Crashed);
        stats.avg_duration = durations / u64::max(timed, 1);
        stats.success_rate =
            u32::try_from(100 * completed / usize::max(jobs.len(), 1)).unwrap_or(100);
        stats
    }
}
