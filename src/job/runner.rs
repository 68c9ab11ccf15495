//! The engine: the only way a job starts, waits, is retried and is stopped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::operation::Operation;
use super::queue::Queue;
use super::record::{Job, JobId, Status};
use crate::config::Config;
use crate::error::Error;
use crate::ssh::Pool;
use crate::store::servers::Servers;
use crate::time::Timestamp;

/// How often a job of another process is looked at: what it does is only to be seen in the file.
const FOREIGN_INTERVAL: Duration = Duration::from_millis(250);

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Jobs(Arc<Shared>);

struct Shared {
    config: Arc<Config>,
    queue: Arc<Queue>,
    servers: Arc<Servers>,
    pool: Pool,
    live: Mutex<HashMap<JobId, Live>>,
}

/// What belongs to a running job and never to its record.
struct Live {
    finished: watch::Receiver<bool>,
    /// Whether somebody was told that it goes on, and may look for its end from another process.
    handed_off: bool,
    cancel: CancellationToken,
}

/// What a call asks of its job besides the operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// When to remind of it, from now.
    pub reminder: Option<Duration>,
}

impl Jobs {
    /// An engine over a queue and a pool.
    pub fn new(config: Arc<Config>, queue: Arc<Queue>, servers: Arc<Servers>, pool: Pool) -> Self {
        Self(Arc::new(Shared {
            config,
            queue,
            servers,
            pool,
            live: Mutex::default(),
        }))
    }

    /// The queue.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.0.queue
    }

    /// Records a job and starts it. It goes on whatever becomes of the caller.
    pub fn start(
        &self,
        alias: &str,
        operation: Operation,
        options: Options,
    ) -> Result<JobId, Error> {
        let mut job = operation.new_job(alias);
        job.reminder_at = options.reminder.map(|after| job.created_at.after(after));
        self.launch(job, operation)
    }

    /// Starts a new job that does again what an unsuccessful one did.
    pub async fn retry(&self, id: &JobId) -> Result<JobId, Error> {
        let earlier = self.0.queue.get(id).await?;
        if !earlier.status.can_retry() {
            return Err(Error::NotRetryable {
                id: id.to_string(),
                reason: format!("it is {}", earlier.status),
            });
        }
        if earlier.retry_count >= earlier.max_retries {
            return Err(Error::RetryLimit {
                id: id.to_string(),
                retries: earlier.retry_count,
            });
        }
        let operation = Operation::of_job(&earlier)?;
        let mut job = operation.new_job(&earlier.alias);
        job.retry_count = earlier.retry_count + 1;
        job.max_retries = earlier.max_retries;
        job.retried_from = Some(id.clone());
        self.launch(job, operation)
    }

    fn launch(&self, job: Job, operation: Operation) -> Result<JobId, Error> {
        self.0.servers.get(&job.alias)?;
        let id = job.id.clone();
        self.0.queue.add(job)?;
        let (finish, finished) = watch::channel(false);
        let cancel = CancellationToken::new();
        self.live().insert(
            id.clone(),
            Live {
                finished,
                handed_off: false,
                cancel: cancel.clone(),
            },
        );
        let (jobs, task) = (self.clone(), id.clone());
        tokio::spawn(async move {
            let work = tokio::spawn({
                let jobs = jobs.clone();
                let task = task.clone();
                async move { jobs.work(&task, &operation, &cancel).await }
            });
            // A fault in the work must not leave a job that runs for ever.
            if let Err(fault) = work.await {
                jobs.enter_fault(&task, fault.to_string());
            }
            if jobs
                .live()
                .remove(&task)
                .is_some_and(|live| live.handed_off)
            {
                jobs.queue().request_save();
            }
            // Nobody may be waiting.
            let _ = finish.send(true);
        });
        Ok(id)
    }

    async fn work(&self, id: &JobId, operation: &Operation, cancel: &CancellationToken) {
        let Some(job) = self.0.queue.own(id) else {
            return;
        };
        let mut job = Arc::unwrap_or_clone(job);
        job.enter(Status::Running);
        self.0.queue.put(job.clone());
        let started = Instant::now();
        operation
            .perform(&mut job, &self.0.pool, &self.0.config, cancel)
            .await;
        job.took(started.elapsed());
        if let Some(error) = &job.error {
            tracing::warn!("task {id} on `{}` is {}: {error}", job.alias, job.status);
        } else {
            tracing::debug!("task {id} on `{}` is {}", job.alias, job.status);
        }
        self.0.queue.put(job);
    }

    fn enter_fault(&self, id: &JobId, reason: String) {
        tracing::error!("task {id} failed by a fault in this program: {reason}");
        if let Some(job) = self.0.queue.own(id) {
            let mut job = Arc::unwrap_or_clone(job);
            job.fail(Error::Internal { reason }.report());
            self.0.queue.put(job);
        }
    }

    /// Waits for a job at most `patience`, then gives its record as it stands. One that is still live
    /// is on disk by then, so that whoever is told of it finds it again.
    pub async fn wait(&self, id: &JobId, patience: Duration) -> Result<Arc<Job>, Error> {
        let finished = self.live().get(id).map(|live| live.finished.clone());
        match finished {
            Some(mut finished) => {
                // An error is a sender that is gone: the job is finished as well.
                let _ =
                    tokio::time::timeout(patience, finished.wait_for(|finished| *finished)).await;
            }
            None => return self.wait_for_foreign(id, patience).await,
        }
        let job = self.0.queue.get(id).await?;
        if job.status.is_live() {
            if let Some(live) = self.live().get_mut(id) {
                live.handed_off = true;
            }
            let saved = self.0.queue.flush().await;
            saved.map_err(|error| Error::Unrecorded {
                id: id.to_string(),
                reason: error.to_string(),
            })?;
        }
        Ok(job)
    }

    async fn wait_for_foreign(&self, id: &JobId, patience: Duration) -> Result<Arc<Job>, Error> {
        let started = Instant::now();
        loop {
            let job = self.0.queue.get(id).await?;
            let left = patience.saturating_sub(started.elapsed());
            if !job.status.is_live() || left.is_zero() {
                return Ok(job);
            }
            tokio::time::sleep(left.min(FOREIGN_INTERVAL)).await;
        }
    }

    /// Asks a job of this process to stop. Nothing happens if it has ended.
    pub fn cancel(&self, id: &JobId) {
        if let Some(live) = self.live().get(id) {
            live.cancel.cancel();
        }
    }

    /// Records every live job as ended by the end of this process, and closes the connections.
    pub async fn shut_down(&self) -> Result<(), Error> {
        let reason = format!(
            "the orchestrator was stopped at {}; the command may be running still",
            Timestamp::now()
        );
        self.0.queue.crash_live(&reason);
        let (saved, ()) = tokio::join!(self.0.queue.flush(), self.0.pool.close());
        saved
    }

    fn live(&self) -> MutexGuard<'_, HashMap<JobId, Live>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
