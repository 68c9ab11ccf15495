//! The files of a transfer that is under way, over several connections if need be.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::error::FailedFile;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::{Filesystem, ServerShell};
use crate::sftp::path::RemotePath;
use crate::sftp::plan::clearing::{Removed, cannot_remove};
use crate::sftp::plan::removals::Removals;
use crate::sftp::plan::{TargetState, TransferPlan};
use crate::sftp::session::SftpSession;
use crate::sftp::transfer::context::{ResumeState, TransferContext};
use crate::sftp::transfer::file_transfer::{FileTransfer, TargetPath, TransferDirection};
use crate::sftp::transfer::links;
use crate::sftp::transfer::part_flush::PartFlush;
use crate::sftp::transfer::progress::{TransferProgress, TransferTotals};
use crate::sftp::transfer::sessions::{SftpSessions, Workload};
use crate::sftp::transfer::summary::Summary;
use crate::sync::lock;

/// Most destinations that a record names.
const NAMED_DESTINATIONS: usize = 100;

/// Longest file that is tried again once the others are through if there was no room for it.
const SECOND_TRY: u64 = 32 * 1024 * 1024;

/// Directories whose attributes are set at once.
const ENDED_AT_ONCE: usize = 1024;

/// A transfer's plan and how far each of its files has come.
pub(super) struct ActiveTransfer<D: TransferDirection> {
    pub(super) plan: Option<TransferPlan<D::Source, D::Target>>,
    /// Files that have not arrived, by their index in the plan.
    files: Vec<(usize, ResumeState)>,
    links: VecDeque<usize>,
    /// Entries that are removed once everything has arrived.
    removals: Option<Removals<D::Target>>,
    /// The reason for which the connection was lost.
    pub(super) loss_reason: Option<String>,
    /// Indices of the destinations at which something has arrived.
    reached: BTreeSet<usize>,
}

impl<D: TransferDirection> Default for ActiveTransfer<D> {
    fn default() -> Self {
        Self {
            plan: None,
            files: Vec::new(),
            links: VecDeque::new(),
            removals: None,
            loss_reason: None,
            reached: BTreeSet::new(),
        }
    }
}

impl<D: TransferDirection> ActiveTransfer<D> {
    pub(super) fn set(
        &mut self,
        mut plan: TransferPlan<D::Source, D::Target>,
        progress: &TransferProgress,
    ) {
        self.files = (0..plan.files.len())
            .map(|number| (number, ResumeState::default()))
            .collect();
        self.links = (0..plan.links.len()).collect();
        progress.set_totals(TransferTotals {
            files: plan.files.len() + plan.links.len(),
            // A server may report any length.
            bytes: plan
                .files
                .iter()
                .fold(0, |sum, file| sum.saturating_add(file.metadata.length)),
        });
        self.removals = plan.removals.take();
        self.plan = Some(plan);
    }

    fn removals_left(&self) -> usize {
        let removals = self.removals.as_ref();
        removals.map_or(0, |removals| removals.entries.len())
    }

    /// Number of files still to be copied and entries still to be removed; 1 without a plan.
    pub(super) fn remaining(&self) -> usize {
        match &self.plan {
            Some(_) => self.files.len() + self.links.len() + self.removals_left(),
            None => 1,
        }
    }

    /// The files on the server that may be replaced.
    pub(super) fn replaced(&self) -> Vec<RemotePath> {
        let plan = self.plan.iter().filter(|_| D::IS_UPLOAD);
        let files = plan.flat_map(|plan| &plan.files);
        let there = files.filter(|file| !matches!(file.target_state, TargetState::Absent));
        there
            .map(|file| RemotePath::of_bytes(&D::Target::bytes(&file.to)))
            .collect()
    }

    /// Destinations at which something has arrived, each once.
    pub(super) fn destinations(&self) -> Vec<String> {
        let mut destinations: Vec<String> = Vec::new();
        let all = self
            .plan
            .iter()
            .flat_map(|plan| &plan.destinations)
            .enumerate();
        for (_, destination) in all.filter(|(number, _)| self.reached.contains(number)) {
            if destinations.len() < NAMED_DESTINATIONS && !destinations.contains(destination) {
                destinations.push(destination.clone());
            }
        }
        destinations
    }

    pub(super) fn workload(&self) -> Workload {
        let files = self.plan.iter().flat_map(|plan| &plan.files);
        Workload {
            files: self.files.len(),
            largest: files.map(|file| file.metadata.length).max().unwrap_or(0),
            is_upload: D::IS_UPLOAD,
        }
    }

    /// Returns whether the plan has only one file.
    pub(super) fn is_one_file(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.files.len() == 1)
    }

    pub(super) fn fail_all(&mut self, reason: &str, summary: &mut Summary) {
        let Some(plan) = &self.plan else { return };
        let files = self.files.drain(..).map(|(number, _)| &plan.files[number]);
        let links = self.links.drain(..).map(|number| &plan.links[number]);
        for file in files.chain(links) {
            summary.fail(&FailedFile {
                file: D::Source::shown(&file.from),
                error: reason.to_owned(),
            });
        }
        let removals = self.removals.take();
        for removal in removals.iter().flat_map(|removals| &removals.entries) {
            summary.fail(&FailedFile {
                file: removal.path.display().to_string(),
                error: format!("was not deleted: {reason}"),
            });
        }
    }

    /// Copies everything that is left, many files at once. Files that a lost connection keeps from
    /// arriving stay.
    pub(super) async fn copy(
        &mut self,
        sessions: &SftpSessions,
        context: &TransferContext<'_, D::Peer>,
        summary: &mut Summary,
    ) {
        let target = D::filesystems(sessions.first(), context.peer).1;
        let flush = PartFlush::new(self.files.len(), sessions.depth.files, target.may_flush());
        let shell = D::IS_UPLOAD.then_some(ServerShell {
            pool: context.pool,
            alias: context.alias,
        });
        let write_to_disk =
            |parts: Vec<TargetPath<D>>| async move { target.flush(&parts, shell).await };
        tokio::select! {
            () = self.copy_files(sessions, &flush, context, summary) => {}
            never = flush.run(write_to_disk) => never,
        }
        self.end(sessions, context, summary).await;
    }

    async fn copy_files(
        &mut self,
        sessions: &SftpSessions,
        flush: &PartFlush<TargetPath<D>>,
        context: &TransferContext<'_, D::Peer>,
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
                    number,
                    plan: file,
                    state: &state,
                    context,
                    early: Mutex::new(lock(context.early).take()),
                    flush,
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
                        reached.insert(plan.files[number].destination_index);
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
                        summary.fail_by(D::Source::shown(&plan.files[number].from), error);
                    }
                }
            };
        let mut retry_when_room = Vec::new();
        let mut left = std::mem::take(&mut self.files).into_iter();
        let first = left
            .by_ref()
            .take(sessions.depth.files + flush.most_waiting());
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
            } else {
                flush.stop();
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
    }

    /// Copies symbolic links and sets directories' attributes once all files have arrived. Links come
    /// last, so that nothing is written through them.
    async fn end(
        &mut self,
        sessions: &SftpSessions,
        context: &TransferContext<'_, D::Peer>,
        summary: &mut Summary,
    ) {
        let Some(plan) = &self.plan else { return };
        if !self.files.is_empty() || context.cancel.is_cancelled() {
            return;
        }
        let session = sessions.first();
        while let Some(number) = self.links.front().copied() {
            let file = &plan.links[number];
            match links::copy::<D>(session, file, context).await {
                Ok(()) => {
                    summary.done += 1;
                    self.reached.insert(file.destination_index);
                    context.progress.file_arrived();
                }
                Err(error) if error.is_connection_lost() => return,
                Err(error) => summary.fail_by(D::Source::shown(&file.from), error),
            }
            self.links.pop_front();
        }
        // Innermost first: a directory may become read-only.
        let target = D::filesystems(session, context.peer).1;
        let innermost_first: Vec<_> = plan.directories.iter().rev().collect();
        for some in innermost_first.chunks(ENDED_AT_ONCE) {
            let mut ended = Vec::new();
            for (path, metadata) in some {
                ended.push(target.set_directory_attributes(path, metadata));
            }
            join_all(ended).await;
        }
        self.remove(session, context, summary).await;
    }

    /// Removes what the source of a mirror lacks, unless something could not be copied.
    async fn remove(
        &mut self,
        session: &SftpSession,
        context: &TransferContext<'_, D::Peer>,
        summary: &mut Summary,
    ) {
        let target = D::filesystems(session, context.peer).1;
        if summary.failures > 0 {
            if self.removals_left() > 0 {
                context
                    .notes
                    .add("nothing was deleted, because not everything was copied");
            }
            self.removals = None;
        }
        while let Some(removals) = &mut self.removals
            && !context.cancel.is_cancelled()
        {
            let ended = match removals.next(target, context.keeper).await {
                Ok(Some(ended)) => ended,
                Ok(None) => break,
                Err(error) => {
                    self.loss_reason.get_or_insert_with(|| error.to_string());
                    return;
                }
            };
            for (removal, outcome) in ended {
                let shown = || D::Target::shown(&D::Target::join(&removals.root, &removal.path));
                match outcome {
                    Ok(Removed::Gone) => summary.deleted += 1,
                    Ok(Removed::IsTwin) => context.notes.add(format!(
                        "`{}` was kept: it seems to be a file of the source by another name",
                        shown()
                    )),
                    Err(error) => summary.fail(&cannot_remove(&error).failed_file(shown())),
                }
            }
        }
        for (file, refusal) in self.plan.iter_mut().flat_map(|plan| plan.kept.drain(..)) {
            summary.refuse(file, refusal);
        }
    }
}
