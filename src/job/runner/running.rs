//! The work of a job, from its start to its final record.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::{AskedSender, Engine, JobHandle, JobWays, Jobs, RunningJob};
use crate::error::Error;
use crate::fault::caught;
use crate::job::clear::clear;
use crate::job::kind::{Context, JobStart, Spec};
use crate::job::printed::Printed;
use crate::job::record::Job;
use crate::job::status::Status;
use crate::job::stop::StopSignal;
use crate::ssh::Pool;
use crate::ssh::prompt::link::TerminalLink;

impl Jobs {
    /// Runs a job of this process, from its beginning or from where another process has left it.
    pub(super) fn run(&self, job: Arc<Job>, spec: Spec, start: JobStart) -> JobHandle {
        let (end, ended) = watch::channel(None);
        let (asks, asked) = watch::channel(None);
        let handle = JobHandle {
            id: job.id.clone(),
            ended,
            trigger: Arc::default(),
            link: Arc::new(TerminalLink::new(Arc::clone(&self.0.bell))),
            asked,
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
            let ways = (&*trigger, &link);
            let work = jobs.work_once_agreed(&job, &spec, start, &stop, ways, asks);
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
    pub(super) async fn clear(&self, job: &Job) {
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
        ways: JobWays<'_>,
        asks: AskedSender,
    ) -> Arc<Job> {
        if !job.is_waiting() {
            drop(asks);
            return Box::pin(self.work(job, spec, start, stop, ways)).await;
        }
        let agreed = match start {
            JobStart::Fresh => self.ask(job, spec, stop, ways, asks).await,
            JobStart::Adopted => self.take_up_question(job, spec, stop).await,
        };
        match agreed {
            Ok((job, spec)) => Box::pin(self.work(&job, &spec, JobStart::Fresh, stop, ways)).await,
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
        ways: JobWays<'_>,
    ) -> Arc<Job> {
        let mut job = job.clone();
        job.enter(Status::Running);
        let mut job = Arc::unwrap_or_clone(self.0.queue.put(job));
        // A parent keeps the work of its children.
        let is_kept = start == JobStart::Fresh && job.masked == Some(true) && job.parent.is_none();
        let keeping = is_kept.then(|| {
            let (jobs, job, spec) = (self.clone(), job.clone(), spec.clone());
            // A keyring may take its time, and the work need not wait for it.
            tokio::spawn(async move { jobs.keep_for_retry(&job, &spec).await })
        });
        let started = Instant::now();
        match self.pools(&job, spec, start, stop).await {
            Ok(pools) => {
                let context = self.context(&job, start, stop, ways, &pools);
                let (ending, outcome) = spec.run(&context).await;
                job.outcome = outcome;
                job.close(ending.of_stopped_process(self.0.shut_down.get()));
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
        if job.masked == Some(true) && job.parent.is_none() && !stands.status.can_retry() {
            let (jobs, id) = (self.clone(), job.id.clone());
            tokio::spawn(async move {
                if let Some(keeping) = keeping {
                    let _ = keeping.await;
                }
                jobs.forget_work(&id).await;
            });
        }
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

    /// The context of a job that runs over these connections.
    pub(in crate::job) fn context<'a>(
        &'a self,
        job: &'a Job,
        start: JobStart,
        stop: &'a StopSignal,
        (trigger, link): JobWays<'a>,
        (pool, reading_pool): &'a (Pool, Pool),
    ) -> Context<'a> {
        Context {
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
            pool,
            reading_pool,
            guard: &self.0.guard,
            secrets: &self.0.secrets,
            versions: &self.0.versions,
            file_locks: &self.0.file_locks,
        }
    }

    /// Returns the connections that a job may use, and those that only read.
    pub(in crate::job) async fn pools(
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
}
