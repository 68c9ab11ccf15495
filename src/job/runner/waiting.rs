//! Waiting for the end of a job, or for its next prompt.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{FOREIGN_INTERVAL, JobHandle, Jobs, RunningJob};
use crate::error::Error;
use crate::job::id::JobId;
use crate::job::record::Job;
use crate::ssh::prompt::link::TypedInput;

/// The interval at which a detached job is polled while a caller waits for its end.
const WAITED_INTERVAL: Duration = Duration::from_secs(1);

impl Jobs {
    /// Waits for any job at most `patience`, and returns its record as it stands then.
    pub async fn wait(&self, id: &JobId, patience: Duration) -> Result<Arc<Job>, Error> {
        let handle = self.handle(id);
        match handle {
            Some(handle) => self.wait_for_news(&handle, patience).await,
            None => self.wait_for_foreign(id, patience).await,
        }
    }

    /// Waits for the end of a job of this process, or until its command or that of a child waits for input of which no
    /// caller was told.
    pub async fn wait_for_news(
        &self,
        handle: &JobHandle,
        patience: Duration,
    ) -> Result<Arc<Job>, Error> {
        tokio::select! {
            job = self.wait_on(handle, patience) => job,
            () = self.until_waiting(&handle.id) => self.wait_on(handle, Duration::ZERO).await,
        }
    }

    async fn until_waiting(&self, id: &JobId) {
        loop {
            let mut rings = pin!(self.0.bell.notified());
            // From now on it is not missed.
            rings.as_mut().enable();
            if self.waits_untold(id) {
                return;
            }
            rings.await;
        }
    }

    /// Returns whether the command of a job, or that of a child, waits for input of which no caller was told.
    pub(in crate::job) fn waits_untold(&self, id: &JobId) -> bool {
        let live = self.live();
        let mut own = live
            .values()
            .filter(|job| job.handle.id == *id || job.parent.as_ref() == Some(id));
        own.any(|job| job.handle.link.is_untold())
    }

    /// The line at which a job's command waits for input, or those of its children, and how to answer.
    pub fn waits_at(&self, id: &JobId) -> Option<String> {
        let live = self.live();
        let told = |job: &RunningJob| {
            let JobHandle { id, link, .. } = &job.handle;
            let (prompt, remark) = (link.waiting()?, link.remark());
            Some(format!(
                "waiting at: {prompt} (task_input {{id: \"{id}\"}} types into it{remark})"
            ))
        };
        if let Some(told) = live.get(id).and_then(told) {
            return Some(told);
        }
        let children = live.values().filter(|job| job.parent.as_ref() == Some(id));
        let waiting = children.filter_map(|job| Some(format!("`{}` is {}", job.alias, told(job)?)));
        Some(waiting.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty())
    }

    /// The line at which a job's own command waits for input.
    pub fn prompt_of(&self, id: &JobId) -> Option<String> {
        self.live().get(id)?.handle.link.waiting()
    }

    /// Types to the command of a job that runs at a terminal, and returns the job.
    pub fn type_in(&self, id: &JobId, input: TypedInput) -> Result<JobHandle, Error> {
        let handle = self.handle(id);
        let handle = handle.filter(|handle| handle.link.type_in(input));
        handle.ok_or_else(|| {
            let problem = "is no task that runs at a terminal here: only task_exec_interactive gives one, and devices have one; it has to be running";
            Error::invalid("id", problem)
        })
    }

    /// Waits for a job of this process. If it is still live after `patience`, it is on disk by then,
    /// so that a caller that is told of it finds it again.
    pub async fn wait_on(&self, handle: &JobHandle, patience: Duration) -> Result<Arc<Job>, Error> {
        let mut ended = handle.ended.clone();
        let waiting = async {
            tokio::select! {
                job = ended.wait_for(Option::is_some) => job.ok().and_then(|job| job.clone()),
                () = poll_meanwhile(handle) => None,
            }
        };
        if let Ok(Some(job)) = tokio::time::timeout(patience, waiting).await {
            self.0.told.note(&job);
            return Ok(job);
        }
        if let Some(live) = self.live().get_mut(&handle.id) {
            live.handed_off = true;
        }
        let saved = self.0.queue.flush().await;
        saved.map_err(|error| Error::Unrecorded {
            id: handle.id.to_string(),
            reason: error.to_string(),
        })?;
        self.0.queue.get(&handle.id).await
    }

    pub(super) async fn wait_for_foreign(
        &self,
        id: &JobId,
        patience: Duration,
    ) -> Result<Arc<Job>, Error> {
        let started = Instant::now();
        loop {
            let job = self.record(id).await?;
            let left = patience.saturating_sub(started.elapsed());
            if !job.status.is_live() || left.is_zero() {
                return Ok(job);
            }
            tokio::time::sleep(left.min(FOREIGN_INTERVAL)).await;
        }
    }

    /// Waits until a detached job has begun on its server, or has failed to, at most `patience`.
    pub async fn begun(&self, handle: &JobHandle, patience: Duration) {
        let mut ended = handle.ended.clone();
        tokio::select! {
            _ = ended.wait_for(Option::is_some) => {}
            () = handle.trigger.begun() => {}
            () = tokio::time::sleep(patience) => {}
        }
    }
}

/// Has a detached job polled more often than it is by itself, for ever.
async fn poll_meanwhile(handle: &JobHandle) {
    loop {
        tokio::time::sleep(WAITED_INTERVAL).await;
        handle.trigger.ask();
    }
}
