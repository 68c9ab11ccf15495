//! The engine: the only way a job starts, waits, is retried and is stopped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
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
use crate::sync::lock;
use crate::time::Timestamp;

/// How often a job of another process is looked at: what it does is only to be seen in the file.
const FOREIGN_INTERVAL: Duration = Duration::from_millis(250);

/// How long `task_cancel` waits for the end: a command is given about a second after each signal, and a
/// line that is lost takes longer to be noticed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

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

/// A job that this process has started: its name, and what its record will be in the end.
#[derive(Clone)]
pub struct Ticket {
    id: JobId,
    ended: watch::Receiver<Option<Arc<Job>>>,
}

impl Ticket {
    /// The job's ID.
    pub fn id(&self) -> &JobId {
        &self.id
    }
}

/// What belongs to a running job and never to its record.
struct Live {
    ticket: Ticket,
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
    ) -> Result<Ticket, Error> {
        let mut job = operation.new_job(alias);
        job.reminder_at = options.reminder.map(|after| job.created_at.after(after));
        self.launch(job, operation)
    }

    /// Starts a new job that does again what an unsuccessful one did.
    pub async fn retry(&self, id: &JobId) -> Result<Ticket, Error> {
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

    fn launch(&self, job: Job, operation: Operation) -> Result<Ticket, Error> {
        self.0.servers.get(&job.alias)?;
        let job = Arc::unwrap_or_clone(self.0.queue.add(job)?);
        let (end, ended) = watch::channel(None);
        let ticket = Ticket {
            id: job.id.clone(),
            ended,
        };
        let cancel = CancellationToken::new();
        let live = Live {
            ticket: ticket.clone(),
            handed_off: false,
            cancel: cancel.clone(),
        };
        self.live().insert(job.id.clone(), live);
        let jobs = self.clone();
        tokio::spawn(async move {
            let work = tokio::spawn({
                let (jobs, job) = (jobs.clone(), job.clone());
                async move { jobs.work(job, &operation, &cancel).await }
            });
            // A fault in the work must not leave a job that runs for ever.
            let job = work
                .await
                .unwrap_or_else(|fault| jobs.fail(job, fault.to_string()));
            let live = jobs.live().remove(&job.id);
            if live.is_some_and(|live| live.handed_off) {
                jobs.queue().request_save();
            }
            // Nobody may be waiting.
            let _ = end.send(Some(job));
        });
        Ok(ticket)
    }

    async fn work(
        &self,
        mut job: Job,
        operation: &Operation,
        cancel: &CancellationToken,
    ) -> Arc<Job> {
        job.enter(Status::Running);
        let mut job = Arc::unwrap_or_clone(self.0.queue.put(job));
        let started = Instant::now();
        operation
            .perform(&mut job, &self.0.pool, &self.0.config, cancel)
            .await;
        job.took(started.elapsed());
        if let Some(error) = &job.error {
            tracing::warn!(
                "task {} on `{}` is {}: {error}",
                job.id,
                job.alias,
                job.status
            );
        } else {
            tracing::debug!("task {} on `{}` is {}", job.id, job.alias, job.status);
        }
        self.0.queue.put(job)
    }

    fn fail(&self, mut job: Job, reason: String) -> Arc<Job> {
        tracing::error!(
            "task {} failed by a fault in this program: {reason}",
            job.id
        );
        job.fail(Error::Internal { reason }.report());
        self.0.queue.put(job)
    }

    /// Waits for any job at most `patience`, then gives its record as it stands.
    pub async fn wait(&self, id: &JobId, patience: Duration) -> Result<Arc<Job>, Error> {
        let ticket = self.live().get(id).map(|live| live.ticket.clone());
        match ticket {
            Some(ticket) => self.wait_on(&ticket, patience).await,
            None => self.wait_for_foreign(id, patience).await,
        }
    }

    /// Waits for a job of this process. If it is still live after `patience`, it is on disk by then,
    /// so that whoever is told of it finds it again.
    pub async fn wait_on(&self, ticket: &Ticket, patience: Duration) -> Result<Arc<Job>, Error> {
        let mut ended = ticket.ended.clone();
        let waiting = ended.wait_for(Option::is_some);
        if let Ok(Ok(job)) = tokio::time::timeout(patience, waiting).await
            && let Some(job) = job.as_ref()
        {
            return Ok(Arc::clone(job));
        }
        if let Some(live) = self.live().get_mut(&ticket.id) {
            live.handed_off = true;
        }
        let saved = self.0.queue.flush().await;
        saved.map_err(|error| Error::Unrecorded {
            id: ticket.id.to_string(),
            reason: error.to_string(),
        })?;
        self.0.queue.get(&ticket.id).await
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

    /// Asks a job of this process to stop, without waiting for that. Gives its ticket if it is live.
    pub fn request_cancel(&self, id: &JobId) -> Option<Ticket> {
        let live = self.live();
        let live = live.get(id)?;
        live.cancel.cancel();
        Some(live.ticket.clone())
    }

    /// Stops a job, and gives its record once it has ended. One that has ended already stays as it is.
    pub async fn cancel(&self, id: &JobId) -> Result<Arc<Job>, Error> {
        if let Some(ticket) = self.request_cancel(id) {
            return self.wait_on(&ticket, STOP_PATIENCE).await;
        }
        let job = self.0.queue.get(id).await?;
        if job.status.is_live() {
            let problem = "names a task of another orchestrator process, which alone can stop it";
            return Err(Error::invalid("id", problem));
        }
        Ok(job)
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
        lock(&self.0.live)
    }
}
