//! The target of a file: resolved, and with its part file beside it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::hidden_name::part_name;
use crate::sftp::path::{RemotePath, local_of};
use crate::sftp::plan::TargetState;
use crate::sftp::transfer::early::EarlyFile;
use crate::sftp::transfer::file_transfer::{
    FileTransfer, PartFileOf, TargetPath, TransferDirection,
};
use crate::sftp::transfer::part::PartFile;
use crate::sync::lock;

impl<D: TransferDirection> FileTransfer<'_, D> {
    /// Creates the part file of a small upload while its target is still being examined.
    pub(super) fn create_part_early(&self) {
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
    pub(super) async fn part_file(&self) -> Result<PartFileOf<D>> {
        let plan = self.plan;
        let there = if self.state.was_lost.load(Ordering::Relaxed) {
            TargetState::Unknown
        } else {
            plan.target_state
        };
        let (to, existing, is_unknown) = match there {
            TargetState::Absent => (plan.to.clone(), None, false),
            TargetState::File(metadata) => (plan.to.clone(), Some(metadata), false),
            TargetState::Link | TargetState::Unknown => match self.resolve_target().await {
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
            return Err(SftpError::NotAFile(format!("`{shown}` is a directory")));
        }
        let name = D::Target::file_name(&to)
            .ok_or_else(|| SftpError::failure(format!("`{shown}` does not name a file")))?;
        let source = D::Source::bytes(&plan.from);
        let name = part_name(self.context.token, &name, &source);
        let replacement = self.replacement();
        Ok(PartFile {
            path: D::Target::beside(&to, &name),
            target: to,
            old: existing,
            is_unknown: is_unknown && existing.is_none(),
            in_place: false,
            owner: replacement
                .owner
                .or(existing.and_then(|metadata| metadata.owner)),
            mode: replacement
                .mode
                .or(existing.and_then(|metadata| metadata.mode))
                .or(plan.metadata.mode.map(|mode| mode & D::MODE_MASK)),
            modified: replacement.modified.or(plan.metadata.modified),
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
            // A link that was followed: some servers report a device so.
            Some(metadata) if metadata.file_type == FileType::Link => {
                let shown = D::Target::shown(path);
                Err(SftpError::NotAFile(format!("`{shown}` is not a file")))
            }
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
}
