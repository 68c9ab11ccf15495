//! A server's file in the place of another, which is not lost on servers that only rename to free names.

use std::io;

use crate::sftp::path::RemotePath;
use crate::sftp::plan::tree::is_lost;
use crate::sftp::session::Session;
use crate::sftp::transfer::part::aside_name;

/// Renames over an existing file, unlike the protocol's own rename.
const POSIX_RENAME: &[u8] = b"posix-rename@openssh.com";

/// Says that the old file has lost its name, and where it lies.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Stranded(String);

/// Whether a failed replacement has left the old file under its name.
pub(crate) fn leaves_original(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_none_or(|inner| inner.downcast_ref::<Stranded>().is_none())
}

impl Session {
    /// Renames `from` over `to`. Whatever happens, the old file is there under one of two names.
    pub(crate) async fn rename_over(&self, from: &RemotePath, to: &RemotePath) -> io::Result<()> {
        if self.offers(POSIX_RENAME) {
            return self.rename(Some(POSIX_RENAME), from, to).await;
        }
        if self.lstat(to).await?.is_none() {
            return self.rename(None, from, to).await;
        }
        let aside = aside(to);
        // Left by a replacement that was cut when the new file had its name already.
        let _ = self.remove(&aside).await;
        self.rename(None, to, &aside).await?;
        let Err(error) = self.rename(None, from, to).await else {
            if let Err(error) = self.remove(&aside).await {
                tracing::warn!("the old version of `{to}` stays as `{aside}`: {error}");
            }
            return Ok(());
        };
        if is_lost(&error) {
            return Err(error);
        }
        match self.rename(None, &aside, to).await {
            Ok(()) => Err(error),
            Err(again) if is_lost(&again) => Err(again),
            Err(again) => Err(io::Error::other(Stranded(format!(
                "{error}; the old file could not be moved back ({again}) and lies beside it as `{aside}`"
            )))),
        }
    }
}

/// Where a file waits while another takes its place.
pub(crate) fn aside(path: &RemotePath) -> RemotePath {
    path.with_file_name(&aside_name(path.file_name().unwrap_or_default()))
}
