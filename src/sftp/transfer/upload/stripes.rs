//! Large uploads: sent over several sessions and synced meanwhile.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;

use crate::fs::blocking;
use crate::sftp::error::Result;
use crate::sftp::path::RemotePath;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::session::{FileHandle, WritePacket};
use crate::sftp::transfer::file_transfer::FileTransfer;
use crate::sftp::transfer::local_file::BLOCK;
use crate::sftp::transfer::local_file::is_hole;
use crate::sftp::transfer::local_file::open_at;
use crate::sftp::transfer::sessions::SftpSessions;
use crate::sftp::transfer::upload::Upload;

/// Pause between two syncs of a large file while it is being sent.
const DURABLE_INTERVAL: Duration = Duration::from_millis(5);

/// Sends a large file from `start` on over all sessions; in place, in order and with one handle.
/// Returns its length and the last pending answers.
pub(crate) async fn send_striped(
    transfer: &FileTransfer<'_, Upload>,
    first: &RemoteFile<'_>,
    start: u64,
    in_place: bool,
) -> Result<(u64, Vec<PendingResponse>)> {
    let mut others = if in_place {
        Vec::new()
    } else {
        open_on_other_sessions(transfer, first).await?
    };
    let files: Vec<_> = iter::once(first).chain(&others).collect();
    let from = transfer.plan.from.clone();
    let roots = transfer.context.roots.clone();
    let source = Arc::new(blocking(move || open_at(&roots, &from, start)).await?);
    let reader = StripeReader {
        handles: files.iter().map(|file| file.handle.clone()).collect(),
        length: transfer.session.limits.write,
    };
    let depth = transfer.sessions.depth.writes;
    let mut outstanding: Vec<VecDeque<(u64, PendingResponse)>> =
        files.iter().map(|_| VecDeque::new()).collect();
    let mut ends_in_hole = false;
    let mut next = reader.read(&source, start);
    let length = loop {
        let StripeBlock {
            writes,
            end,
            at_end,
        } = next.await?;
        // The next block is read while this one is sent.
        next = reader.read(&source, end);
        for (stripe, offset, mut write) in writes {
            ends_in_hole = is_hole(write.bytes());
            if ends_in_hole {
                continue;
            }
            let session = files[stripe].session;
            if outstanding[stripe].len() == depth
                && let Some((_, oldest)) = outstanding[stripe].pop_front()
            {
                session.wait_done(oldest).await?;
                let arrived = outstanding.iter().filter_map(VecDeque::front);
                let arrived = arrived.map(|(offset, _)| *offset).min();
                transfer.set_arrived(arrived.unwrap_or(offset).max(start));
            }
            outstanding[stripe].push_back((offset, session.write(write)));
        }
        if at_end {
            break end;
        }
    };
    for (file, writes) in files.into_iter().zip(outstanding) {
        for (_, write) in writes {
            file.session.wait_done(write).await?;
        }
    }
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
async fn open_on_other_sessions<'a>(
    transfer: &FileTransfer<'a, Upload>,
    first: &RemoteFile<'a>,
) -> Result<Vec<RemoteFile<'a>>> {
    let sessions = transfer.sessions.all().iter();
    let others = sessions.filter(|session| !std::ptr::eq(*session, first.session));
    try_join_all(others.map(|session| RemoteFile::open_write(session, first.path))).await
}

/// Reads a file in stripes, one write after the other for each session in turn.
#[derive(Clone)]
struct StripeReader {
    handles: Arc<[FileHandle]>,
    length: usize,
}

struct StripeBlock {
    /// Index of the session, offset and content of each write.
    writes: Vec<(usize, u64, WritePacket)>,
    /// Offset of the next block.
    end: u64,
    at_end: bool,
}

impl StripeReader {
    /// Begins to read about [`BLOCK`] bytes at `offset`, where the file's cursor is.
    fn read(
        &self,
        file: &Arc<File>,
        offset: u64,
    ) -> impl Future<Output = Result<StripeBlock>> + use<> {
        let (reader, file) = (self.clone(), Arc::clone(file));
        let reading = tokio::task::spawn_blocking(move || reader.block(&file, offset));
        async { reading.await? }
    }

    fn block(&self, file: &File, offset: u64) -> Result<StripeBlock> {
        let mut block = StripeBlock {
            writes: Vec::new(),
            end: offset,
            at_end: false,
        };
        for _ in 0..(BLOCK / self.length).max(1) {
            let session =
                usize::try_from(block.end / self.length as u64 % self.handles.len() as u64)
                    .expect("there are few lanes");
            let mut write = WritePacket::new(&self.handles[session], block.end, self.length);
            let read = file.take(self.length as u64).read_to_end(write.content())?;
            if read == 0 {
                block.at_end = true;
                break;
            }
            block.writes.push((session, block.end, write));
            block.end += read as u64;
        }
        Ok(block)
    }
}
