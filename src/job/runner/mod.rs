//! The engine: the only way a job starts, waits, is retried and is stopped.
//!
//! | module | what it is |
//! |---|---|
//! | `starting`, `running`, `waiting`, `stopping` | the life of a job |
//! | `watching` | the tasks that look after jobs: adopted ones, requests to stop, questions, outputs |
//! | `handle` | what a caller holds of a job |

mod handle;
mod running;
mod starting;
mod stopping;
mod waiting;
mod watching;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;

use super::cancel_requests::CancelRequests;
use super::id::JobId;
use super::kept_work::KeptWork;
use super::outputs::Outputs;
use super::queue::{AdoptedJobs, Queue};
use super::stop::StopSignal;
use super::told::ToldEnds;
use crate::actor::CurrentActor;
use crate::approval::OpenQuestions;
use crate::config::Config;
use crate::error::Error;
use crate::guard::Guard;
use crate::sftp::FileVersions;
use crate::ssh::Pool;
use crate::store::{DataDirectory, StoredSecrets};
use crate::sync::{NamedLocks, lock};
pub use handle::JobHandle;
pub(in crate::job) use handle::{AskedSender, JobWays};

/// The interval at which a job of another process is looked up in the file.
const FOREIGN_INTERVAL: Duration = Duration::from_millis(250);

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Jobs(Arc<Engine>);

struct Engine {
    config: Arc<Config>,
    data: DataDirectory,
    queue: Arc<Queue>,
    pool: Pool,
    guard: Arc<Guard>,
    outputs: Arc<Outputs>,
    secrets: StoredSecrets,
    versions: FileVersions,
    kept_work: KeptWork,
    file_locks: NamedLocks,
    requests: CancelRequests,
    actor: CurrentActor,
    live: Mutex<HashMap<JobId, RunningJob>>,
    told: ToldEnds,
    questions: OpenQuestions,
    /// The reason for which this process ends, once it does.
    shut_down: OnceLock<String>,
    /// Notified when a command comes to wait for input.
    bell: Arc<Notify>,
    /// Notified when a job starts while none is live.
    busy: Arc<Notify>,
}

/// The state of a running job that is never in its record.
struct RunningJob {
    handle: JobHandle,
    /// Set once a caller was told that it goes on, and may look for its end from another process.
    handed_off: bool,
    stop: StopSignal,
    alias: String,
    /// The job on many servers that has started it.
    parent: Option<JobId>,
    /// Set once it was asked to stop because its server is held.
    is_held: bool,
}

/// Options of a job's start.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// The other user of the server as whom it runs, through sudo.
    pub sudo: Option<String>,
    /// When to remind of it, from now.
    pub reminder: Option<Duration>,
    /// The reason that the caller gives.
    pub reason: Option<String>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.busy.notify_one();
    }
}

impl Jobs {
    /// An engine over a queue and a pool, which goes on with the detached jobs that are taken over.
    pub fn new(
        config: Arc<Config>,
        data: &DataDirectory,
        (queue, adopted): (Arc<Queue>, AdoptedJobs),
        pool: Pool,
        guard: Arc<Guard>,
        (secrets, versions, kept_work): (StoredSecrets, FileVersions, KeptWork),
        actor: CurrentActor,
    ) -> Result<Self, Error> {
        let jobs = Self(Arc::new(Engine {
            outputs: Arc::new(Outputs::open(Arc::clone(&config), data)?),
            requests: CancelRequests::open(data)?,
            secrets,
            versions,
            kept_work,
            actor,
            file_locks: NamedLocks::default(),
            data: data.clone(),
            config,
            queue,
            pool,
            guard,
            live: Mutex::default(),
            told: ToldEnds::default(),
            questions: OpenQuestions::of(data),
            shut_down: OnceLock::new(),
            bell: Arc::default(),
            busy: Arc::default(),
        }));
        jobs.look_after(adopted);
        Ok(jobs)
    }

    /// The secrets that calls may refer to.
    pub fn secrets(&self) -> &StoredSecrets {
        &self.0.secrets
    }

    /// The versions of files that tasks have changed.
    pub fn versions(&self) -> &FileVersions {
        &self.0.versions
    }

    /// The queue.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.0.queue
    }

    /// The ends of jobs that callers have been told of.
    pub(in crate::job) fn told(&self) -> &ToldEnds {
        &self.0.told
    }

    /// The handle of a live job of this process.
    pub(in crate::job) fn handle(&self, id: &JobId) -> Option<JobHandle> {
        self.live().get(id).map(|live| live.handle.clone())
    }

    /// The host name or address of a server, if it is known.
    pub(in crate::job) fn host(&self, alias: &str) -> Option<String> {
        let server = self.0.pool.server(alias).ok()?;
        Some(server.host).filter(|host| !host.is_empty())
    }

    /// The work of jobs that wait for a person's yes.
    pub(in crate::job) fn kept_work(&self) -> &KeptWork {
        &self.0.kept_work
    }

    /// The questions to persons.
    pub(crate) fn questions(&self) -> &OpenQuestions {
        &self.0.questions
    }

    /// The guard.
    pub(in crate::job) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// The settings.
    pub(in crate::job) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The data directory.
    pub(in crate::job) fn data(&self) -> &DataDirectory {
        &self.0.data
    }

    /// The outputs.
    pub(in crate::job) fn outputs(&self) -> &Arc<Outputs> {
        &self.0.outputs
    }

    fn live(&self) -> MutexGuard<'_, HashMap<JobId, RunningJob>> {
        lock(&self.0.live)
    }
}
