//! The tasks that look after jobs for as long as the engine lives.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Engine, FOREIGN_INTERVAL, Jobs};
use crate::fs::blocking;
use crate::job::queue::AdoptedJobs;

/// The interval at which it is looked whether questions have changed, while a task waits for an answer.
const QUESTIONS_INTERVAL: Duration = Duration::from_secs(1);

/// The same while none does: only a process that asks and ends at once needs another one then.
const QUIET_INTERVAL: Duration = Duration::from_secs(5);

/// The interval at which outputs are swept while no job ends.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

impl Jobs {
    /// Starts the tasks. Each ends with the engine.
    pub(super) fn look_after(&self, adopted: AdoptedJobs) {
        let engine = || Arc::downgrade(&self.0);
        tokio::spawn(Self::take_over(engine(), adopted));
        tokio::spawn(Self::heed_requests(engine()));
        tokio::spawn(Self::sweep_outputs(engine()));
        tokio::spawn(Self::watch_questions(engine()));
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
        let (mut seen, mut pause) = (None, QUIET_INTERVAL);
        while let Some(engine) = engine.upgrade() {
            let jobs = Self(engine);
            let version = jobs.0.questions.version();
            if version.is_some() && seen != version {
                seen = version;
                pause = QUESTIONS_INTERVAL;
                match jobs.tend_questions().await {
                    Ok(true) => {}
                    Ok(false) => pause = QUIET_INTERVAL,
                    Err(error) => tracing::warn!("open questions were not looked after: {error}"),
                }
            }
            drop(jobs);
            tokio::time::sleep(pause).await;
        }
    }

    async fn sweep_outputs(engine: Weak<Engine>) {
        while let Some(engine) = engine.upgrade() {
            Self(engine).sweep().await;
            tokio::time::sleep(SWEEP_INTERVAL).await;
        }
    }

    pub(super) async fn sweep(&self) {
        let swept = match self.0.queue.list().await {
            Ok(jobs) => {
                let outputs = Arc::clone(&self.0.outputs);
                if let Err(error) = self.tidy_kept_work(jobs.clone()).await {
                    tracing::warn!("kept work was not tidied: {error}");
                }
                blocking(move || outputs.sweep(jobs.iter().map(|job| &job.header))).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = swept {
            tracing::warn!("outputs were not tidied: {error}");
        }
    }
}
