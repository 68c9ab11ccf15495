//! The tasks in lines. Only records that have changed are parsed again: there may be thousands.

use std::collections::HashMap;
use std::sync::Arc;

use super::ObservedTask;
use crate::error::Error;
use crate::job::{JobId, JobObserver};
use crate::store::Version;

/// The lines of all tasks, newest first. It is another one only if a line is.
pub type ObservedTasks = Arc<[Arc<ObservedTask>]>;

/// The lines of all tasks, and the version of the queue that they were made of.
#[derive(Debug, Default)]
pub(super) struct TaskRows {
    version: Option<Version>,
    rows: HashMap<JobId, (u64, Arc<ObservedTask>)>,
    sorted: Option<ObservedTasks>,
}

impl TaskRows {
    /// The lines as they are now. Blocks.
    pub(super) fn refreshed(&mut self, jobs: &JobObserver) -> Result<ObservedTasks, Error> {
        let version = jobs.version();
        if self.version != version {
            self.read(jobs)?;
            self.version = version;
            self.sorted = None;
        }
        if self.note_dead_owners(jobs) {
            self.sorted = None;
        }
        let rows = &self.rows;
        let sorted = self.sorted.get_or_insert_with(|| {
            let mut rows: Vec<_> = rows.values().map(|(_, row)| Arc::clone(row)).collect();
            rows.sort_by(|one, other| {
                let newer = other.created_at.cmp(&one.created_at);
                newer.then_with(|| one.id.cmp(&other.id))
            });
            rows.into()
        });
        Ok(Arc::clone(sorted))
    }

    fn read(&mut self, jobs: &JobObserver) -> Result<(), Error> {
        let mut before = std::mem::take(&mut self.rows);
        jobs.for_each(|id, stored| {
            let digest = stored.digest();
            let known = before.remove(&id).filter(|(known, _)| *known == digest);
            let row = known
                .map(|(_, row)| row)
                .or_else(|| Some(Arc::new(ObservedTask::of(&stored.job()?))));
            self.rows.extend(row.map(|row| (id, (digest, row))));
        })
    }

    /// Marks tasks whose process is gone, and returns whether there were any.
    fn note_dead_owners(&mut self, jobs: &JobObserver) -> bool {
        let (mut owners, mut found) = (HashMap::new(), false);
        for (_, row) in self.rows.values_mut() {
            if let Some(owner) = &row.depends_on
                && !*owners
                    .entry(owner.clone())
                    .or_insert_with_key(|owner| jobs.is_run_by(owner))
            {
                *row = Arc::new(row.left_behind());
                found = true;
            }
        }
        found
    }
}
