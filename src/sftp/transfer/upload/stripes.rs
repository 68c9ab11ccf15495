//! Large uploads: sent over several sessions and synced meanwhile.

use std::iter;
use std::time::Duration;

use futures_util::future::try_join_all;

use crate::sftp::error::Result;
use crate::sftp::path::RemotePath;
use crate::sftp::session::WritePacket;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::transfer::file_transfer::FileTransfer;
use crate::sftp::transfer::sessions::SftpSessions;
use crate::sftp::transfer::upload::Upload;
use crate::sftp::transfer::upload::source::UploadSource;
use crate::sftp::transfer::upload::stripe_sender::StripeSender;

/// Pause between two syncs of a large file while it is being sent.
const DURABLE_INTERVAL: Duration = Duration::from_millis(5);

/// Sends a large file from `start` on over all sessions; in place, in order and with one handle.
/// Returns its length and the last pending answers.
pub(crate) async fn send_striped<S: UploadSource>(
    transfer: &FileTransfer<'_, Upload<S>>,
    first: &RemoteFile<'_>,
    start: u64,
    in_place: bool,
) -> Result<(u64, Vec<PendingResponse>)> {
    let mut others = if in_place {
        Vec::new()
    } else {
        open_on_other_sessions(transfer, first).await?
    };
    let mut sender = StripeSender::new(transfer, iter::once(first).chain(&others), start);
    let length = S::stream(transfer, start, &mut sender).await?;
    let ends_in_hole = sender.wait().await?;
    let mut last: Vec<_> = others.iter_mut().map(RemoteFile::close).collect();
    if ends_in_hole {
        // Its last byte gives it its length.
        let mut write = WritePacket::new(&first.handle, length - 1, 1);
        write.content().push(0);
        last.push(first.session.write(write));
    }
    Ok((length, last))
}

/// Syncs the file all the time, so that little is left to do at the end.
pub(crate) async fn fsync_continuously<T>(sessions: &SftpSessions, path: &RemotePath) -> T {
    if let Some(fsync_session) = &sessions.fsync_session
        && let Ok(file) = RemoteFile::open_write(fsync_session, path).await
    {
        while let Some(sync) = fsync_session.fsync(&file.handle) {
            // A failure shows when the whole is synced.
            if fsync_session.wait_done(sync).await.is_err() {
                break;
            }
            tokio::time::sleep(DURABLE_INTERVAL).await;
        }
    }
    std::future::pending().await
}

/// Opens the part file on the other sessions.
async fn open_on_other_sessions<'a, S: UploadSource>(
    transfer: &FileTransfer<'a, Upload<S>>,
    first: &RemoteFile<'a>,
) -> Result<Vec<RemoteFile<'a>>> {
    let sessions = transfer.sessions.all().iter();
    let others = sessions.filter(|session| !std::ptr::eq(*session, first.session));
    try_join_all(others.map(|session| RemoteFile::open_write(session, first.path))).await
}
