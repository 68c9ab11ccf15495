//! The content that a target has to have just before it is replaced.

use std::sync::atomic::Ordering;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::path::RemotePath;
use crate::sftp::transfer::backup::FileBackup;
use crate::sftp::transfer::file_transfer::{FileTransfer, PartFileOf, TransferDirection};
use crate::sftp::transfer::replacement::ExpectedContent;

impl<D: TransferDirection> FileTransfer<'_, D> {
    /// Refuses to replace a target that is not as expected. It is read for that, so that between the
    /// reading and the rename lies one request. Returns false for one that has the new content already.
    pub(super) async fn check_expected(
        &self,
        part: &PartFileOf<D>,
        expected: &ExpectedContent,
    ) -> Result<bool> {
        if self.is_as_expected(part, expected).await? {
            return Ok(true);
        }
        // A rename whose answer was lost with the connection.
        let was_lost = self.state.was_lost.load(Ordering::Relaxed);
        if was_lost && self.has_arrived(part).await? {
            return Ok(false);
        }
        Err(changed())
    }

    /// Gives the part file a name that is free, by the rename that replaces nothing. Returns whether the
    /// server does that.
    pub(super) async fn take_free_name(&self, part: &PartFileOf<D>) -> Result<bool> {
        let Err(error) = self.target().move_back(&part.path, &part.target).await else {
            return Ok(true);
        };
        if error.is_connection_lost() {
            return Err(error);
        }
        if self.target().lstat(&part.target).await?.is_some() {
            return Err(changed());
        }
        Ok(false)
    }

    async fn is_as_expected(
        &self,
        part: &PartFileOf<D>,
        expected: &ExpectedContent,
    ) -> Result<bool> {
        let there = self.target().lstat(&part.target).await?;
        match (there, expected) {
            (None, ExpectedContent::Absent) => Ok(true),
            (Some(there), ExpectedContent::File { size, sha256 }) if there.length == *size => {
                let path = RemotePath::of_bytes(&D::Target::bytes(&part.target));
                let sum = self.server_file(&path).sha256(*size, sha256).await?;
                Ok(sum == *sha256)
            }
            _ => Ok(false),
        }
    }

    /// Returns whether the target has the new content already.
    async fn has_arrived(&self, part: &PartFileOf<D>) -> Result<bool> {
        let length = self.plan.metadata.length;
        let there = self.target().lstat(&part.target).await?;
        if there.is_none_or(|there| there.length != length) {
            return Ok(false);
        }
        let (new, there) = D::checksums(self, &part.target, length).await?;
        Ok(new == there)
    }

    /// Refuses to write a target in place whose old content, which is kept by now, is not as expected.
    pub(super) async fn check_backup(
        &self,
        backup: Option<FileBackup>,
    ) -> Result<Option<FileBackup>> {
        let is_expected = match (self.replacement().expected, &backup) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ExpectedContent::Absent), Some(backup)) => backup.record.size.is_none(),
            (Some(ExpectedContent::File { sha256, .. }), Some(backup)) => {
                backup.record.sha256.as_ref() == Some(sha256)
            }
        };
        if is_expected {
            return Ok(backup);
        }
        self.discard(backup).await;
        Err(changed())
    }
}

fn changed() -> SftpError {
    SftpError::Changed("it was changed meanwhile".to_owned())
}
