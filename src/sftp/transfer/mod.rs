//! Transfers of files and trees, each file whole or not at all, across lost connections.
//!
//! | module | what it holds |
//! |---|---|
//! | `active`, `summary`, `progress`, `notes` | the files that are under way; the outcome |
//! | `file_transfer` | one file, up or down: target, resume, checks, rename; writing in place |
//! | `upload`, `download` | the differences between the directions |
//! | `early` | files opened before all is known of their targets |
//! | `part_flush` | small files that are written to disk together |
//! | `part`, `backup`, `links`, `access` | part files, backups, symbolic links, hard links and access lists |
//! | `checksum`, `local_file` | checksums; local files as they are read and written |
//! | `replacement` | wishes of a caller who replaces one file that it knows |
//! | `context`, `sessions`, `peer` | state that the files of a transfer share; its SFTP sessions; the end besides its server |

mod access;
mod active;
pub(super) mod backup;
pub(super) mod checksum;
mod context;
mod download;
mod early;
mod file_transfer;
mod links;
mod local_file;
pub(super) mod notes;
mod part;
mod part_flush;
mod peer;
pub(super) mod progress;
pub(super) mod replacement;
mod sessions;
mod summary;
mod upload;

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, FailedFile};
use crate::fs::BriefWork;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::filesystem::{Filesystem, ServerShell};
use crate::sftp::plan::TransferPlan;
use crate::sftp::plan::approval::{MirrorRules, RemovalApproval};
use crate::sftp::plan::destination::{MayWrite, WritePolicy};
use crate::sftp::plan::paths::resolve_remote;
use crate::sftp::plan::planner::Planner;
pub use crate::sftp::plan::report::PlanReport;
use crate::sftp::plan::unchanged::Sides;
pub use crate::sftp::request::{
    Comparison, Direction, TransferEntry, TransferOptions, TransferRequest,
};
use crate::sftp::session::SftpSession;
use crate::sftp::transfer::access::AccessLists;
use crate::sftp::transfer::active::ActiveTransfer;
use crate::sftp::transfer::backup::left_by;
use crate::sftp::transfer::context::{ServerRefusals, TransferContext};
use crate::sftp::transfer::download::Download;
use crate::sftp::transfer::early::{EarlyFile, EarlySlot};
use crate::sftp::transfer::file_transfer::{EarlyContext, TransferDirection};
use crate::sftp::transfer::notes::Notes;
use crate::sftp::transfer::peer::Peer;
use crate::sftp::transfer::progress::TransferProgress;
use crate::sftp::transfer::replacement::Replacements;
use crate::sftp::transfer::sessions::SftpSessions;
pub use crate::sftp::transfer::summary::Summary;
use crate::sftp::transfer::upload::Upload;
use crate::sftp::versions::VersionKeeper;
use crate::ssh::Pool;
use crate::store::{Backups, Document};
use crate::sync::lock;

/// Time to remove part files once a transfer is cancelled: a server that does not answer must not hold
/// it.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// First and longest pause before a lost connection is replaced; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Most attempts in a row that get no further than ever before: a file that begins anew each time moves
/// bytes for ever.
const MOST_REPEATS: usize = 30;

/// A transfer with all that it needs.
pub struct TransferRunner<'a> {
    /// Connections.
    pub pool: &'a Pool,
    /// Alias of the server.
    pub alias: &'a str,
    /// Connections to the server that files come from, if that is another.
    pub source_pool: &'a Pool,
    /// The files to copy.
    pub request: &'a TransferRequest,
    /// Token in the names of its part files.
    pub token: &'a str,
    /// Longest wait for a connection.
    pub patience: Duration,
    /// Time for which lost connections are replaced, from the last byte of progress on.
    pub reconnect_patience: Duration,
    /// Most entries that may be listed.
    pub max_entries: usize,
    /// Bytes that a downloaded file may have beyond twice its reported length.
    pub max_growth: u64,
    /// Local directories that files are confined to.
    pub roots: &'a Roots,
    /// Backups of files that are written in place.
    pub backups: &'a Backups,
    /// Wishes on the files that it replaces.
    pub replacements: &'a Replacements<'a>,
    /// Keeps versions of what it replaces or removes.
    pub keeper: Option<VersionKeeper<'a>>,
    /// Rules on the files that may be written on the server.
    pub may_write: &'a MayWrite<'a>,
    /// Rules on what a mirror removes; without them nothing is removed.
    pub removals: Option<RemovalRules<'a>>,
    /// Progress.
    pub progress: &'a TransferProgress,
    /// Notes for the user.
    pub notes: &'a Notes,
    /// Cancels it.
    pub cancel: &'a CancellationToken,
}

/// Rules on what a mirror removes.
pub struct RemovalRules<'a> {
    /// Rules on the files that may be removed on the server.
    pub may_remove: &'a MayWrite<'a>,
    /// The document [`APPROVED`](crate::sftp::plan::approval::APPROVED).
    pub approved: Document,
}

impl TransferRunner<'_> {
    /// Runs it. An error means that it did not start.
    pub async fn run(&self) -> Result<Summary, Error> {
        match self.request.direction {
            Direction::Upload => self.run_in::<Upload<LocalFilesystem>>().await,
            Direction::ServerToServer => self.run_in::<Upload<SftpSession>>().await,
            Direction::Download => self.run_in::<Download>().await,
        }
    }

    async fn run_in<D: TransferDirection>(&self) -> Result<Summary, Error> {
        let mut summary = Summary {
            most_named: (self.replacements.is_exact).then_some(self.request.entries.len()),
            ..Summary::default()
        };
        let mut active = ActiveTransfer::<D>::default();
        let mut pause = FIRST_PAUSE;
        let mut progressed = Instant::now();
        let (mut furthest, mut repeats) = ((0, usize::MAX), 0);
        loop {
            let before = (self.progress.bytes(), active.remaining());
            let lost = tokio::select! {
                outcome = Box::pin(self.attempt(&mut active, &mut summary)) => outcome,
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
                    reason.unwrap_or_else(|| "the connection was lost".to_owned())
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
            if progressed.elapsed() + pause > self.reconnect_patience || repeats > MOST_REPEATS {
                if active.plan.is_none() {
                    let entries = self.request.entries.iter();
                    let failed = entries.map(|entry| FailedFile {
                        file: D::source_and_target(entry).0.to_owned(),
                        error: reason.clone(),
                    });
                    failed.for_each(|failed| summary.fail(&failed));
                }
                active.fail_all(&reason, &mut summary);
                summary
                    .cause
                    .get_or_insert(SftpError::ConnectionLost(reason));
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
        self.report_backups(&mut summary);
        if let Some(approval) = self.approval()
            && active.remaining() == 0
            && summary.failures == 0
        {
            approval.forget();
        }
        summary.totals = self.progress.totals();
        summary.destinations = active.destinations();
        summary.notes = self.notes.take();
        summary.resumed = self.progress.resumed();
        if self.cancel.is_cancelled() {
            summary.cancelled = true;
            summary.failures += active.remaining();
        }
        Ok(summary)
    }

    /// Approval of what a mirror removes.
    fn approval(&self) -> Option<RemovalApproval<'_>> {
        let options = &self.request.options;
        let rules = self.removals.as_ref().filter(|_| options.mirror)?;
        Some(RemovalApproval {
            document: &rules.approved,
            transfer: self.token,
            place: format!("{} {}", self.alias, self.request.direction.name()),
            given: options.token.as_deref(),
        })
    }

    /// Reports backups that could not be restored.
    fn report_backups(&self, summary: &mut Summary) {
        self.backups.sweep();
        for (record, content) in left_by(self.backups, self.token) {
            let key = record.key;
            let report = match record.size {
                Some(_) => format!(
                    "the old content of `{}` lies in `{content}`, and the next transfer onto it puts it back if it fails",
                    key.path
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

    /// Copies the remaining files until they are done or the connection is lost.
    async fn attempt<D: TransferDirection>(
        &self,
        active: &mut ActiveTransfer<D>,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let opening = SftpSessions::open(self.pool, self.alias, self.patience);
        let (mut sessions, mut peer) = tokio::select! {
            both = async { tokio::try_join!(opening, D::Peer::open(self)) } => both?,
            () = self.cancel.cancelled() => return Ok(()),
        };
        for sessions in [Some(&sessions), peer.sessions()].into_iter().flatten() {
            if let Some(note) = sessions.first().note() {
                self.notes.add(note);
            }
        }
        let early = EarlySlot::default();
        let limits = async { tokio::join!(sessions.first().fetch_limits(), peer.fetch_limits()) };
        let planning = async {
            match active.plan {
                None => {
                    let plan = self.plan::<D>(sessions.first(), &peer, &early);
                    plan.await.map(Some)
                }
                Some(_) => Ok(None),
            }
        };
        // The limits come first: a pipe that is opened early would hold them up.
        let ((limits, peer_limits), planned) = tokio::select! {
            all = async { tokio::join!(limits, planning) } => all,
            () = self.cancel.cancelled() => {
                early::discard(&early, sessions.first()).await;
                return Ok(());
            }
        };
        // The connection was lost while planning: start again.
        let planned = match planned {
            Ok(planned) => planned,
            Err(error) => {
                active.loss_reason = Some(error.to_string());
                return Ok(());
            }
        };
        let has_pipe = planned.as_ref().is_some_and(|plan| plan.has_pipe);
        if let Some(plan) = planned {
            self.begin(plan, active, summary);
        }
        if has_pipe && lock(&early).is_some() {
            self.leave_pipe(sessions, early);
            return Ok(());
        }
        sessions.limit(limits);
        if !active.is_one_file() {
            early::discard(&early, sessions.first()).await;
        }
        let workload = active.workload();
        tokio::join!(
            sessions.widen(self.pool, self.alias, workload),
            peer.widen(peer_limits, workload)
        );
        let mut options = self.request.options.clone();
        // A shell's tools may change content on its way.
        let is_by_shell = |sessions: &SftpSessions| sessions.first().is_by_shell();
        options.verify |= is_by_shell(&sessions) || peer.sessions().is_some_and(is_by_shell);
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
            peer: &peer,
            may_write: self.may_write,
            progress: self.progress,
            notes: self.notes,
            cancel: self.cancel,
            large: &large,
            full: AtomicBool::new(false),
            refusals: ServerRefusals::default(),
            backups: self.backups,
            replacements: self.replacements,
            keeper: self.keeper,
            extras: &extras,
            brief_work: BriefWork::default(),
            early: &early,
        };
        active.copy(&sessions, &context, summary).await;
        early::discard(&early, sessions.first()).await;
        // Requests of a cancelled transfer may be outstanding.
        if active.loss_reason.is_none() && !self.cancel.is_cancelled() {
            sessions.park();
            peer.park();
        }
        Ok(())
    }

    /// Begins with a plan, and reports what is left out of it. Of a dry run, the plan is all.
    fn begin<D: TransferDirection>(
        &self,
        mut plan: TransferPlan<D::Source, D::Target>,
        active: &mut ActiveTransfer<D>,
        summary: &mut Summary,
    ) {
        for failed in std::mem::take(&mut plan.left_out) {
            summary.fail(&failed);
        }
        for (file, refusal) in std::mem::take(&mut plan.refused) {
            summary.refuse(file, refusal);
        }
        summary.unchanged = plan.unchanged;
        summary.deleted += plan.removed;
        if self.request.options.dry_run {
            for (file, refusal) in std::mem::take(&mut plan.kept) {
                summary.refuse(file, refusal);
            }
            summary.plan = Some(PlanReport::of(&plan));
            plan = TransferPlan::new(self.max_entries, false);
        }
        active.set(plan, self.progress);
    }

    /// Ends the opening of a pipe that was requested together with its metadata.
    fn leave_pipe(&self, sessions: SftpSessions, early: EarlySlot) {
        let early = early.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let (Some(early), Some(session)) = (early, sessions.into_first()) {
            let (pool, alias) = (self.pool.clone(), self.alias.to_owned());
            tokio::spawn(early.discard_pipe(session, pool, alias));
        }
    }

    /// Opens the file of a request for one, unless the request is an unusual one.
    async fn open_early<D: TransferDirection>(
        &self,
        session: &SftpSession,
        peer: &D::Peer,
        entry: &TransferEntry,
    ) -> Option<EarlyFile> {
        let request = self.request;
        let is_usual = request.entries.len() == 1
            && request.part.is_none()
            && !request.options.in_place
            && !request.options.compares()
            && !session.is_by_shell();
        if !is_usual {
            return None;
        }
        let context = EarlyContext {
            token: self.token,
            may_write: self.may_write,
        };
        D::open_early(session, peer, entry, &context).await
    }

    async fn resolve(&self, session: &SftpSession, remote: &str) -> Result<String> {
        if self.replacements.is_exact {
            return Ok(remote.to_owned());
        }
        resolve_remote(session, self.pool, self.alias, remote).await
    }

    async fn plan<D: TransferDirection>(
        &self,
        session: &SftpSession,
        peer: &D::Peer,
        early: &EarlySlot,
    ) -> Result<TransferPlan<D::Source, D::Target>> {
        let is_upload = D::IS_UPLOAD;
        let (source, target) = D::filesystems(session, peer);
        let server = ServerShell {
            pool: self.pool,
            alias: self.alias,
        };
        let source_alias = self.request.source_alias.as_deref();
        let source_server = source_alias.map(|alias| ServerShell {
            pool: self.source_pool,
            alias,
        });
        let may_remove = self.removals.as_ref().map(|rules| rules.may_remove);
        let mirror = self.approval().map(|approval| MirrorRules {
            removes: WritePolicy::new(may_remove.filter(|_| is_upload)),
            approval,
        });
        let mut planner = Planner {
            sides: Sides {
                source,
                target,
                source_shell: if is_upload {
                    source_server
                } else {
                    Some(server)
                },
                target_shell: Some(server).filter(|_| is_upload),
            },
            token: self.token,
            mirror,
            keeper: self.keeper,
            patterns: self.request.patterns,
            options: &self.request.options,
            is_exact: self.replacements.is_exact,
            writes: WritePolicy::new(is_upload.then_some(self.may_write)),
            plan: TransferPlan::new(self.max_entries, self.request.options.in_place),
            looks: HashMap::new(),
        };
        if self.replacements.is_exact {
            let entries = self.request.entries.iter();
            let targets = entries.map(|entry| D::Target::path(D::source_and_target(entry).1));
            planner.look_ahead(targets.collect()).await?;
        }
        for entry in &self.request.entries {
            let meant = async {
                Ok::<_, SftpError>(TransferEntry {
                    local: peer.resolve(self, entry).await?,
                    remote: self.resolve(session, &entry.remote).await?,
                })
            };
            match meant.await {
                Ok(meant) => {
                    let (from, to) = D::source_and_target(&meant);
                    let opening = async {
                        let opened = self.open_early::<D>(session, peer, &meant).await;
                        *lock(early) = opened;
                    };
                    // The plan comes first: the server is asked for the type of a source before it opens
                    // the source.
                    let (added, ()) = tokio::join!(planner.add(from, to), opening);
                    added?;
                }
                Err(error) if error.is_connection_lost() => return Err(error),
                Err(error) => {
                    let file = D::source_and_target(entry).0.to_owned();
                    planner.plan.left_out.push(error.failed_file(file));
                }
            }
        }
        let (plan, notes) = planner.finish().await?;
        for note in notes {
            self.notes.add(note);
        }
        Ok(plan)
    }
}
