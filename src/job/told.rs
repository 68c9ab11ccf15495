//! The ends of jobs that callers have been told of.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::id::JobId;
use super::record::Job;
use super::status::Status;
use crate::sync::lock;

/// The jobs whose end this process has told a caller of.
#[derive(Default)]
pub(super) struct ToldEnds(Mutex<HashSet<JobId>>);

impl ToldEnds {
    /// Notes that a caller gets this record.
    pub(super) fn note(&self, job: &Job) {
        if !job.status.is_live() {
            lock(&self.0).insert(job.id.clone());
        }
    }

    /// Returns the jobs that have ended without a caller being told so, as far as this process, `owner`,
    /// knows: those that it ran itself, and crashed ones. `jobs` are all jobs there are; others are forgotten.
    pub(super) fn untold<'j>(&self, jobs: &'j [Arc<Job>], owner: &str) -> HashSet<&'j JobId> {
        let all: HashSet<_> = jobs.iter().map(|job| &job.id).collect();
        let mut told = lock(&self.0);
        told.retain(|id| all.contains(id));
        let is_candidate = |job: &Job| match job.status {
            Status::Pending | Status::Running => false,
            Status::Crashed => true,
            _ => job.owner.as_deref() == Some(owner),
        };
        let jobs = jobs.iter().filter(|job| is_candidate(job));
        let ids = jobs.map(|job| &job.id);
        ids.filter(|id| !told.contains(*id)).collect()
    }
}
