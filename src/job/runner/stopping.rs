//! The stop of jobs, and of the engine.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{JobHandle, Jobs};
use crate::error::Error;
use crate::job::id::JobId;
use crate::job::record::Job;
use crate::job::status::Status;
use crate::time::Timestamp;

/// The time allowed for `task_cancel` to see the end: the processes are given 3 s, and twice at most it
/// waits 3 s for a channel over which to end them.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// The time allowed for commands to be ended with this process. Clients kill it 2 s after they have closed its input.
const LAST_STOPS: Duration = Duration::from_millis(700);

impl Jobs {
    /// Asks a job of this process to stop, without waiting for its end. Returns its handle if it is live.
    pub fn request_cancel(&self, id: &JobId) -> Option<JobHandle> {
        let live = self.live();
        let live = live.get(id)?;
        live.stop.ask();
        Some(live.handle.clone())
    }

    /// Stops a job of any process, and gives its record once it has ended; one that does not end in time
    /// is still live in it. One that has ended already stays as it is.
    pub async fn cancel(&self, id: &JobId) -> Result<Arc<Job>, Error> {
        if let Some(handle) = self.request_cancel(id) {
            return self.wait_on(&handle, STOP_PATIENCE).await;
        }
        let job = self.record(id).await?;
        if !job.status.is_live() {
            return Ok(job);
        }
        let _request = self.0.requests.make(id)?;
        self.wait_for_foreign(id, STOP_PATIENCE).await
    }

    /// Ends the commands that run in channels, records every live job as ended by the end of this process, and closes
    /// the connections.
    pub async fn shut_down(&self, cause: &str) -> Result<(), Error> {
        let stopped = format!(
            "the orchestrator was stopped at {}: {cause}",
            Timestamp::now()
        );
        let stopped = self.0.shut_down.get_or_init(|| stopped);
        self.end_commands().await;
        let reason = format!("{stopped}; the command may be running still");
        self.0.queue.crash_live(&reason);
        let (saved, ()) = tokio::join!(self.0.queue.flush(), self.0.pool.close());
        saved
    }

    /// Ends the commands whose servers would otherwise go on with them, unseen.
    async fn end_commands(&self) {
        let live: Vec<_> = self.live().keys().cloned().collect();
        let mut ends = Vec::new();
        for id in live {
            let Ok(job) = self.queue().get(&id).await else {
                continue;
            };
            let runs = job.status == Status::Running && job.printed().is_some();
            if runs && !job.outlives_its_process() {
                ends.extend(self.request_cancel(&id));
            }
        }
        let ends = ends.iter().map(JobHandle::ended);
        let _ = timeout(LAST_STOPS, join_all(ends)).await;
    }
}
