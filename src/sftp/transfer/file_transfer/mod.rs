//! The transfer of one file: target, resume, content, checks and the final rename.

mod expected;
mod in_place;
mod target;
mod version;

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::path::RemotePath;
use crate::sftp::plan::FilePlan;
use crate::sftp::plan::destination::MayWrite;
use crate::sftp::request::TransferEntry;
use crate::sftp::session::file_reader::{Extent, FileReader};
use crate::sftp::session::{FileHandle, SftpSession};
use crate::sftp::transfer::access::FileExtras;
use crate::sftp::transfer::backup::BackupRecord;
use crate::sftp::transfer::checksum::ServerFile;
use crate::sftp::transfer::context::{ResumeState, TransferContext, unless_cancelled};
use crate::sftp::transfer::early::{self, EarlyFile, EarlySlot};
use crate::sftp::transfer::part::PartFile;
use crate::sftp::transfer::part_flush::{PartFlush, WritingTurn};
use crate::sftp::transfer::peer::Peer;
use crate::sftp::transfer::replacement::{ExpectedContent, ReplaceOptions};
use crate::sftp::transfer::sessions::SftpSessions;
use crate::store::BackupContent;

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
    /// The end besides the server.
    type Peer: Peer;
    /// True if the target is the server.
    const IS_UPLOAD: bool;
    /// Bytes at the end of an earlier try's part file that may have gaps.
    const RESUME_MARGIN: u64;
    /// Permission bits that a new file takes over.
    const MODE_MASK: u32;

    /// Source and target filesystem, given a session and the other end.
    fn filesystems<'a>(
        session: &'a SftpSession,
        peer: &'a Self::Peer,
    ) -> (&'a Self::Source, &'a Self::Target);
    /// Source and target of an entry as the user wrote them.
    fn source_and_target(entry: &TransferEntry) -> (&str, &str);
    /// The path on this machine, given a source and its copy.
    fn local<'a>(
        from: &'a <Self::Source as Filesystem>::Path,
        copy: &'a <Self::Target as Filesystem>::Path,
    ) -> Option<&'a PathBuf>;
    /// Checksums of the first `length` bytes of the source and of its copy.
    fn checksums(
        transfer: &FileTransfer<'_, Self>,
        copy: &TargetPath<Self>,
        length: u64,
    ) -> impl Future<Output = Result<(String, String)>> + Send;
    /// Returns whether a file of that length takes more than one round of requests.
    fn is_large(session: &SftpSession, length: u64) -> bool;
    /// Opens the file on the server for a request of one file, while the request is still being planned.
    /// Most requests turn out as they look.
    fn open_early(
        session: &SftpSession,
        peer: &Self::Peer,
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
    /// Its index in the plan, by which it gets its sessions.
    pub(crate) number: usize,
    pub(crate) plan: &'a FilePlan<D::Source, D::Target>,
    pub(crate) state: &'a ResumeState,
    pub(crate) context: &'a TransferContext<'a, D::Peer>,
    /// Its file on the server, if that is being opened already.
    pub(crate) early: EarlySlot,
    /// The transfer's files as they are written and flushed.
    pub(crate) flush: &'a PartFlush<TargetPath<D>>,
}

/// Settings of a transfer that decide on opening files early.
pub(crate) struct EarlyContext<'a> {
    /// Token in the names of part files.
    pub(crate) token: &'a str,
    pub(crate) may_write: &'a MayWrite<'a>,
}

impl<'s, D: TransferDirection> FileTransfer<'s, D> {
    pub(crate) fn target(&self) -> &D::Target {
        D::filesystems(self.session, self.context.peer).1
    }

    /// The wishes on the file.
    fn replacement(&self) -> ReplaceOptions<'s> {
        let from = &self.plan.from;
        self.context.replacements.of(|| D::Source::shown(from))
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

    /// Returns whether a part file is flushed to disk with others once it is written.
    pub(crate) fn is_flushed_later(&self, part: &PartFileOf<D>) -> bool {
        // A flush opens it for reading.
        let is_readable = part.mode.is_none_or(|mode| mode & 0o400 != 0);
        self.flush.is_on()
            && is_readable
            && !part.in_place
            && !D::is_large(self.session, self.plan.metadata.length)
    }

    async fn copy_to_target(&self) -> Result<u64> {
        let context = self.context;
        let turn = unless_cancelled(context, async { Ok(self.flush.turn().await) }).await?;
        let _permit = if D::is_large(self.session, self.plan.metadata.length) {
            context.large.acquire().await.ok()
        } else {
            None
        };
        self.create_part_early();
        // Boxed: many files wait for a flush, and what came before is to take no memory meanwhile.
        let part = unless_cancelled(context, Box::pin(self.part_file())).await?;
        self.check_roots(&part).await?;
        let adopted = Box::pin(self.adopt_backup(&part)).await?;
        // A symbolic link that is replaced is not written through.
        let in_place =
            context.options.in_place && !self.state.replaces_link.load(Ordering::Relaxed);
        if adopted.is_some() || in_place {
            return Box::pin(self.copy_in_place(part, adopted, None)).await;
        }
        let obstacle = Box::pin(self.obstacle(&part));
        let copied = match unless_cancelled(context, obstacle).await? {
            Some(reason) => Err(SftpError::not_replaceable(reason)),
            None => self.copy_via_part(&part, turn).await,
        };
        match copied {
            Err(SftpError::NotReplaceable(reason)) => {
                Box::pin(self.copy_in_place(part, None, Some(reason))).await
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

    async fn copy_via_part(
        &self,
        part: &PartFileOf<D>,
        turn: WritingTurn<'_, TargetPath<D>>,
    ) -> Result<u64> {
        let is_flushed_later = self.is_flushed_later(part);
        let written = async {
            let write = Box::pin(self.write_part(part));
            let (length, old) = tokio::join!(write, self.read_old(part));
            Ok((length?, old?))
        };
        let written = unless_cancelled(self.context, Box::pin(written)).await;
        drop(turn);
        let arrived = match written {
            Ok((length, old)) => {
                // Before a flush, which others' old contents in memory would hold up.
                Box::pin(self.keep_version(part, length, old)).await;
                let put = self.flush_and_put_in_place(part, is_flushed_later);
                put.await.map(|()| length)
            }
            Err(error) => Err(error),
        };
        match arrived {
            // After a lost connection the part file is left to be resumed.
            Err(error) if !error.is_connection_lost() => {
                let error = match error {
                    SftpError::NotReplaceable(_) => error,
                    error => Box::pin(D::explain(self, part, error)).await,
                };
                let _ = self.target().remove(&part.path).await;
                self.set_arrived(0);
                Err(error)
            }
            arrived => arrived,
        }
    }

    async fn flush_and_put_in_place(
        &self,
        part: &PartFileOf<D>,
        is_flushed_later: bool,
    ) -> Result<()> {
        if is_flushed_later {
            unless_cancelled(self.context, self.flush_part(part)).await?;
        }
        // A replacement is not abandoned: the old file might be without its name.
        Box::pin(self.put_in_place(part)).await
    }

    /// Waits until a written part file is on disk.
    async fn flush_part(&self, part: &PartFileOf<D>) -> Result<()> {
        if self.flush.wait(&part.path, self.plan.metadata.length).await {
            return Ok(());
        }
        let _permit = self.flush.permit().await;
        Box::pin(self.target().sync(&part.path)).await
    }

    /// Gives the part file the target's name, if the target is what the caller expects.
    async fn put_in_place(&self, part: &PartFileOf<D>) -> Result<()> {
        if let Some(expected) = self.replacement().expected {
            let is_as_expected = self.check_expected(part, expected).await?;
            let is_free = is_as_expected && *expected == ExpectedContent::Absent;
            if is_free && self.take_free_name(part).await? {
                return Ok(());
            }
        }
        self.rename_part(part).await
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
            let (source, target) = D::checksums(self, copy, length).await?;
            if source != target {
                let reason =
                    format!("the checksums differ: {source} at the source, {target} at the target");
                return Err(SftpError::failure(reason));
            }
        }
        Ok(())
    }

    /// Refuses a local file outside the roots before anything is sent or created for it. Later changes
    /// are caught where it is opened.
    async fn check_roots(&self, part: &PartFileOf<D>) -> Result<()> {
        match D::local(&self.plan.from, &part.target) {
            Some(here) => {
                let (roots, here) = (self.context.roots.clone(), here.clone());
                let check = move || Ok(roots.check(&here)?);
                self.context.brief_work.run(check).await
            }
            None => Ok(()),
        }
    }

    /// Offset from which to copy: bytes that have arrived before are not sent again.
    async fn resume_offset(&self, part: &PartFileOf<D>) -> Result<u64> {
        let arrived = self.state.arrived();
        if !D::is_large(self.session, self.plan.metadata.length)
            || arrived == 0 && !self.context.resume
        {
            return Ok(0);
        }
        let (source, target) = D::filesystems(self.session, self.context.peer);
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
        let (source, target) = D::checksums(self, &part.path, sure).await?;
        Ok(if source == target { sure } else { 0 })
    }

    /// A file on the server, for its checksum.
    pub(crate) fn server_file<'f>(&'f self, path: &'f RemotePath) -> ServerFile<'f> {
        ServerFile {
            pool: self.context.pool,
            alias: self.context.alias,
            session: self.session,
            path,
        }
    }
}
