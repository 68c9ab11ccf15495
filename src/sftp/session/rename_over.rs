//! Replacement of a file on a server, safe also where servers rename only to free names.

use crate::sftp::error::{Result, SftpError};
use crate::sftp::hidden_name::aside_name;
use crate::sftp::path::RemotePath;
use crate::sftp::session::SftpSession;

/// Extension that renames over an existing file, unlike the protocol's own rename.
const POSIX_RENAME: &[u8] = b"posix-rename@openssh.com";

impl SftpSession {
    /// Renames `from` over `to`. The old file exists under one of two names whatever happens.
    pub(crate) async fn rename_over(&self, from: &RemotePath, to: &RemotePath) -> Result<()> {
        if self.offers(POSIX_RENAME) {
            return self.rename(Some(POSIX_RENAME), from, to).await;
        }
        if self.lstat(to).await?.is_none() {
            return self.rename(None, from, to).await;
        }
        let aside = aside(to);
        // Left by a replacement interrupted when the new file had its name already.
        let _ = self.remove(&aside).await;
        self.rename(None, to, &aside).await?;
        let Err(error) = self.rename(None, from, to).await else {
            if let Err(error) = self.remove(&aside).await {
                tracing::warn!("the old version of `{to}` stays as `{aside}`: {error}");
            }
            return Ok(());
        };
        if error.is_connection_lost() {
            return Err(error);
        }
        match self.rename(None, &aside, to).await {
            Ok(()) => Err(error),
            Err(again) if again.is_connection_lost() => Err(again),
            Err(again) => Err(SftpError::Stranded(format!(
                "{error}; the old file could not be moved back ({again}) and lies beside it as `{aside}`"
            ))),
        }
    }
}

/// The hidden name of a file while another takes its place.
pub(crate) fn aside(path: &RemotePath) -> RemotePath {
    path.with_file_name(&aside_name(path.file_name().unwrap_or_default()))
}
