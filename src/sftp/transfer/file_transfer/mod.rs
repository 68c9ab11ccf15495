//! The transfer of one file: target, resume, content, checks and the final rename.

mod in_place;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::hidden_name::part_name;
use crate::sftp::path::{RemotePath, local_of};
use crate::sftp::plan::destination::MayWrite;
use crate::sftp::plan::{FilePlan, TargetState};
use crate::sftp::request::TransferEntry;
use crate::sftp::session::file_reader::{Extent, FileReader};
use crate::sftp::session::{FileHandle, SftpSession};
use crate::sftp::transfer::access::FileExtras;
use crate::sftp::transfer::backup::BackupRecord;
use crate::sftp::transfer::checksum::local_sha256;
use crate::sftp::transfer::checksum::remote_sha256;
use crate::sftp::transfer::context::{ResumeState, TransferContext, unless_cancelled};
use crate::sftp::transfer::early::{self, EarlyFile, EarlySlot};
use crate::sftp::transfer::part::PartFile;
use crate::sftp::transfer::sessions::SftpSessions;
use crate::store::BackupContent;
use crate::sync::lock;

/// Reason to write existing files in place on a server that sets no modes.
pub(crate) const NO_MODES: &str = "the server does not let a new file have its owner and mode";

/// Files in a row that cannot be renamed before no more is tried.
const ENOUGH_REFUSALS: usize = 3;

/// The part file of a direction.
pub(crate) type PartFileOf<D> = PartFile<TargetPath<D>>;
/// A path on the filesystem that files are copied to.
pub(crate) type TargetPath<D> = <<D as TransferDirection>::Target as Filesystem>::Path;

/// The differences between uploads and downloads.
pub(crate) trait TransferDirection: Sized + Sync {
    type Source: Filesystem;
    type Target: Filesystem;
    /// True if the target is the server.
    const IS_UPLOAD: bool;
    /// Bytes at the end of an earlier try's part file that may have gaps.
    const RESUME_MARGIN: u64;
    /// Permission bits that a new file takes over.
    const MODE_MASK: u32;

    /// Source and target filesystem, given a session.
    fn filesystems<'a>(
        session: &'a SftpSession,
        local: &'a LocalFilesystem,
    ) -> (&'a Self::Source, &'a Self::Target);
    /// Source and target of an entry as the user wrote them.
    fn source_and_target(entry: &TransferEntry) -> (&str, &str);
    /// The local path and the server's, given a source and its copy.
    fn local_and_remote<'a>(
        from: &'a <Self::Source as Filesystem>::Path,
        copy: &'a <Self::Target as Filesystem>::Path,
    ) -> (&'a PathBuf, &'a RemotePath);
    /// Returns whether a file of that length takes more than one round of requests.
    fn is_large(session: &SftpSession, length: u64) -> bool;
    /// Opens the file on the server for a request of one file, while the request is still being planned.
    /// Most requests turn out as they look.
    fn open_early(
        session: &SftpSession,
        local: &LocalFilesystem,
        entry: &TransferEntry,
        context: &EarlyContext<'_>,
    ) -> impl Future<Output = Option<EarlyFile>> + Send;
    /// Writes the part file from `start` on, sets owner, mode and time, and syncs it. Returns its
    /// length.
    fn fill(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        start: u64,
    ) -> impl Future<Output = Result<u64>> + Send;
    /// Hard links, access list and label of the replaced file, which a new one would lack.
    fn extras(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
    ) -> impl Future<Output = FileExtras> + Send;
    /// Copies access list and label of the replaced file to the part file.
    fn copy_access_to_part(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Copies a target's content into a backup.
    fn save_old_content(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        into: BackupContent,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Writes a target's old content back from its backup.
    fn restore_old_content(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        content: BackupContent,
        record: &BackupRecord,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Adds the cause to a failure while its traces are still there.
    fn explain(
        _transfer: &FileTransfer<'_, Self>,
        _part: &PartFileOf<Self>,
        error: SftpError,
    ) -> impl Future<Output = SftpError> + Send {
        std::future::ready(error)
    }
}

/// One file that is being transferred.
pub(crate) struct FileTransfer<'a, D: TransferDirection> {
    pub(crate) sessions: &'a SftpSessions,
    /// The session that this file uses.
    pub(crate) session: &'a SftpSession,
    pub(crate) plan: &'a FilePlan<D::Source, D::Target>,
    pub(crate) state: &'a ResumeState,
    pub(crate) context: &'a TransferContext<'a>,
    /// Its file on the server, if that is being opened already.
    pub(crate) early: EarlySlot,
}

/// Settings of a transfer that decide on opening files early.
pub(crate) struct EarlyContext<'a> {
    /// Token in the names of part files.
    pub(crate) token: &'a str,
    pub(crate) may_write: &'a MayWrite<'a>,
}

impl<'s, D: TransferDirection> FileTransfer<'s, D> {
    pub(crate) fn target(&self) -> &D::Target {
        D::filesystems(self.session, self.context.local).1
    }

    /// Reads a file on the server of reported length `length` from `start` to its end.
    pub(crate) fn reader<'h>(
        &self,
        handle: &'h FileHandle,
        start: u64,
        length: u64,
    ) -> FileReader<'h>
    where
        's: 'h,
    {
        FileReader::to_end(
            self.session,
            handle,
            Extent { start, length },
            self.sessions.depth.reads,
            self.context.max_growth,
        )
    }

    /// Records how far the file has arrived without a gap.
    pub(crate) fn set_arrived(&self, bytes: u64) {
        self.state.set_arrived(bytes, self.context.progress);
    }

    /// Takes the handle of a file on the server, if that is being opened early.
    pub(crate) async fn take_early(&self, path: &RemotePath) -> Result<Option<FileHandle>> {
        early::take_handle(&self.early, self.session, path).await
    }

    /// Copies the file, whole or not at all. Returns its length.
    pub(crate) async fn copy(&self) -> Result<u64> {
        let copied = self.copy_to_target().await;
        early::discard(&self.early, self.session).await;
        copied
    }

    async fn copy_to_target(&self) -> Result<u64> {
        let context = self.context;
        let _permit = if D::is_large(self.session, self.plan.metadata.length) {
            context.large.acquire().await.ok()
        } else {
            None
        };
        self.create_part_early();
        let part = unless_cancelled(context, self.part_file()).await?;
        self.check_roots(&part).await?;
        let adopted = self.adopt_backup(&part).await?;
        // A symbolic link that is replaced is not written through.
        let in_place =
            context.options.in_place && !self.state.replaces_link.load(Ordering::Relaxed);
        if adopted.is_some() || in_place {
            return self.copy_in_place(part, adopted, None).await;
        }
        let copied = match unless_cancelled(context, self.obstacle(&part)).await? {
            Some(reason) => Err(SftpError::not_replaceable(reason)),
            None => self.copy_via_part(&part).await,
        };
        match copied {
            Err(SftpError::NotReplaceable(reason)) => {
                self.copy_in_place(part, None, Some(reason)).await
            }
            copied => copied,
        }
    }

    /// The reason for which the target cannot be replaced, as far as it is known before.
    async fn obstacle(&self, part: &PartFileOf<D>) -> Result<Option<String>> {
        let refusals = &self.context.refusals;
        if refusals.renames.load(Ordering::Relaxed) >= ENOUGH_REFUSALS {
            return Ok(Some("the server refuses to rename".to_owned()));
        }
        if part.old.is_some() && refusals.modes.load(Ordering::Relaxed) {
            return Ok(Some(NO_MODES.to_owned()));
        }
        // For a small file the server is asked while it is sent.
        if !D::IS_UPLOAD || D::is_large(self.session, self.plan.metadata.length) {
            return Ok(D::extras(self, part).await.obstacle());
        }
        Ok(None)
    }

    async fn copy_via_part(&self, part: &PartFileOf<D>) -> Result<u64> {
        let arrived = unless_cancelled(self.context, self.write_part(part)).await;
        // A replacement is not abandoned: the old file might be without its name.
        let arrived = match arrived {
            Ok(length) => self.rename_part(part).await.map(|()| length),
            failed => failed,
        };
        match arrived {
            // After a lost connection the part file is left to be resumed.
            Err(error) if !error.is_connection_lost() => {
                let error = match error {
                    SftpError::NotReplaceable(_) => error,
                    error => D::explain(self, part, error).await,
                };
                let _ = self.target().remove(&part.path).await;
                self.set_arrived(0);
                Err(error)
            }
            arrived => arrived,
        }
    }

    /// Renames the part file over the target.
    async fn rename_part(&self, part: &PartFileOf<D>) -> Result<()> {
        let refusals = &self.context.refusals.renames;
        let Err(error) = self.target().rename_over(&part.path, &part.target).await else {
            refusals.store(0, Ordering::Relaxed);
            return Ok(());
        };
        if error.is_connection_lost() || matches!(error, SftpError::Stranded(_)) {
            return Err(error);
        }
        if D::IS_UPLOAD && error.is_not_found() {
            let reason = format!(
                "{error}: what was to take its name is gone; where a server takes files away once they are closed, `inPlace: true` writes them under their own names"
            );
            return Err(error.reworded(reason));
        }
        let step = match error {
            SftpError::Unsupported(_) => ENOUGH_REFUSALS,
            SftpError::PermissionDenied(_) => 1,
            _ => 0,
        };
        refusals.fetch_add(step, Ordering::Relaxed);
        Err(SftpError::not_replaceable(format!(
            "no other file can take its name ({error})"
        )))
    }

    async fn write_part(&self, part: &PartFileOf<D>) -> Result<u64> {
        let start = self.resume_offset(part).await?;
        self.context.progress.goes_on(start);
        self.set_arrived(start);
        let (filled, extras) = tokio::join!(D::fill(self, part, start), D::extras(self, part));
        let length = filled?;
        self.check(&part.path, length).await?;
        match extras {
            FileExtras::None => {}
            FileExtras::Access => D::copy_access_to_part(self, part).await?,
            FileExtras::Names(_) => {
                return Err(SftpError::not_replaceable(
                    extras.obstacle().unwrap_or_default(),
                ));
            }
        }
        Ok(length)
    }

    /// Refuses a copy that is not whole or, where that is wanted, has another checksum.
    pub(crate) async fn check(&self, copy: &TargetPath<D>, length: u64) -> Result<()> {
        if length < self.plan.metadata.length {
            return Err(SftpError::failure("shrank while it was copied"));
        }
        if self.context.options.verify {
            let (here, there) = self.checksums(copy, length).await?;
            if here != there {
                let reason = format!("the checksums differ: {here} here, {there} on the server");
                return Err(SftpError::failure(reason));
            }
        }
        Ok(())
    }

    /// Refuses a local file outside the roots before anything is sent or created for it. Later changes
    /// are caught where it is opened.
    async fn check_roots(&self, part: &PartFileOf<D>) -> Result<()> {
        let (here, _) = D::local_and_remote(&self.plan.from, &part.target);
        self.context.roots.check_file(here).await
    }

    /// Creates the part file of a small upload while its target is still being examined.
    fn create_part_early(&self) {
        let refuses_modes = self.context.refusals.modes.load(Ordering::Relaxed);
        let is_usual = D::IS_UPLOAD
            && matches!(self.plan.target_state, TargetState::Unknown)
            && !D::is_large(self.session, self.plan.metadata.length)
            && !(self.context.options.in_place || self.context.resume || refuses_modes)
            && !(self.session.is_by_shell() || self.state.was_lost.load(Ordering::Relaxed))
            && lock(&self.early).is_none();
        if let Some(name) = D::Target::file_name(&self.plan.to).filter(|_| is_usual) {
            let name = part_name(
                self.context.token,
                &name,
                &D::Source::bytes(&self.plan.from),
            );
            let part = D::Target::beside(&self.plan.to, &name);
            let part = RemotePath::of_bytes(&D::Target::bytes(&part));
            *lock(&self.early) = Some(EarlyFile::create_part(self.session, part));
        }
    }

    /// The part file, beside the resolved target.
    async fn part_file(&self) -> Result<PartFileOf<D>> {
        let plan = self.plan;
        let there = if self.state.was_lost.load(Ordering::Relaxed) {
            TargetState::Unknown
        } else {
            plan.target_state
        };
        let (to, existing, is_unknown) = match there {
            TargetState::Absent => (plan.to.clone(), None, false),
            TargetState::File(metadata) => (plan.to.clone(), Some(metadata), false),
            TargetState::Unknown => match self.resolve_target().await {
                Err(error) if self.context.options.in_place && error.leaves_open() => {
                    (plan.to.clone(), self.stat_by_listing().await?, true)
                }
                resolved => {
                    let (to, existing) = resolved?;
                    (to, existing, false)
                }
            },
        };
        let shown = D::Target::shown(&to);
        if let Some(metadata) = existing {
            metadata.check_kind(&shown)?;
        }
        if existing.is_some_and(|metadata| metadata.is_directory()) {
            return Err(SftpError::failure(format!("`{shown}` is a directory")));
        }
        let name = D::Target::file_name(&to)
            .ok_or_else(|| SftpError::failure(format!("`{shown}` does not name a file")))?;
        let source = D::Source::bytes(&plan.from);
        let name = part_name(self.context.token, &name, &source);
        Ok(PartFile {
            path: D::Target::beside(&to, &name),
            target: to,
            old: existing,
            is_unknown: is_unknown && existing.is_none(),
            in_place: false,
            mode: existing
                .and_then(|metadata| metadata.mode)
                .or(plan.metadata.mode.map(|mode| mode & D::MODE_MASK)),
            modified: plan.metadata.modified,
        })
    }

    /// Resolves the target, with its metadata. A symbolic link is followed only if the user named it:
    /// others may have been put there to lead elsewhere.
    async fn resolve_target(&self) -> Result<(TargetPath<D>, Option<Metadata>)> {
        let (target, path) = (self.target(), &self.plan.to);
        let (here, aside) = tokio::join!(target.lstat(path), self.stranded_original());
        let here = here?;
        if here.is_none()
            && let Some(aside) = aside
        {
            target.move_back(&aside, path).await?;
            self.context.notes.add(format!(
                "an earlier transfer had moved `{}` aside and was cut; it was moved back first",
                D::Target::shown(path)
            ));
            return Ok((path.clone(), target.lstat(path).await?));
        }
        if here.is_none_or(|metadata| metadata.file_type != FileType::Link) {
            return Ok((path.clone(), here));
        }
        if !self.plan.is_named_by_user {
            self.state.replaces_link.store(true, Ordering::Relaxed);
            return Ok((path.clone(), None));
        }
        let metadata = match target.stat(path).await {
            Err(error) if error.leaves_open() => {
                let real = target.real_path(path).await?;
                self.check_policy(&real)?;
                let metadata = target.lstat(&real).await?;
                return Ok((real, metadata));
            }
            metadata => metadata?,
        };
        match metadata {
            Some(metadata) => {
                let real = target.real_path(path).await?;
                self.check_policy(&real)?;
                Ok((real, Some(metadata)))
            }
            // A dangling symbolic link is replaced.
            None => Ok((path.clone(), None)),
        }
    }

    /// The path at which an interrupted replacement has left the target's file.
    async fn stranded_original(&self) -> Option<TargetPath<D>> {
        let aside = D::Target::aside(&self.plan.to)?;
        let there = self.target().lstat(&aside).await;
        let is_file = |metadata: Metadata| metadata.file_type == FileType::File;
        there.ok().flatten().is_some_and(is_file).then_some(aside)
    }

    /// The target's metadata in the listing of its directory, where the server refuses to stat it.
    async fn stat_by_listing(&self) -> Result<Option<Metadata>> {
        let path = &self.plan.to;
        if let Ok(metadata) = self.target().stat(path).await {
            return Ok(metadata);
        }
        let directory = D::Target::parent(path).unwrap_or_else(|| D::Target::path("."));
        let limit = Arc::new(EntryLimit::new(self.context.max_entries, 0));
        let entries = match self.target().read_dir(&directory, &limit).await {
            Err(error) if error.is_connection_lost() => return Err(error),
            entries => entries.unwrap_or_default(),
        };
        let mut entries = entries.into_iter();
        let name = D::Target::file_name(path).map(|name| local_of(&name));
        let found = entries.find(|(entry, _)| Some(entry) == name.as_ref());
        Ok(found
            .map(|(_, metadata)| metadata)
            .filter(|metadata| metadata.file_type != FileType::Link))
    }

    /// Refuses a resolved target that may not be written: the link may lead there only by now.
    fn check_policy(&self, real: &TargetPath<D>) -> Result<()> {
        if !D::IS_UPLOAD {
            return Ok(());
        }
        let judged = (self.context.may_write)()(&[D::Target::shown(real)]);
        judged.map_err(|refusal| SftpError::PermissionDenied(refusal.to_string()))
    }

    /// Offset from which to copy: bytes that have arrived before are not sent again.
    async fn resume_offset(&self, part: &PartFileOf<D>) -> Result<u64> {
        let arrived = self.state.arrived();
        if !D::is_large(self.session, self.plan.metadata.length)
            || arrived == 0 && !self.context.resume
        {
            return Ok(0);
        }
        let (source, target) = D::filesystems(self.session, self.context.local);
        let there = target.lstat(&part.path).await?;
        let Some(there) = there.filter(|metadata| metadata.file_type == FileType::File) else {
            return Ok(0);
        };
        let now = source.stat(&self.plan.from).await?;
        let owner = self.plan.metadata.owner;
        if now.map(|now| Metadata { owner, ..now }) != Some(self.plan.metadata) {
            return Ok(0);
        }
        if arrived > 0 {
            // The target has confirmed each of these bytes.
            return Ok(arrived.min(there.length));
        }
        let sure = there.length.min(self.plan.metadata.length);
        let sure = sure.saturating_sub(D::RESUME_MARGIN);
        if sure == 0 {
            return Ok(0);
        }
        let (here, there) = self.checksums(&part.path, sure).await?;
        Ok(if here == there { sure } else { 0 })
    }

    /// Computes the checksum of the first `length` bytes of a file on the server.
    pub(crate) async fn remote_sha256(
        &self,
        path: &RemotePath,
        length: u64,
        expected: &str,
    ) -> Result<String> {
        let (pool, alias) = (self.context.pool, self.context.alias);
        remote_sha256(pool, alias, self.session, path, length, expected).await
    }

    /// Checksums of the first `length` bytes, here and on the server.
    async fn checksums(&self, copy: &TargetPath<D>, length: u64) -> Result<(String, String)> {
        let (here, there) = D::local_and_remote(&self.plan.from, copy);
        let here = local_sha256(self.context.roots, here, length).await?;
        let there = self.remote_sha256(there, length, &here).await?;
        Ok((here, there))
    }
}
