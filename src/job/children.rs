//! The children of a job on many servers: ordinary jobs, which it starts and stops.

use std::time::Duration;

use futures_util::FutureExt;

use super::id::JobId;
use super::kind::{ChildJobs, NewChild, StartedChild};
use super::record::Job;
use super::runner::Jobs;
use crate::error::Error;

impl ChildJobs for Jobs {
    fn start_child(&self, child: NewChild) -> Result<StartedChild, Error> {
        let mut job = Job::with_id(child.id, &child.alias, &child.spec);
        job.parent = Some(child.parent);
        job.sudo = child.sudo;
        let handle = self.launch(job, child.spec)?;
        let (jobs, begins) = (self.clone(), handle.clone());
        let begun = async move { jobs.begun(&begins, Duration::MAX).await };
        let jobs = self.clone();
        let ended = async move {
            let job = jobs.wait_on(&handle, Duration::MAX).await?;
            Ok(job.child_end())
        };
        Ok(StartedChild {
            begun: begun.boxed(),
            ended: ended.boxed(),
        })
    }

    fn stop_child(&self, id: &JobId) {
        self.request_cancel(id);
    }
}
