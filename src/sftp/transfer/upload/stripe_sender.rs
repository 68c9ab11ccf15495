//! The sender of a large file's writes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::sftp::error::Result;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::session::{FileHandle, SftpSession, WriteBuffers, WritePacket};
use crate::sftp::transfer::context::ResumeState;
use crate::sftp::transfer::file_transfer::{FileTransfer, TransferDirection};
use crate::sftp::transfer::local_file::is_hole;
use crate::sftp::transfer::progress::TransferProgress;

/// The writes of a file, one after the other for each session in turn.
#[derive(Clone)]
pub(crate) struct Stripes {
    handles: Arc<[FileHandle]>,
    buffers: WriteBuffers,
    /// Length of each write.
    pub(crate) length: usize,
}

impl Stripes {
    /// Creates the write at `offset`.
    pub(crate) fn packet(&self, offset: u64) -> WritePacket {
        let handle = &self.handles[self.session(offset)];
        WritePacket::in_buffer(self.buffers.take(), handle, offset, self.length)
    }

    /// Index of the session for a write at `offset`.
    fn session(&self, offset: u64) -> usize {
        let turn = offset / self.length as u64 % self.handles.len() as u64;
        usize::try_from(turn).expect("there are few sessions")
    }
}

/// Sends the writes of a file over all sessions, on each only so many at once.
pub(crate) struct StripeSender<'a> {
    stripes: Stripes,
    sessions: Vec<&'a SftpSession>,
    /// Offsets of the outstanding writes of each session.
    outstanding: Vec<VecDeque<(u64, PendingResponse)>>,
    depth: usize,
    start: u64,
    ends_in_hole: bool,
    state: &'a ResumeState,
    progress: &'a TransferProgress,
}

impl<'a> StripeSender<'a> {
    pub(super) fn new<D: TransferDirection>(
        transfer: &FileTransfer<'a, D>,
        files: impl Iterator<Item = &'a RemoteFile<'a>>,
        start: u64,
    ) -> Self {
        let (handles, sessions): (Vec<_>, Vec<_>) = files
            .map(|file| (file.handle.clone(), file.session))
            .unzip();
        let (length, depth) = transfer.sessions.writes();
        Self {
            outstanding: sessions.iter().map(|_| VecDeque::new()).collect(),
            stripes: Stripes {
                handles: handles.into(),
                buffers: WriteBuffers::default(),
                length,
            },
            sessions,
            depth,
            start,
            ends_in_hole: false,
            state: transfer.state,
            progress: transfer.context.progress,
        }
    }

    /// The form in which it takes writes.
    pub(crate) fn stripes(&self) -> Stripes {
        self.stripes.clone()
    }

    /// Sends the write at `offset`, once there is room for it. Holes are left out.
    pub(crate) async fn send(&mut self, offset: u64, mut write: WritePacket) -> Result<()> {
        self.ends_in_hole = is_hole(write.bytes());
        if self.ends_in_hole {
            return Ok(());
        }
        let stripe = self.stripes.session(offset);
        let session = self.sessions[stripe];
        if self.outstanding[stripe].len() == self.depth
            && let Some((_, oldest)) = self.outstanding[stripe].pop_front()
        {
            session.wait_done(oldest).await?;
            let arrived = self.outstanding.iter().filter_map(VecDeque::front);
            let arrived = arrived.map(|(offset, _)| *offset).min();
            let arrived = arrived.unwrap_or(offset).max(self.start);
            self.state.set_arrived(arrived, self.progress);
        }
        let pending = session.write_from(&self.stripes.buffers, write);
        self.outstanding[stripe].push_back((offset, pending));
        Ok(())
    }

    /// Waits for all writes. Returns whether the file ends in a hole.
    pub(super) async fn wait(self) -> Result<bool> {
        for (session, writes) in self.sessions.into_iter().zip(self.outstanding) {
            for (_, write) in writes {
                session.wait_done(write).await?;
            }
        }
        Ok(self.ends_in_hole)
    }
}
