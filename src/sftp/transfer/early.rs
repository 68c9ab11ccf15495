//! Files opened before all is known of their targets: on a slow connection each answer that is waited for
//! costs a round trip.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::timeout;

use crate::sftp::error::Result;
use crate::sftp::path::RemotePath;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::{FileHandle, SftpSession};
use crate::ssh::Pool;
use crate::sync::lock;

/// Time for the answer to an open request that is not needed.
const DISCARD_PATIENCE: Duration = Duration::from_secs(5);

/// Time to open a further session for a pipe that is being opened in vain.
const PIPE_PATIENCE: Duration = Duration::from_secs(3);

/// A file on the server that is being opened.
pub(crate) struct EarlyFile {
    path: RemotePath,
    opened: PendingResponse,
    /// True if it is a new part file, and not a source.
    is_part: bool,
}

/// Holds a file that is being opened until it is used.
pub(crate) type EarlySlot = Mutex<Option<EarlyFile>>;

impl EarlyFile {
    /// Sends the request to create a part file. Its name is this transfer's own.
    pub(crate) fn create_part(session: &SftpSession, path: RemotePath) -> Self {
        Self {
            opened: session.send_create(&path),
            path,
            is_part: true,
        }
    }

    /// Sends the request to open a source.
    pub(crate) fn open_source(session: &SftpSession, path: RemotePath) -> Self {
        Self {
            opened: session.send_open_read(&path),
            path,
            is_part: false,
        }
    }

    /// Closes the file, and removes it if it is a part file. Returns whether the server has answered.
    pub(crate) async fn discard(self, session: &SftpSession) -> bool {
        let opened = timeout(DISCARD_PATIENCE, session.wait_handle(self.opened)).await;
        if let Ok(Ok(handle)) = &opened {
            drop(session.close(handle));
            if self.is_part
                && let Err(error) = session.remove(&self.path).await
            {
                tracing::warn!("`{}` stays on the server: {error}", self.path);
            }
        }
        opened.is_ok()
    }

    /// Ends the opening of a pipe, which lasts until somebody opens the pipe for writing. Does that over a
    /// further session.
    pub(crate) async fn discard_pipe(self, session: SftpSession, pool: Pool, alias: String) {
        let end = async {
            let other = SftpSession::open(&pool, &alias, PIPE_PATIENCE).await.ok()?;
            let writer = other.open_write(&self.path).await.ok()?;
            let reader = session.wait_handle(self.opened).await.ok()?;
            drop((other.close(&writer), session.close(&reader)));
            Some(())
        };
        if timeout(2 * PIPE_PATIENCE, end).await.is_err() {
            tracing::warn!("the server still waits for a writer of `{}`", self.path);
        }
    }
}

/// Takes the handle of the file at `path` if it is being opened and that succeeds.
pub(crate) async fn take_handle(
    slot: &EarlySlot,
    session: &SftpSession,
    path: &RemotePath,
) -> Result<Option<FileHandle>> {
    let Some(early) = lock(slot).take_if(|early| early.path == *path) else {
        return Ok(None);
    };
    match session.wait_handle(early.opened).await {
        Ok(handle) => Ok(Some(handle)),
        Err(error) if error.is_connection_lost() => Err(error),
        // An ordinary attempt finds the reason, or another way.
        Err(_) => Ok(None),
    }
}

/// Discards the file that is being opened, if there is one.
pub(crate) async fn discard(slot: &EarlySlot, session: &SftpSession) {
    let early = lock(slot).take();
    if let Some(early) = early {
        early.discard(session).await;
    }
}

/// Returns whether opening the file at `path` has no effect besides, as far as its path tells: devices act on
/// being opened.
pub(crate) fn is_harmless(path: &RemotePath) -> bool {
    let mut names = path.as_bytes().split(|byte| *byte == b'/');
    !names.any(|name| matches!(name, b"dev" | b"devices" | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_not_opened_early() {
        for path in ["/srv/app.log", "notes.txt", "~/a/b", "/srv/dev.log", "./a"] {
            assert!(is_harmless(&RemotePath::new(path)), "{path}");
        }
        for path in [
            "/dev/ttyS0",
            "/tmp/../dev/tty",
            "../../dev/tty",
            "/jail/dev/x",
            "/devices/x",
        ] {
            assert!(!is_harmless(&RemotePath::new(path)), "{path}");
        }
    }
}
