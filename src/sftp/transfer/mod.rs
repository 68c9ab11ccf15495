//! Transfers of files and trees, each file whole or not at all, across lost connections.

pub(crate) mod access;
pub(crate) mod backup;
pub(crate) mod context;
pub(crate) mod download;
pub(crate) mod file_transfer;
pub(crate) mod links;
pub(crate) mod notes;
pub(crate) mod part;
pub(crate) mod progress;
pub(crate) mod sessions;
pub(crate) mod upload;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, FailedFile};
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::path::RemotePath;
use crate::sftp::plan::destination::{MayWrite, WritePolicy};
use crate::sftp::plan::pattern::PathPattern;
use crate::sftp::plan::planner::Planner;
use crate::sftp::plan::{TargetState, TransferPlan};
use crate::sftp::session::Session;
use crate::sftp::transfer::access::AccessLists;
use crate::sftp::transfer::backup::Backups;
use crate::sftp::transfer::context::{ResumeState, ServerRefusals, TransferContext};
use crate::sftp::transfer::download::Download;
use crate::sftp::transfer::file_transfer::{FileTransfer, TransferDirection};
use crate::sftp::transfer::notes::Notes;
use crate::sftp::transfer::progress::{Progress, Whole};
use crate::sftp::transfer::sessions::{SftpSessions, Workload, open_additional};
use crate::sftp::transfer::upload::Upload;
use crate::ssh::Pool;
use crate::text::beginning;

/// Most failed files that a record names: enough to see the cause, too few to flood queue and model.
const NAMED_FAILURES: usize = 100;
/// Longest path and reason reported of each: both may come from a server.
const LONGEST_TOLD: usize = 1024;

/// Most destinations that a record names.
const NAMED_PLACES: usize = 100;

/// Longest file that is tried again once the others are through if there was no room for it.
const SECOND_TRY: u64 = 32 * 1024 * 1024;

/// Time to give up files tidily once a transfer is cancelled: a server that does not answer must not
/// hold it.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// First and longest pause before a lost connection is replaced; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Most attempts in a row that get no further than ever before: a file that begins anew each time moves
/// bytes for ever.
const MOST_REPEATS: usize = 30;

/// Directories whose attributes are set at once.
const ENDED_AT_ONCE: usize = 1024;

/// Which way a transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From this machine to the server.
    Upload,
    /// From the server to this machine.
    Download,
}

impl Direction {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

/// A request to transfer files.
#[derive(Clone, Debug)]
pub struct Request {
    /// Direction.
    pub direction: Direction,
    /// Files and trees to copy.
    pub entries: Vec<Entry>,
    /// Whether the source of an entry may be a pattern.
    pub patterns: bool,
    /// How to treat them.
    pub options: Options,
    /// Token of an earlier try, whose part files are resumed.
    pub part: Option<String>,
}

/// How a transfer treats its files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether checksums of both sides are compared before a file is given its name.
    pub verify: bool,
    /// Whether an existing file is written itself rather than replaced.
    pub in_place: bool,
    /// Whether an uploaded tree goes through directories that are links on the server.
    pub follow_directory_links: bool,
}

impl Request {
    /// Local paths that it starts from: of a pattern, the part before the first wildcard.
    pub fn local_bases(&self) -> Vec<PathBuf> {
        let of_patterns = self.patterns && self.direction == Direction::Upload;
        let base = |entry: &Entry| {
            let local = LocalFilesystem::pattern(&entry.local);
            match PathPattern::of(&local) {
                // A file's name may contain wildcards.
                Ok(Some(pattern)) if of_patterns && !Path::new(&local).exists() => {
                    PathBuf::from(pattern.base)
                }
                _ => PathBuf::from(local),
            }
        };
        self.entries.iter().map(base).collect()
    }
}

/// A file, a tree, or the files that a pattern stands for, and where they go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The path on this machine.
    pub local: String,
    /// The path on the server.
    pub remote: String,
}

/// Outcome of a transfer.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Files that arrived.
    pub done: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The first files that did not arrive, with the reason for each.
    pub failed: Vec<FailedFile>,
    /// Number of files that did not arrive.
    pub failures: usize,
    /// Bytes that did not have to be sent again when files were resumed.
    pub resumed: u64,
    /// Files and bytes that were to be copied.
    pub whole: Option<Whole>,
    /// Notes for the user, a sentence each.
    pub notes: Vec<String>,
    /// Where arrived files lie: the file, or the directory that they went into.
    pub places: Vec<String>,
    /// Whether the checksums of both sides were compared for each file that arrived.
    pub verified: bool,
    /// Number of files that may not be written there.
    pub refused: usize,
    /// Why the first of those may not be written.
    pub refusal: Option<Error>,
    /// Whether it was cancelled before it was complete.
    pub cancelled: bool,
    /// Whether the server did not answer then, so that part files may be left on it.
    pub abandoned: bool,
}

impl Summary {
    fn refuse(&mut self, file: String, refusal: Error) {
        self.refused += 1;
        let error = refusal.to_string();
        self.refusal.get_or_insert(refusal);
        self.fail(&FailedFile { file, error });
    }

    fn fail(&mut self, failed: &FailedFile) {
        self.failures += 1;
        if self.failed.len() < NAMED_FAILURES {
            self.failed.push(FailedFile {
                file: beginning(&failed.file, LONGEST_TOLD).into_owned(),
                error: beginning(&failed.error, LONGEST_TOLD).into_owned(),
            });
        }
    }
}

/// A transfer with all that it needs.
pub struct Transfer<'a> {
    /// Connections.
    pub pool: &'a Pool,
    /// Alias of the server.
    pub alias: &'a str,
    /// What to copy.
    pub request: &'a Request,
    /// Token in the names of its part files.
    pub token: &'a str,
    /// Longest wait for a connection.
    pub patience: Duration,
    /// How long lost connections are replaced, from the last byte of progress on.
    pub line_patience: Duration,
    /// Most entries that may be listed.
    pub max_entries: usize,
    /// Bytes that a downloaded file may have beyond twice its reported length.
    pub max_growth: u64,
    /// Local directories that files are confined to.
    pub roots: &'a Roots,
    /// The data directory, for backups of files that are written in place.
    pub data: &'a Path,
    /// Which files may be written on the server.
    pub may_write: &'a MayWrite<'a>,
    /// Progress.
    pub progress: &'a Progress,
    /// Notes for the user.
    pub notes: &'a Notes,
    /// Cancels it.
    pub cancel: &'a CancellationToken,
}

impl Transfer<'_> {
    /// Runs it. An error means that it did not start.
    pub async fn run(&self) -> Result<Summary, Error> {
        match self.request.direction {
            Direction::Upload => self.run_in::<Upload>().await,
            Direction::Download => self.run_in::<Download>().await,
        }
    }

    async fn run_in<D: TransferDirection>(&self) -> Result<Summary, Error> {
        let mut summary = Summary::default();
        let backups = Backups::new(self.data);
        let mut active = ActiveTransfer::<D>::default();
        let mut pause = FIRST_PAUSE;
        let mut progressed = Instant::now();
        let (mut furthest, mut repeats) = ((0, usize::MAX), 0);
        loop {
            let before = (self.progress.bytes(), active.remaining());
            let lost = tokio::select! {
                outcome = self.attempt(&backups, &mut active, &mut summary) => outcome,
                () = self.cancelled() => {
                    summary.abandoned = true;
                    Ok(())
                }
            };
            if self.cancel.is_cancelled() {
                break;
            }
            let reason = match lost {
                Ok(()) if active.remaining() == 0 => break,
                Ok(()) => {
                    let reason = active.loss_reason.take();
                    reason.unwrap_or_else(|| "the line was lost".to_owned())
                }
                // Nothing has started, and the pool has tried its best.
                Err(error) if active.plan.is_none() => return Err(error),
                Err(error) => error.to_string(),
            };
            if (self.progress.bytes(), active.remaining()) != before {
                pause = FIRST_PAUSE;
                progressed = Instant::now();
            }
            let reached = (self.progress.bytes(), active.remaining());
            repeats += 1;
            if reached.0 > furthest.0 || reached.1 < furthest.1 {
                furthest = (reached.0.max(furthest.0), reached.1.min(furthest.1));
                repeats = 0;
            }
            if progressed.elapsed() + pause > self.line_patience || repeats > MOST_REPEATS {
                if active.plan.is_none() {
                    let entries = self.request.entries.iter();
                    let failed = entries.map(|entry| FailedFile {
                        file: D::source_and_target(entry).0.to_owned(),
                        error: reason.clone(),
                    });
                    failed.for_each(|failed| summary.fail(&failed));
                }
                active.fail_all(&reason, &mut summary);
                break;
            }
            tracing::info!(
                "a transfer with `{}` goes on over a new connection: {reason}",
                self.alias
            );
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.cancel.cancelled() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.report_backups(&backups, &mut summary);
        summary.whole = self.progress.whole();
        summary.places = active.places();
        summary.notes = self.notes.take();
        summary.resumed = self.progress.resumed();
        if self.cancel.is_cancelled() {
            summary.cancelled = true;
            summary.failures += active.remaining();
        }
        Ok(summary)
    }

    /// Reports backups that could not be restored.
    fn report_backups(&self, backups: &Backups, summary: &mut Summary) {
        backups.sweep();
        for (record, content) in backups.left_by(self.token) {
            let key = record.key;
            let report = match record.size {
                Some(_) => format!(
                    "the old content of `{}` lies in `{}`, and the next transfer onto it puts it back if it fails",
                    key.path,
                    content.display()
                ),
                None => format!("`{}` was not there before, and may not be whole", key.path),
            };
            let mut failed = summary.failed.iter_mut();
            match failed.find(|failed| failed.file == key.source) {
                Some(failed) => failed.error = format!("{}; {report}", failed.error),
                None => self.notes.add(report),
            }
        }
    }

    async fn cancelled(&self) {
        self.cancel.cancelled().await;
        tokio::time::sleep(STOP_PATIENCE).await;
    }

    /// Copies what is left until it is done or the connection is lost.
    async fn attempt<D: TransferDirection>(
        &self,
        backups: &Backups,
        active: &mut ActiveTransfer<D>,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let local = LocalFilesystem::within(self.roots);
        let opening = SftpSessions::open(self.pool, self.alias, self.patience);
        let mut sessions = tokio::select! {
            sessions = opening => sessions?,
            () = self.cancel.cancelled() => return Ok(()),
        };
        if let Some(note) = sessions.first().note() {
            self.notes.add(note);
        }
        let further = open_additional(self.pool, self.alias, sessions.missing());
        let limits = sessions.first().fetch_limits();
        let planning = async {
            match active.plan {
                None => self.plan::<D>(sessions.first(), &local).await.map(Some),
                Some(_) => Ok(None),
            }
        };
        let (planned, further, limits) = tokio::select! {
            all = async { tokio::join!(planning, further, limits) } => all,
            () = self.cancel.cancelled() => return Ok(()),
        };
        // The connection was lost while planning: start again.
        let planned = match planned {
            Ok(planned) => planned,
            Err(error) => {
                active.loss_reason = Some(error.to_string());
                return Ok(());
            }
        };
        if let Some(mut plan) = planned {
            for failed in std::mem::take(&mut plan.left_out) {
                summary.fail(&failed);
            }
            for (file, refusal) in std::mem::take(&mut plan.refused) {
                summary.refuse(file, refusal);
            }
            active.set(plan, self.progress);
        }
        sessions.limit(limits);
        sessions.add(further);
        let size = active.size(self.request.direction);
        sessions.widen(self.pool, self.alias, size).await;
        let mut options = self.request.options;
        // A shell's tools may change content on its way.
        options.verify |= sessions.first().is_by_shell();
        let extras = AccessLists::new(active.replaced());
        let large = Semaphore::new(sessions.depth.large);
        let context = TransferContext {
            pool: self.pool,
            alias: self.alias,
            token: self.token,
            resume: self.request.part.is_some(),
            options,
            max_entries: self.max_entries,
            max_growth: self.max_growth,
            roots: self.roots,
            local: &local,
            may_write: self.may_write,
            progress: self.progress,
            notes: self.notes,
            cancel: self.cancel,
            large: &large,
            full: AtomicBool::new(false),
            refusals: ServerRefusals::default(),
            backups,
            extras: &extras,
        };
        active.copy(&sessions, &context, summary).await;
        Ok(())
    }

    async fn plan<D: TransferDirection>(
        &self,
        session: &Session,
        local: &LocalFilesystem,
    ) -> Result<TransferPlan<D::Source, D::Target>> {
        let is_upload = self.request.direction == Direction::Upload;
        let (source, target) = D::filesystems(session, local);
        let mut planner = Planner {
            source,
            target,
            patterns: self.request.patterns,
            follows: is_upload && self.request.options.follow_directory_links,
            writes: WritePolicy::new(is_upload.then_some(self.may_write)),
            plan: TransferPlan::new(self.max_entries, self.request.options.in_place),
        };
        for (entry, base) in self.request.entries.iter().zip(self.request.local_bases()) {
            let meant = async {
                // It may have become a symbolic link since the job was authorized.
                self.roots.check_file(&base).await?;
                self.meant(session, entry).await
            };
            match meant.await {
                Ok(meant) => {
                    let (from, to) = D::source_and_target(&meant);
                    planner.add(from, to).await?;
                }
                Err(error) if error.is_connection_lost() => return Err(error),
                Err(error) => {
                    let file = D::source_and_target(entry).0.to_owned();
                    planner.plan.left_out.push(error.failed_file(file));
                }
            }
        }
        let (plan, notes) = planner.finish();
        for note in notes {
            self.notes.add(note);
        }
        Ok(plan)
    }
}

/// A transfer's plan and how far each of its files has come.
struct ActiveTransfer<D: TransferDirection> {
    plan: Option<TransferPlan<D::Source, D::Target>>,
    /// Files that have not arrived, by their index in the plan.
    files: Vec<(usize, ResumeState)>,
    links: Vec<usize>,
    /// Why the connection was lost.
    loss_reason: Option<String>,
    /// Indices of the destinations at which something has arrived.
    reached: BTreeSet<usize>,
}

impl<D: TransferDirection> Default for ActiveTransfer<D> {
    fn default() -> Self {
        Self {
            plan: None,
            files: Vec::new(),
            links: Vec::new(),
            loss_reason: None,
            reached: BTreeSet::new(),
        }
    }
}

impl<D: TransferDirection> ActiveTransfer<D> {
    fn set(&mut self, plan: TransferPlan<D::Source, D::Target>, progress: &Progress) {
        self.files = (0..plan.files.len())
            .map(|number| (number, ResumeState::default()))
            .collect();
        self.links = (0..plan.links.len()).collect();
        progress.set_whole(Whole {
            files: plan.files.len() + plan.links.len(),
            // A server may report any length.
            bytes: plan
                .files
                .iter()
                .fold(0, |sum, file| sum.saturating_add(file.metadata.length)),
        });
        self.plan = Some(plan);
    }

    /// Number of files still to be copied; 1 without a plan.
    fn remaining(&self) -> usize {
        match &self.plan {
            Some(_) => self.files.len() + self.links.len(),
            None => 1,
        }
    }

    /// The files on the server that may be replaced.
    fn replaced(&self) -> Vec<RemotePath> {
        let plan = self.plan.iter().filter(|_| D::IS_UPLOAD);
        let files = plan.flat_map(|plan| &plan.files);
        let there = files.filter(|file| !matches!(file.target_state, TargetState::Absent));
        there
            .map(|file| RemotePath::of_bytes(&D::Target::bytes(&file.to)))
            .collect()
    }

    /// Destinations at which something has arrived, each once.
    fn places(&self) -> Vec<String> {
        let mut places: Vec<String> = Vec::new();
        let all = self.plan.iter().flat_map(|plan| &plan.places).enumerate();
        for (_, place) in all.filter(|(number, _)| self.reached.contains(number)) {
            if places.len() < NAMED_PLACES && !places.contains(place) {
                places.push(place.clone());
            }
        }
        places
    }

    fn size(&self, direction: Direction) -> Workload {
        let files = self.plan.iter().flat_map(|plan| &plan.files);
        let sent = files.filter(|_| direction == Direction::Upload);
        Workload {
            files: self.files.len(),
            largest: sent.map(|file| file.metadata.length).max().unwrap_or(0),
        }
    }

    fn fail_all(&mut self, reason: &str, summary: &mut Summary) {
        let Some(plan) = &self.plan else { return };
        let files = self.files.drain(..).map(|(number, _)| &plan.files[number]);
        let links = self.links.drain(..).map(|number| &plan.links[number]);
        for file in files.chain(links) {
            summary.fail(&FailedFile {
                file: D::Source::shown(&file.from),
                error: reason.to_owned(),
            });
        }
    }

    /// Copies everything that is left, many files at once. What a lost connection keeps from arriving
    /// stays.
    async fn copy(
        &mut self,
        sessions: &SftpSessions,
        context: &TransferContext<'_>,
        summary: &mut Summary,
    ) {
        let Some(plan) = &self.plan else { return };
        let reached = &mut self.reached;
        let copy = async |(number, state): (usize, ResumeState)| {
            let file = &plan.files[number];
            let outcome = if context.cancel.is_cancelled() {
                Err(SftpError::cancelled())
            } else {
                let transfer = FileTransfer::<D> {
                    sessions,
                    session: sessions.of(number),
                    plan: file,
                    state: &state,
                    context,
                };
                transfer.copy().await
            };
            (number, state, outcome)
        };
        let loss_reason = &mut self.loss_reason;
        let length = |number: usize| plan.files[number].metadata.length;
        let may_fit_alone = |number, error: &SftpError| {
            error.is_no_space() && plan.files.len() > 1 && length(number) <= SECOND_TRY
        };
        let mut end =
            |left: &mut Vec<_>, (number, state, outcome): (usize, ResumeState, Result<u64>)| {
                match outcome {
                    Ok(bytes) => {
                        summary.done += 1;
                        summary.bytes += bytes;
                        summary.verified = context.options.verify;
                        reached.insert(plan.files[number].place);
                        if state.replaces_link.load(Ordering::Relaxed) {
                            let path = D::Target::shown(&plan.files[number].to);
                            let note = format!(
                                "`{path}` was a symbolic link, and is a file of its own now"
                            );
                            context.notes.add(note);
                        }
                        context.progress.file_arrived();
                    }
                    Err(error) if error.is_connection_lost() => {
                        loss_reason.get_or_insert_with(|| error.to_string());
                        state.was_lost.store(true, Ordering::Relaxed);
                        left.push((number, state));
                    }
                    Err(error) => {
                        let file = D::Source::shown(&plan.files[number].from);
                        summary.fail(&error.failed_file(file));
                    }
                }
            };
        let mut retry_when_room = Vec::new();
        let mut left = std::mem::take(&mut self.files).into_iter();
        let first = left.by_ref().take(sessions.depth.files);
        let mut active: FuturesUnordered<_> = first.map(copy).collect();
        while let Some((number, state, outcome)) = active.next().await {
            match outcome {
                Err(error) if may_fit_alone(number, &error) => {
                    retry_when_room.push((number, state, error));
                }
                outcome => end(&mut self.files, (number, state, outcome)),
            }
            // After a lost connection nothing new is started.
            if self.files.is_empty() {
                active.extend(left.next().map(copy));
            }
        }
        drop(active);
        // Others' space may be free again. The first that does not fit now ends it: the rest are
        // larger.
        retry_when_room.sort_by_key(|(number, ..)| length(*number));
        context.full.store(false, Ordering::Relaxed);
        let mut has_room = true;
        for (number, state, error) in retry_when_room {
            if !self.files.is_empty() {
                self.files.push((number, state));
                continue;
            }
            let ended = if has_room {
                copy((number, state)).await
            } else {
                (number, state, Err(error))
            };
            has_room &= !ended.2.as_ref().is_err_and(SftpError::is_no_space);
            end(&mut self.files, ended);
        }
        self.files.extend(left);
        self.files.sort_by_key(|(number, _)| *number);
        self.end(sessions, context, summary).await;
    }

    /// Copies symbolic links and sets directories' attributes once all files have arrived. Links come
    /// last, so that nothing is written through them.
    async fn end(
        &mut self,
        sessions: &SftpSessions,
        context: &TransferContext<'_>,
        summary: &mut Summary,
    ) {
        let Some(plan) = &self.plan else { return };
        if !self.files.is_empty() || context.cancel.is_cancelled() {
            return;
        }
        let session = sessions.first();
        while let Some(number) = self.links.first().copied() {
            let file = &plan.links[number];
            match links::copy::<D>(session, file, context).await {
                Ok(()) => {
                    summary.done += 1;
                    self.reached.insert(file.place);
                    context.progress.file_arrived();
                }
                Err(error) if error.is_connection_lost() => return,
                Err(error) => {
                    let file = D::Source::shown(&file.from);
                    summary.fail(&error.failed_file(file));
                }
            }
            self.links.remove(0);
        }
        // Innermost first: a directory may become read-only.
        let target = D::filesystems(session, context.local).1;
        let innermost_first: Vec<_> = plan.directories.iter().rev().collect();
        for some in innermost_first.chunks(ENDED_AT_ONCE) {
            let mut ended = Vec::new();
            for (path, metadata) in some {
                ended.push(target.set_directory_attributes(path, metadata));
            }
            join_all(ended).await;
        }
    }
}
