//! A file that is open on a server for as long as it is needed.

use crate::sftp::error::Result;
use crate::sftp::path::RemotePath;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::{FileHandle, SftpSession};

/// An open file on the server. Dropping it closes it.
pub(crate) struct RemoteFile<'a> {
    pub(crate) session: &'a SftpSession,
    pub(crate) path: &'a RemotePath,
    pub(crate) handle: FileHandle,
    /// A server may reuse a closed handle for the next file.
    is_closed: bool,
}

impl<'a> RemoteFile<'a> {
    pub(crate) fn new(session: &'a SftpSession, path: &'a RemotePath, handle: FileHandle) -> Self {
        Self {
            session,
            path,
            handle,
            is_closed: false,
        }
    }

    /// Opens an existing file for writing.
    pub(crate) async fn open_write(session: &'a SftpSession, path: &'a RemotePath) -> Result<Self> {
        let handle = session.open_write(path).await?;
        Ok(Self::new(session, path, handle))
    }

    /// Closes it. Only then has a server taken every byte for certain.
    pub(crate) fn close(&mut self) -> PendingResponse {
        self.is_closed = true;
        self.session.close(&self.handle)
    }
}

impl Drop for RemoteFile<'_> {
    fn drop(&mut self) {
        if !self.is_closed {
            drop(self.close());
        }
    }
}
