//! The stop of jobs, and of the engine.

use std::sync::Arc;
use std::time::Duration;

use super::{JobHandle, Jobs};
use crate::error::Error;
use crate::job::id::JobId;
use crate::job::record::Job;
use crate::time::Timestamp;

/// The time allowed for `task_cancel` to see the end: the processes are given 3 s, and twice at most it
/// waits 3 s for a channel over which to end them.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

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

    /// Records every live job as ended by the end of this process, and closes the connections.
    pub async fn shut_down(&self, cause: &str) -> Result<(), Error> {
        let reason = format!(
            "the orchestrator was stopped at {}: {cause}; the command may be running still",
            Timestamp::now()
        );
        self.0.queue.crash_live(&reason);
        let (saved, ()) = tokio::join!(self.0.queue.flush(), self.0.pool.close());
        saved
    }
}
