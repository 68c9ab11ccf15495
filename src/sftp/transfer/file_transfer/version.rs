//! The version of what a file takes the place of, kept as a way back.

use std::io::Read as _;
use std::sync::atomic::Ordering;

use crate::fs::blocking;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::transfer::backup::FileBackup;
use crate::sftp::transfer::file_transfer::{FileTransfer, PartFileOf, TransferDirection};
use crate::sftp::versions::{FileFacts, OldState, PathState, VersionKeeper};

impl<'s, D: TransferDirection> FileTransfer<'s, D> {
    /// The keeper of a version, unless an earlier attempt has kept it: the file may be replaced by now.
    fn keeper(&self) -> Option<VersionKeeper<'s>> {
        let is_kept = self.state.is_kept.load(Ordering::Relaxed);
        self.context.keeper.filter(|_| !is_kept)
    }

    /// Reads what is about to be replaced, if a version of it is to be kept.
    pub(super) async fn read_old(&self, part: &PartFileOf<D>) -> Result<Option<OldState<'s>>> {
        let Some(keeper) = self.keeper().filter(|_| !part.is_unknown) else {
            return Ok(None);
        };
        let replaces_link = self.state.replaces_link.load(Ordering::Relaxed);
        let there = part.old.or(replaces_link.then_some(Metadata::LINK));
        let old = keeper.read(self.target(), &part.target, there);
        old.await.map(Some)
    }

    /// Keeps the version of what a part file is about to replace.
    pub(super) async fn keep_version(
        &self,
        part: &PartFileOf<D>,
        length: u64,
        old: Option<OldState<'_>>,
    ) {
        if let Some((keeper, old)) = self.keeper().zip(old) {
            let new = self.new_state(part, length);
            keeper.keep::<D::Target>(&part.target, old, new).await;
            self.state.is_kept.store(true, Ordering::Relaxed);
        }
    }

    /// Keeps the version of a file that is about to be written in place, of which there is a backup.
    pub(super) async fn keep_backup(
        &self,
        part: &PartFileOf<D>,
        backup: Option<&FileBackup>,
    ) -> Result<()> {
        let Some((keeper, backup)) = self.keeper().zip(backup) else {
            return Ok(());
        };
        let content = async |length| {
            let mut from = backup.content()?.take(length);
            blocking(move || {
                let mut content = Vec::new();
                from.read_to_end(&mut content)?;
                Ok::<_, SftpError>(content)
            })
            .await
        };
        let old = match (&part.old, backup.record.size) {
            (Some(now), Some(length)) => {
                // An earlier try may have changed the file since.
                let old = Metadata {
                    length,
                    mode: backup.record.mode.or(now.mode),
                    modified: backup.record.modified.or(now.modified),
                    ..*now
                };
                keeper.old_file(&old, content).await?
            }
            (_, None) => OldState::absent(),
            // The server does not tell what it was.
            (None, Some(_)) => return Ok(()),
        };
        self.keep_version(part, self.plan.metadata.length, Some(old))
            .await;
        Ok(())
    }

    /// The state of the target once it has the new content.
    fn new_state(&self, part: &PartFileOf<D>, length: u64) -> PathState {
        PathState::File(FileFacts {
            size: length,
            sha256: self.state.take_sha256(),
            modified: part.modified,
            mode: None,
            owner: None,
        })
    }
}
