//! The engine: the only way a job starts, waits, is retried and is stopped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::cancel_requests::CancelRequests;
use super::clear::clear;
use super::header::Header;
use super::id::JobId;
use super::kind::{Context, JobStart, Spec, hide_text};
use super::outputs::Outputs;
use super::poll::PollTrigger;
use super::printed::Printed;
use super::queue::{AdoptedJobs, Queue};
use super::record::Job;
use super::status::Status;
use super::stop::StopSignal;
use super::told::ToldEnds;
use crate::actor::CurrentActor;
use crate::approval::{OpenQuestions, PersonQuestion};
use crate::config::Config;
use crate::error::Error;
use crate::fault::caught;
use crate::fs::blocking;
use crate::guard::Guard;
use crate::sftp::FileVersions;
use crate::ssh::Pool;
use crate::ssh::prompt::link::{TerminalLink, TypedInput};
use crate::store::{DataDirectory, StoredSecrets};
use crate::sync::{NamedLocks, lock};
use crate::time::Timestamp;

/// The interval at which a job of another process is looked up in the file.
const FOREIGN_INTERVAL: Duration = Duration::from_millis(250);

/// The time allowed for `task_cancel` to see the end: the processes are given 3 s, and twice at most it
/// waits 3 s for a channel over which to end them.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// The interval at which it is looked whether questions have changed.
const QUESTIONS_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which outputs are swept while no job ends.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

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
    file_locks: NamedLocks,
    requests: CancelRequests,
    actor: CurrentActor,
    live: Mutex<HashMap<JobId, RunningJob>>,
    told: ToldEnds,
    questions: OpenQuestions,
    /// Notified when a job starts while none is live.
    busy: Arc<Notify>,
}

/// A job that this process has started: its ID, and its final record once it has ended.
#[derive(Clone)]
pub struct JobHandle {
    id: JobId,
    pub(super) ended: watch::Receiver<Option<Arc<Job>>>,
    pub(super) trigger: Arc<PollTrigger>,
    link: Arc<TerminalLink>,
    asked: Option<Arc<PersonQuestion>>,
}

impl JobHandle {
    /// The job's ID.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// The question that was asked before it may begin.
    pub fn asked(&self) -> Option<&Arc<PersonQuestion>> {
        self.asked.as_ref()
    }

    /// Waits until it has ended.
    pub async fn ended(&self) {
        // An engine that is gone has ended it, too.
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }
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
        (secrets, versions): (StoredSecrets, FileVersions),
        actor: CurrentActor,
    ) -> Result<Self, Error> {
        let jobs = Self(Arc::new(Engine {
            outputs: Arc::new(Outputs::open(Arc::clone(&config), data)?),
            requests: CancelRequests::open(data)?,
            secrets,
            versions,
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
            busy: Arc::default(),
        }));
        tokio::spawn(Self::take_over(Arc::downgrade(&jobs.0), adopted));
        tokio::spawn(Self::heed_requests(Arc::downgrade(&jobs.0)));
        tokio::spawn(Self::sweep_outputs(Arc::downgrade(&jobs.0)));
        tokio::spawn(Self::watch_questions(Arc::downgrade(&jobs.0)));
        Ok(jobs)
    }

    async fn take_over(engine: Weak<Engine>, mut adopted: AdoptedJobs) {
        while let Some(job) = adopted.recv().await {
            let Some(engine) = engine.upgrade() else {
                return;
            };
            Self(engine).adopt(job);
        }
    }

    /// Stops the jobs of this process whose servers a person holds.
    fn stop_held(&self) {
        // A file that cannot be read holds everything that begins, and stops nothing.
        let is_held = self.0.guard.holds().held_now();
        let mut live = self.live();
        let held = live.values_mut().filter(|job| !job.is_held);
        for job in held.filter(|job| is_held(&job.alias)) {
            job.is_held = true;
            job.stop.ask();
        }
    }

    /// Stops jobs of this process that other processes ask to have stopped.
    async fn heed_requests(engine: Weak<Engine>) {
        loop {
            let Some(jobs) = engine.upgrade().map(Self) else {
                return;
            };
            for id in jobs.0.requests.pending() {
                jobs.request_cancel(&id);
            }
            jobs.stop_held();
            let (idle, busy) = (jobs.live().is_empty(), Arc::clone(&jobs.0.busy));
            drop(jobs);
            if idle {
                busy.notified().await;
            }
            tokio::time::sleep(FOREIGN_INTERVAL).await;
        }
    }

    /// Looks after questions whose processes are gone, whenever one is opened or answered.
    async fn watch_questions(engine: Weak<Engine>) {
        let mut seen = None;
        while let Some(engine) = engine.upgrade() {
            let jobs = Self(engine);
            let version = jobs.0.questions.version();
            if version.is_some() && seen != version {
                seen = version;
                if let Err(error) = jobs.tend_questions().await {
                    tracing::warn!("open questions were not looked after: {error}");
                }
            }
            drop(jobs);
            tokio::time::sleep(QUESTIONS_INTERVAL).await;
        }
    }

    async fn sweep_outputs(engine: Weak<Engine>) {
        while let Some(engine) = engine.upgrade() {
            Self(engine).sweep().await;
            tokio::time::sleep(SWEEP_INTERVAL).await;
        }
    }

    async fn sweep(&self) {
        let swept = match self.0.queue.list().await {
            Ok(jobs) => {
                let outputs = Arc::clone(&self.0.outputs);
                blocking(move || outputs.sweep(jobs.iter().map(|job| &job.header))).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = swept {
            tracing::warn!("outputs were not tidied: {error}");
        }
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

    /// Records a job and starts it. It goes on whatever becomes of the caller.
    pub fn start(
        &self,
        alias: &str,
        spec: impl Into<Spec>,
        options: StartOptions,
    ) -> Result<JobHandle, Error> {
        let spec = spec.into();
        let mut job = Job::new(alias, &spec);
        job.sudo = options.sudo;
        job.reminder_at = options.reminder.map(|after| job.created_at.after(after));
        job.reason = options.reason;
        self.launch(job, spec)
    }

    /// Starts a new job with the work of one that did not succeed.
    pub async fn retry(&self, id: &JobId, reason: Option<String>) -> Result<JobHandle, Error> {
        let earlier = self.0.queue.get(id).await?;
        if !earlier.status.can_retry() {
            return Err(Error::NotRetryable {
                id: id.to_string(),
                reason: format!("it is {}", earlier.status),
            });
        }
        let spec = earlier.again()?;
        if earlier.retry_count >= earlier.max_retries {
            return Err(Error::RetryLimit {
                id: id.to_string(),
                retries: earlier.retry_count,
            });
        }
        if earlier.masked == Some(true) {
            return Err(Error::NotRetryable {
                id: id.to_string(),
                reason: "its record does not hold the secret in its command".to_owned(),
            });
        }
        let mut job = Job::new(&earlier.alias, &spec);
        job.retry_count = earlier.retry_count + 1;
        job.max_retries = earlier.max_retries;
        job.retried_from = Some(id.clone());
        job.sudo.clone_from(&earlier.sudo);
        job.reason = reason;
        self.launch(job, spec)
    }

    /// Records a job and starts it, if that is allowed.
    pub(super) fn launch(&self, mut job: Job, spec: Spec) -> Result<JobHandle, Error> {
        spec.kind().admit(&job.alias, &self.0.guard)?;
        if let Some(user) = &job.sudo {
            let mut judged = spec.clone();
            let commands = judged.kind_mut().callers_commands();
            self.0.guard.may_run_as(user, &commands)?;
        }
        job.actor = Some(self.0.actor.get());
        let Header { alias, reason, .. } = &mut job.header;
        if let Some(reason) = reason {
            hide_text(alias, reason);
        }
        let question = self.question_before(&job, &spec)?;
        if let Some(question) = &question {
            job.approval = Some(self.agreement_to(&job, question));
        }
        let job = self.0.queue.add(job)?;
        if let Some(question) = &question
            && let Err(error) = self.open_question(&job, question)
        {
            let mut job = Job::clone(&job);
            job.close(error.clone().into());
            self.0.queue.put(job);
            return Err(error);
        }
        let handle = self.run(job, spec, JobStart::Fresh);
        let asked = question.map(Arc::new);
        Ok(JobHandle { asked, ..handle })
    }

    /// Goes on with a detached job of a process that is gone, or waits for the yes to one that has not begun.
    fn adopt(&self, job: Arc<Job>) {
        if !job.status.is_live() {
            let jobs = self.clone();
            tokio::spawn(async move { jobs.clear(&job).await });
            return;
        }
        let spec = job.spec.clone();
        let start = if job.is_waiting() {
            JobStart::Fresh
        } else {
            JobStart::Adopted
        };
        let handle = self.run(job, spec, start);
        if let Some(live) = self.live().get_mut(&handle.id) {
            live.handed_off = true;
        }
    }

    /// Runs a job of this process, from its beginning or from where another process has left it.
    fn run(&self, job: Arc<Job>, spec: Spec, start: JobStart) -> JobHandle {
        let (end, ended) = watch::channel(None);
        let handle = JobHandle {
            id: job.id.clone(),
            ended,
            trigger: Arc::default(),
            link: Arc::default(),
            asked: None,
        };
        let stop = StopSignal::default();
        let live = RunningJob {
            handle: handle.clone(),
            handed_off: false,
            stop: stop.clone(),
            alias: job.alias.clone(),
            parent: job.parent.clone(),
            is_held: false,
        };
        self.live().insert(job.id.clone(), live);
        self.0.busy.notify_one();
        let (jobs, trigger) = (self.clone(), Arc::clone(&handle.trigger));
        let link = Arc::clone(&handle.link);
        tokio::spawn(async move {
            // On the heap, because a spawned task is copied several times before it runs.
            let work = jobs.work_once_agreed(&job, &spec, start, &stop, (&trigger, &link));
            let work = Box::pin(work);
            // A fault in the work must not leave a job that runs for ever.
            let job = caught(work)
                .await
                .unwrap_or_else(|reason| jobs.fail(&job, reason));
            let live = jobs.live().remove(&job.id);
            if live.is_some_and(|live| live.handed_off) {
                jobs.queue().request_save();
            }
            // Nobody may be waiting.
            let _ = end.send(Some(Arc::clone(&job)));
            if job.is_on_server() {
                jobs.clear(&job).await;
            }
            // A parent tidies for its children.
            let has_printed = job.is_truncated() && job.printed().is_some_and(Printed::has_output);
            if job.fleet().is_some() || has_printed && job.parent.is_none() {
                jobs.sweep().await;
            }
        });
        handle
    }

    /// Removes what a job has left on its server.
    async fn clear(&self, job: &Job) {
        match self.as_user(job, &self.0.pool).await {
            Ok(pool) => clear(&self.0.queue, &pool, job).await,
            Err(error) => tracing::warn!("task {} is not cleared away: {error}", job.id),
        }
    }

    /// The connections as the user as whom a job runs.
    async fn as_user(&self, job: &Job, pool: &Pool) -> Result<Pool, Error> {
        match &job.sudo {
            Some(user) if job.fleet().is_none() => pool.elevated(&job.alias, user).await,
            _ => Ok(pool.clone()),
        }
    }

    /// Does the work; where a person has to agree, once they have.
    async fn work_once_agreed(
        &self,
        job: &Job,
        spec: &Spec,
        start: JobStart,
        stop: &StopSignal,
        ways: (&PollTrigger, &Arc<TerminalLink>),
    ) -> Arc<Job> {
        if !job.is_waiting() {
            return self.work(job, spec, start, stop, ways).await;
        }
        match self.agreed(job, spec, stop).await {
            Ok(agreed) => self.work(&agreed, spec, start, stop, ways).await,
            Err(ending) => {
                let mut job = job.clone();
                job.close(ending);
                self.0.queue.put(job)
            }
        }
    }

    async fn work(
        &self,
        job: &Job,
        spec: &Spec,
        start: JobStart,
        stop: &StopSignal,
        (trigger, link): (&PollTrigger, &Arc<TerminalLink>),
    ) -> Arc<Job> {
        let mut job = job.clone();
        job.enter(Status::Running);
        let mut job = Arc::unwrap_or_clone(self.0.queue.put(job));
        let started = Instant::now();
        match self.pools(&job, spec, start, stop).await {
            Ok((pool, reading_pool)) => {
                let context = Context {
                    job: &job.header,
                    recorded: &job.outcome,
                    start,
                    stop,
                    link,
                    trigger,
                    config: &self.0.config,
                    data: &self.0.data,
                    recorder: &*self.0.queue,
                    children: self,
                    outputs: &self.0.outputs,
                    pool: &pool,
                    reading_pool: &reading_pool,
                    guard: &self.0.guard,
                    secrets: &self.0.secrets,
                    versions: &self.0.versions,
                    file_locks: &self.0.file_locks,
                };
                let (ending, outcome) = spec.run(&context).await;
                job.outcome = outcome;
                job.close(ending);
            }
            Err(error) => job.close(error.into()),
        }
        job.hide_secrets();
        let duration = match start {
            JobStart::Fresh => started.elapsed(),
            JobStart::Adopted => job.created_at.elapsed(),
        };
        job.took(duration);
        let stands = self.0.queue.put(job.shortened());
        // The queue's record counts: a job that was given up already ends by that, and not by this outcome.
        let (id, alias, status) = (&stands.id, &stands.alias, stands.status);
        if let Some(error) = &stands.error {
            tracing::warn!("task {id} on `{alias}` is {status}: {error}");
        } else {
            tracing::debug!("task {id} on `{alias}` is {status}");
        }
        if stands.status == job.status {
            // A waiting caller gets the whole output kept in memory, not the shortened one.
            return Arc::new(job);
        }
        stands
    }

    /// Returns the connections that a job may use, and those that only read.
    async fn pools(
        &self,
        job: &Job,
        spec: &Spec,
        start: JobStart,
        stop: &StopSignal,
    ) -> Result<(Pool, Pool), Error> {
        let checked = self.checked_pool(job, spec, start, stop).await?;
        let checked = self.as_user(job, &checked).await?;
        Ok((checked, self.as_user(job, &self.0.pool).await?))
    }

    /// Returns the connections that a job may use. An adopted job was checked when it began.
    async fn checked_pool(
        &self,
        job: &Job,
        spec: &Spec,
        start: JobStart,
        stop: &StopSignal,
    ) -> Result<Pool, Error> {
        let Engine { pool, guard, .. } = &*self.0;
        if start != JobStart::Fresh || !spec.kind().changes_server() {
            return Ok(pool.clone());
        }
        tokio::select! {
            checked = guard.checked(&job.alias, spec.kind().tool()) => checked,
            // A job that is cancelled before it was checked opens no connection.
            () = stop.token().cancelled() => Ok(pool.checked(Arc::new(|_| {
                let reason = "a cancelled task asked for a connection".to_owned();
                Err(Error::Internal { reason })
            }))),
        }
    }

    fn fail(&self, job: &Job, reason: String) -> Arc<Job> {
        let mut job = job.clone();
        tracing::error!(
            "task {} failed by a fault in this program: {reason}",
            job.id
        );
        job.close(Error::Internal { reason }.into());
        self.0.queue.put(job)
    }

    /// Waits for any job at most `patience`, and returns its record as it stands then.
    pub async fn wait(&self, id: &JobId, patience: Duration) -> Result<Arc<Job>, Error> {
        let handle = self.handle(id);
        match handle {
            Some(handle) => self.wait_for_news(&handle, patience).await,
            None => self.wait_for_foreign(id, patience).await,
        }
    }

    /// Waits for the end of a job of this process, or until its command waits for input of which no caller was told.
    pub async fn wait_for_news(
        &self,
        handle: &JobHandle,
        patience: Duration,
    ) -> Result<Arc<Job>, Error> {
        tokio::select! {
            job = self.wait_on(handle, patience) => job,
            () = handle.link.until_waiting() => self.wait_on(handle, Duration::ZERO).await,
        }
    }

    /// The line at which a job's command waits for input, or those of its children, and how to answer.
    pub fn waits_at(&self, id: &JobId) -> Option<String> {
        let live = self.live();
        if let Some(line) = live.get(id).and_then(|job| job.handle.link.waiting()) {
            return Some(format!(
                "waiting at: {line} (task_input {{id: \"{id}\"}} types into it)"
            ));
        }
        let children = live.values().filter(|job| job.parent.as_ref() == Some(id));
        let waiting = children.filter_map(|job| {
            let (alias, child) = (&job.alias, &job.handle.id);
            let prompt = job.handle.link.waiting()?;
            Some(format!(
                "`{alias}` is waiting at: {prompt} (task_input {{id: \"{child}\"}} types into it)"
            ))
        });
        Some(waiting.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty())
    }

    /// Types to the command of a job that runs at a terminal, and returns the job.
    pub fn type_in(&self, id: &JobId, input: TypedInput) -> Result<JobHandle, Error> {
        let handle = self.handle(id);
        let handle = handle.filter(|handle| handle.link.type_in(input));
        handle.ok_or_else(|| {
            let problem = "is no task that runs at a terminal here: only task_exec_interactive gives one, and it has to be running";
            Error::invalid("id", problem)
        })
    }

    /// Waits for a job of this process. If it is still live after `patience`, it is on disk by then,
    /// so that a caller that is told of it finds it again.
    pub async fn wait_on(&self, handle: &JobHandle, patience: Duration) -> Result<Arc<Job>, Error> {
        let mut ended = handle.ended.clone();
        let waiting = ended.wait_for(Option::is_some);
        if let Ok(Ok(job)) = tokio::time::timeout(patience, waiting).await
            && let Some(job) = job.as_ref()
        {
            self.0.told.note(job);
            return Ok(Arc::clone(job));
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

    async fn wait_for_foreign(&self, id: &JobId, patience: Duration) -> Result<Arc<Job>, Error> {
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

    /// The ends of jobs that callers have been told of.
    pub(super) fn told(&self) -> &ToldEnds {
        &self.0.told
    }

    /// The handle of a live job of this process.
    pub(super) fn handle(&self, id: &JobId) -> Option<JobHandle> {
        self.live().get(id).map(|live| live.handle.clone())
    }

    /// The host name or address of a server, if it is known.
    pub(super) fn host(&self, alias: &str) -> Option<String> {
        let server = self.0.pool.server(alias).ok()?;
        Some(server.host).filter(|host| !host.is_empty())
    }

    /// The questions to persons.
    pub(super) fn questions(&self) -> &OpenQuestions {
        &self.0.questions
    }

    /// The guard.
    pub(super) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// The settings.
    pub(super) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The data directory.
    pub(super) fn data(&self) -> &DataDirectory {
        &self.0.data
    }

    /// The outputs.
    pub(super) fn outputs(&self) -> &Arc<Outputs> {
        &self.0.outputs
    }

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

    /// Waits until a detached job has begun on its server, or has failed to, at most `patience`.
    pub async fn begun(&self, handle: &JobHandle, patience: Duration) {
        let mut ended = handle.ended.clone();
        tokio::select! {
            _ = ended.wait_for(Option::is_some) => {}
            () = handle.trigger.begun() => {}
            () = tokio::time::sleep(patience) => {}
        }
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

    fn live(&self) -> MutexGuard<'_, HashMap<JobId, RunningJob>> {
        lock(&self.0.live)
    }
}
