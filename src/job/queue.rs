//! The queue: every job of this process, and what the data directory knows of the others'.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::header::KEPT;
use super::history::{History, HistoryEntry};
use super::id::JobId;
use super::job_map::{QueueEntries, QueueEntry, callers_entries, jobs, settle_parents, surplus};
use super::kind::{Outcome, OutcomeRecorder};
use super::record::Job;
use super::saver::{Save, Saver};
use super::stats::QueueStats;
use super::watchers::Watchers;
use crate::config::Config;
use crate::error::Error;
use crate::fs::blocking;
use crate::store::{DataDirectory, Document, Flag, ProcessLock, Version};
use crate::sync::lock;

const LEFT_BEHIND: &str = "the process that ran it is gone; the command may have run, or be running still. \
    task_output has what it had printed";

/// The reason of a task that waited for a yes and cannot be begun by another process.
pub(super) const NOT_BEGUN: &str = "the process that waited for a person's yes is gone, and the record does not hold all that it \
    takes; nothing was done: call again";

/// The time in which other processes write what they have once somebody looks for it, and that between two looks.
const WRITTEN_WITHIN: Duration = Duration::from_secs(1);
const WRITTEN_INTERVAL: Duration = Duration::from_millis(50);

/// The detached jobs that a process takes over, and those that wait for a person's yes.
pub type AdoptedJobs = mpsc::UnboundedReceiver<Arc<Job>>;

/// The queue: a view of `queue.json` in memory, with the changes that are still to be written.
pub struct Queue {
    config: Arc<Config>,
    owner: ProcessLock,
    document: Document,
    history: History,
    /// Held while the document is read or written and the outcome taken over: one at a time, so that an
    /// older version never replaces a newer one in memory.
    document_in_use: Mutex<()>,
    state: Mutex<QueueState>,
    saver: Saver,
    watchers: Watchers,
    adopted: mpsc::UnboundedSender<Arc<Job>>,
}

#[derive(Default)]
struct QueueState {
    entries: QueueEntries,
    /// The version of the document that `entries` is based on.
    version: Option<Version>,
    /// Jobs to be written, with the number of their last change.
    changed: HashMap<JobId, u64>,
    removed: HashSet<JobId>,
    changes: u64,
}

impl Queue {
    /// Opens the data directory's queue, marks what a dead process left behind, and starts saving.
    /// Also returns the detached jobs that this process takes over from dead ones, now and later.
    pub fn open(
        config: Arc<Config>,
        data: &DataDirectory,
    ) -> Result<(Arc<Self>, AdoptedJobs), Error> {
        let (adopted, adoptions) = mpsc::unbounded_channel();
        let queue = Arc::new(Self {
            owner: ProcessLock::claim(data)?,
            document: data.document("queue.json").with_backup("queue.backup.json"),
            history: History::new(data.document("history.json"), config.history_retention),
            document_in_use: Mutex::default(),
            state: Mutex::default(),
            saver: Saver::default(),
            watchers: Watchers::open(data)?,
            adopted,
            config,
        });
        queue.refresh()?;
        queue.owner.sweep();
        queue
            .saver
            .start(Arc::downgrade(&queue), queue.config.save_interval);
        Ok((queue, adoptions))
    }

    /// The name under which this process has registered in the data directory.
    pub fn owner(&self) -> &str {
        self.owner.id()
    }

    /// Takes in a new job, which is this process's from now on, making room for it if need be.
    pub fn add(&self, mut job: Job) -> Result<Arc<Job>, Error> {
        job.owner = Some(self.owner.id().to_owned());
        let mut state = self.state();
        let limit = self.config.max_queue;
        for id in surplus(&state.entries, limit.saturating_sub(1)) {
            state.remove(&id);
        }
        // Children find room wherever their parent did.
        if job.parent.is_none() && callers_entries(&state.entries) >= limit {
            return Err(Error::QueueFull { limit });
        }
        self.history.add(HistoryEntry::from(&job));
        Ok(state.put(job))
    }

    /// Replaces a live job of this process, and returns its record as it stands then. A job that has ended
    /// stays as it is: it may have been marked as crashed because this process ends.
    pub fn put(&self, job: Job) -> Arc<Job> {
        let mut state = self.state();
        match state.entries.get(&job.id) {
            Some(QueueEntry::Job(now)) if !now.status.is_live() => Arc::clone(now),
            _ => state.put(job),
        }
    }

    /// Changes a live job of this process. One that has ended stays as it is.
    pub(super) fn note_progress(&self, id: &JobId, change: impl FnOnce(&mut Job)) {
        self.change(id, |job| job.status.is_live(), change);
    }

    /// Changes a job of this process that has ended, if it is still there.
    pub(super) fn amend(&self, id: &JobId, change: impl FnOnce(&mut Job)) {
        self.change(id, |job| !job.status.is_live(), change);
    }

    fn change(&self, id: &JobId, may: impl FnOnce(&Job) -> bool, change: impl FnOnce(&mut Job)) {
        let mut state = self.state();
        if let Some(job) = self.own(&state, id).filter(|job| may(job)) {
            let mut job = Arc::unwrap_or_clone(job);
            change(&mut job);
            state.put(job);
        }
    }

    /// A job of this process as it stands, without looking at the file.
    fn own(&self, state: &QueueState, id: &JobId) -> Option<Arc<Job>> {
        match state.entries.get(id) {
            Some(QueueEntry::Job(job)) if job.owner.as_deref() == Some(self.owner.id()) => {
                Some(Arc::clone(job))
            }
            _ => None,
        }
    }

    /// A job of any process. Another one may have given out the ID of a job that it has not written yet, so
    /// while there are others an unknown one is waited for.
    pub async fn get(self: &Arc<Self>, id: &JobId) -> Result<Arc<Job>, Error> {
        if let Some(job) = self.own(&self.state(), id) {
            return Ok(job);
        }
        let deadline = Instant::now() + WRITTEN_WITHIN;
        loop {
            self.refreshed().await?;
            if let Some(QueueEntry::Job(job)) = self.state().entries.get(id) {
                return Ok(Arc::clone(job));
            }
            let queue = Arc::clone(self);
            let hurry = blocking(move || Ok::<_, Error>(queue.hurry_others())).await?;
            if hurry.is_none() || Instant::now() >= deadline {
                return Err(Error::UnknownTask { id: id.to_string() });
            }
            sleep(WRITTEN_INTERVAL).await;
        }
    }

    /// Has other processes write what they have, until the flag is dropped; `None` if there are none.
    fn hurry_others(&self) -> Option<Flag> {
        let others = self.owner.has_company();
        others.then(|| self.watchers.raise(self.owner.id()).ok())?
    }

    /// Every job of every process, newest first.
    pub async fn list(self: &Arc<Self>) -> Result<Vec<Arc<Job>>, Error> {
        self.refreshed().await?;
        let mut jobs: Vec<_> = jobs(&self.state().entries).cloned().collect();
        jobs.sort_by_key(|job| Reverse(job.created_at));
        Ok(jobs)
    }

    /// The history of every process, newest first.
    pub async fn history(self: &Arc<Self>) -> Result<Vec<HistoryEntry>, Error> {
        let queue = Arc::clone(self);
        blocking(move || queue.history.read()).await
    }

    /// Requests a write of every change made so far, without waiting for it.
    pub fn request_save(&self) {
        self.saver.request();
    }

    /// Waits until every change made so far is durable. Calls at the same time share one write.
    pub async fn flush(&self) -> Result<(), Error> {
        self.saver.flush().await
    }

    /// Ends every job of this process that is still live, because the process ends. Detached ones go on.
    pub fn crash_live(&self, reason: &str) {
        let mut state = self.state();
        let live: Vec<_> = jobs(&state.entries)
            .filter(|job| job.status.is_live() && job.owner.as_deref() == Some(self.owner.id()))
            .filter(|job| !job.outlives_its_process())
            .cloned()
            .collect();
        let ids: Vec<_> = live.iter().map(|job| job.id.clone()).collect();
        for job in live {
            let mut job = Arc::unwrap_or_clone(job);
            job.crash(reason);
            state.put(job);
        }
        settle_parents(&mut state.entries, &ids);
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }

    async fn refreshed(self: &Arc<Self>) -> Result<(), Error> {
        let queue = Arc::clone(self);
        blocking(move || queue.refresh()).await
    }

    /// Takes in what other processes have written, and marks the jobs of dead ones.
    fn refresh(&self) -> Result<(), Error> {
        let in_use = lock(&self.document_in_use);
        let version = self.document.version();
        let changed = self.state().version != version;
        if changed {
            let entries: QueueEntries = self.document.read()?;
            let mut state = self.state();
            state.entries = state.merged_into(entries, self.owner.id());
            state.version = version;
        }
        drop(in_use);
        // Asks the disk which processes live, so not with the state locked.
        let live: Vec<_> = jobs(&self.state().entries)
            .filter(|job| job.status.is_live() || job.is_on_server())
            .cloned()
            .collect();
        if live.iter().any(|job| self.is_orphan(job)) {
            self.save()
        } else {
            Ok(())
        }
    }

    /// Returns whether the process that ran or attended a job is gone. A live job without an owner is the
    /// original's, which is gone too: that program marks its jobs itself when it starts.
    fn is_orphan(&self, job: &Job) -> bool {
        (job.status.is_live() || job.is_on_server())
            && !job
                .owner
                .as_ref()
                .is_some_and(|owner| self.owner.is_alive(owner))
    }

    /// Marks orphans as crashed or takes them over, drops expired jobs, and makes room. Returns the jobs taken over.
    fn tidy(&self, entries: &mut QueueEntries) -> Vec<Arc<Job>> {
        let (mut adopted, mut crashed) = (Vec::new(), Vec::new());
        for entry in entries.values_mut() {
            if let QueueEntry::Job(job) = entry
                && self.is_orphan(job)
            {
                let orphan = Arc::make_mut(job);
                if orphan.outlives_its_process() {
                    orphan.owner = Some(self.owner.id().to_owned());
                    tracing::info!("task {} is looked after by this process now", orphan.id);
                    adopted.push(Arc::clone(job));
                } else {
                    let waited = orphan.is_waiting();
                    orphan.crash(if waited { NOT_BEGUN } else { LEFT_BEHIND });
                    crashed.push(orphan.id.clone());
                    tracing::warn!(
                        "task {} was left behind by a process that is gone",
                        orphan.id
                    );
                }
            }
        }
        settle_parents(entries, &crashed);
        entries.retain(|_, entry| match entry {
            QueueEntry::Job(job) => job.status.is_live() || job.is_on_server() || job.age() < KEPT,
            QueueEntry::Other(_) => true,
        });
        for id in surplus(entries, self.config.max_queue) {
            entries.shift_remove(&id);
        }
        adopted
    }

    /// Figures over every job, and the jobs that may be retried.
    pub async fn stats(self: &Arc<Self>) -> Result<QueueStats, Error> {
        Ok(QueueStats::of(&self.list().await?))
    }
}

impl Save for Queue {
    fn has_changes(&self) -> bool {
        let state = self.state();
        !state.changed.is_empty() || !state.removed.is_empty() || self.history.has_unwritten()
    }

    fn is_urgent(&self) -> bool {
        self.watchers.are_there()
    }

    /// Writes every change, onto whatever other processes have written meanwhile.
    fn save(&self) -> Result<(), Error> {
        let _in_use = lock(&self.document_in_use);
        let (known, mut changes, mut adopted) = (self.state().version, 0, Vec::new());
        let (entries, version) =
            self.document
                .update_from(known, |theirs: Option<QueueEntries>| {
                    let mut entries = {
                        let state = self.state();
                        changes = state.changes;
                        let base = theirs.unwrap_or_else(|| state.entries.clone());
                        state.merged_into(base, self.owner.id())
                    };
                    adopted = self.tidy(&mut entries);
                    entries
                })?;
        let mut state = self.state();
        state.changed.retain(|_, change| *change > changes);
        // Jobs that were removed during the write are still in `entries`: they go with the next save.
        state.removed.retain(|id| entries.contains_key(id));
        state.entries = state.merged_into(entries, self.owner.id());
        state.version = version;
        drop(state);
        for job in adopted {
            // If the engine has ended, nobody receives them: the next process takes them over.
            let _ = self.adopted.send(job);
        }
        self.history.save()
    }
}

impl OutcomeRecorder for Queue {
    fn change_outcome(&self, id: &JobId, change: Box<dyn FnOnce(&mut Outcome)>) {
        self.note_progress(id, |job| change(&mut job.outcome));
    }

    fn saved(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.flush())
    }
}

impl QueueState {
    fn put(&mut self, job: Job) -> Arc<Job> {
        let job = Arc::new(job);
        self.changes += 1;
        self.removed.remove(&job.id);
        self.changed.insert(job.id.clone(), self.changes);
        self.entries
            .insert(job.id.clone(), QueueEntry::Job(Arc::clone(&job)));
        job
    }

    fn remove(&mut self, id: &JobId) {
        self.changed.remove(id);
        self.entries.shift_remove(id);
        self.removed.insert(id.clone());
    }

    /// `base` with this process's changes on it, and with its own jobs as it knows them: the file may be
    /// older, where a broken one was replaced by its backup.
    fn merged_into(&self, mut base: QueueEntries, owner: &str) -> QueueEntries {
        base.retain(|id, _| !self.removed.contains(id));
        for (id, entry) in &self.entries {
            let keep = match entry {
                QueueEntry::Job(job) => job.owner.as_deref() == Some(owner),
                QueueEntry::Other(_) => false,
            };
            if keep || self.changed.contains_key(id) {
                base.insert(id.clone(), entry.clone());
            }
        }
        base
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::kind::exec::Exec;
    use super::super::status::Status;
    use super::*;
    use crate::ssh::Bound;

    fn open(directory: &Path, change: impl FnOnce(&mut Config)) -> Arc<Queue> {
        let mut config = Config::with_defaults(directory.to_owned());
        change(&mut config);
        let data = DataDirectory::open(directory).unwrap();
        Queue::open(Arc::new(config), &data).unwrap().0
    }

    fn job(status: Status) -> Job {
        let exec = Exec::new("true".into(), None, Bound::default());
        let mut job = Job::new("web1", &exec.into());
        job.enter(status);
        job
    }

    #[tokio::test]
    async fn two_processes_lose_nothing_of_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let (here, there) = (
            open(directory.path(), |_| {}),
            open(directory.path(), |_| {}),
        );
        for _ in 0..5 {
            here.add(job(Status::Completed)).unwrap();
            there.add(job(Status::Running)).unwrap();
            here.flush().await.unwrap();
            there.flush().await.unwrap();
        }
        assert_eq!(here.list().await.unwrap().len(), 10);
        assert_eq!(there.list().await.unwrap().len(), 10);
        assert_eq!(here.history().await.unwrap().len(), 10);
        assert!(
            here.list()
                .await
                .unwrap()
                .iter()
                .all(|job| job.status != Status::Crashed)
        );
    }

    #[tokio::test]
    async fn the_jobs_of_a_process_that_is_gone_have_crashed() {
        let directory = tempfile::tempdir().unwrap();
        let (here, there) = (
            open(directory.path(), |_| {}),
            open(directory.path(), |_| {}),
        );
        let running = job(Status::Running);
        there.add(running.clone()).unwrap();
        there.flush().await.unwrap();
        assert_eq!(here.get(&running.id).await.unwrap().status, Status::Running);
        drop(there);
        let found = here.get(&running.id).await.unwrap();
        assert_eq!(
            (found.status, found.can_retry),
            (Status::Crashed, Some(true))
        );
        assert!(found.crashed_at.is_some());
    }

    #[tokio::test]
    async fn finished_jobs_make_room_and_live_ones_do_not() {
        let directory = tempfile::tempdir().unwrap();
        let queue = open(directory.path(), |config| config.max_queue = 2);
        let oldest = job(Status::Completed);
        queue.add(oldest.clone()).unwrap();
        queue.flush().await.unwrap();
        queue.add(job(Status::Running)).unwrap();
        queue.add(job(Status::Running)).unwrap();
        assert!(matches!(
            queue.add(job(Status::Running)),
            Err(Error::QueueFull { limit: 2 })
        ));
        queue.flush().await.unwrap();
        assert!(matches!(
            queue.get(&oldest.id).await,
            Err(Error::UnknownTask { .. })
        ));
        assert_eq!(queue.list().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn expired_jobs_go_and_unreadable_entries_stay() {
        let directory = tempfile::tempdir().unwrap();
        let text = r#"{"00000001": {"id": "00000001", "type": "ssh", "alias": "s", "cmd": "x", "status": "completed",
                "createdAt": "2020-01-01T00:00:00.000Z", "updatedAt": "2020-01-01T00:00:00.000Z"},
            "00000002": {"id": "00000002", "type": "tunnel", "status": "open"}}"#;
        std::fs::write(directory.path().join("queue.json"), text).unwrap();
        let queue = open(directory.path(), |_| {});
        queue.add(job(Status::Completed)).unwrap();
        queue.flush().await.unwrap();
        let text = std::fs::read_to_string(directory.path().join("queue.json")).unwrap();
        assert!(text.contains("\"tunnel\"") && !text.contains("00000001"));
        let backup = std::fs::read_to_string(directory.path().join("queue.backup.json")).unwrap();
        assert!(backup.contains("00000001"));
    }

    #[tokio::test]
    async fn progress_does_not_revive_what_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let queue = open(directory.path(), |_| {});
        let [running, ended] =
            [Status::Running, Status::Cancelled].map(|status| queue.add(job(status)).unwrap());
        for job in [&running, &ended] {
            queue.note_progress(&job.id, |job| job.error = Some("progress".into()));
            queue.amend(&job.id, |job| job.masked = Some(true));
        }
        let found = queue.get(&running.id).await.unwrap();
        assert_eq!(
            (found.error.as_deref(), found.masked),
            (Some("progress"), None)
        );
        let found = queue.get(&ended.id).await.unwrap();
        assert_eq!((found.error.as_deref(), found.masked), (None, Some(true)));
    }

    #[tokio::test]
    async fn a_write_that_fails_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let queue = open(directory.path(), |_| {});
        queue.add(job(Status::Running)).unwrap();
        let path = directory.path().join("queue.json");
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(queue.flush().await, Err(Error::Storage { .. })));
        std::fs::remove_dir(&path).unwrap();
        queue.flush().await.unwrap();
        assert!(path.is_file());
    }

    #[tokio::test]
    async fn figures() {
        let directory = tempfile::tempdir().unwrap();
        let queue = open(directory.path(), |_| {});
        for (status, duration) in [
            (Status::Completed, 10),
            (Status::Failed, 20),
            (Status::Crashed, 30),
        ] {
            let mut job = job(status);
            job.duration = Some(duration);
            queue.add(job).unwrap();
        }
        let stats = queue.stats().await.unwrap();
        assert_eq!(
            (
                stats.total,
                stats.avg_duration,
                stats.success_rate,
                stats.crashed
            ),
            (3, 20, 33, 1)
        );
        assert_eq!(stats.can_retry.len(), 2);
    }
}
