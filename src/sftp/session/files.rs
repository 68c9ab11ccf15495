//! Open files of a session: opening, reading, writing, syncing, closing.

use bytes::Bytes;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::path::RemotePath;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::{SftpSession, WriteBuffers, unexpected_response};
use crate::sftp::wire::{Attributes, PacketType, RequestPacket, Response, flags};

/// Extension that syncs an open file to disk.
const FSYNC: &[u8] = b"fsync@openssh.com";
/// Mode of a file that is not whole yet: only its owner may access it.
pub(crate) const PRIVATE: u32 = 0o600;

/// Existence of a file that is to be truncated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Presence {
    Present,
    Absent,
    Unknown,
}

/// An open file or directory.
#[derive(Clone, Debug)]
pub(crate) struct FileHandle(pub(super) Bytes);

/// A write request that is filled in place, so that content is not copied.
pub(crate) struct WritePacket {
    request: RequestPacket,
    at: usize,
}

impl WritePacket {
    /// Creates a write of at most `most` bytes at `offset`.
    pub(crate) fn new(handle: &FileHandle, offset: u64, most: usize) -> Self {
        Self::in_buffer(Vec::new(), handle, offset, most)
    }

    /// Creates the same in the memory of an earlier one.
    pub(crate) fn in_buffer(
        buffer: Vec<u8>,
        handle: &FileHandle,
        offset: u64,
        most: usize,
    ) -> Self {
        let more = handle.0.len() + 16 + most;
        let request = RequestPacket::in_buffer(buffer, PacketType::Write, more)
            .put_string(&handle.0)
            .put_u64(offset)
            .put_u32(0);
        let at = RequestPacket::HEAD + handle.0.len() + 16;
        Self { request, at }
    }

    /// Buffer at whose end the content goes.
    pub(crate) fn content(&mut self) -> &mut Vec<u8> {
        self.request.tail()
    }

    /// The content.
    pub(crate) fn bytes(&mut self) -> &[u8] {
        &self.request.tail()[self.at..]
    }

    fn finished(mut self) -> RequestPacket {
        let length = u32::try_from(self.bytes().len()).expect("a write is short");
        let at = self.at;
        self.request.tail()[at - 4..at].copy_from_slice(&length.to_be_bytes());
        self.request
    }
}

impl SftpSession {
    /// Opens a file for reading.
    pub(crate) async fn open_read(&self, path: &RemotePath) -> Result<FileHandle> {
        self.open_file(path, flags::READ, PRIVATE).await
    }

    /// Creates a file with this mode. Replaces a leftover of that name; a symbolic link is not
    /// followed.
    pub(crate) async fn create(&self, path: &RemotePath, mode: u32) -> Result<FileHandle> {
        let flags = flags::WRITE | flags::CREATE | flags::EXCLUSIVE;
        match self.open_file(path, flags, mode).await {
            // Version 3 has no status of its own for a file that exists.
            Err(error) if error.is_unspecific() => {
                if self.remove(path).await.is_err() {
                    return Err(error);
                }
                self.open_file(path, flags, mode).await
            }
            opened => opened,
        }
    }

    /// Opens an existing file for writing.
    pub(crate) async fn open_write(&self, path: &RemotePath) -> Result<FileHandle> {
        self.open_file(path, flags::WRITE, PRIVATE).await
    }

    /// Opens a file for writing and truncates it; creates it with this mode where it may be missing.
    pub(crate) async fn open_truncated(
        &self,
        path: &RemotePath,
        mode: u32,
        existing: Presence,
    ) -> Result<FileHandle> {
        let how = match existing {
            // Some systems refuse to create a file that exists and belongs to another.
            Presence::Present => flags::TRUNCATE,
            Presence::Absent => flags::CREATE | flags::EXCLUSIVE,
            Presence::Unknown => flags::CREATE | flags::TRUNCATE,
        };
        self.open_file(path, flags::WRITE | how, mode).await
    }

    async fn open_file(&self, path: &RemotePath, flags: u32, mode: u32) -> Result<FileHandle> {
        self.wait_handle(self.send_open(path, flags, mode)).await
    }

    /// Sends the request to open a file for reading.
    pub(crate) fn send_open_read(&self, path: &RemotePath) -> PendingResponse {
        self.send_open(path, flags::READ, PRIVATE)
    }

    /// Sends the request to create a file that only its owner may access; an existing one is refused.
    pub(crate) fn send_create(&self, path: &RemotePath) -> PendingResponse {
        let flags = flags::WRITE | flags::CREATE | flags::EXCLUSIVE;
        self.send_open(path, flags, PRIVATE)
    }

    /// Waits for the handle of a file that is being opened.
    pub(crate) async fn wait_handle(&self, pending: PendingResponse) -> Result<FileHandle> {
        match self.response(pending).await? {
            Response::Handle(handle) => Ok(FileHandle(handle)),
            _ => Err(unexpected_response()),
        }
    }

    fn send_open(&self, path: &RemotePath, flags: u32, mode: u32) -> PendingResponse {
        let bytes = path.as_bytes();
        let private = Attributes {
            permissions: (flags & flags::CREATE != 0).then_some(mode),
            ..Attributes::default()
        };
        let request = RequestPacket::new(PacketType::Open, bytes.len() + 20)
            .put_string(bytes)
            .put_u32(flags)
            .put_attributes(&private);
        self.client.send(request)
    }

    /// Sends a read of `length` bytes at `offset`.
    pub(crate) fn read(&self, handle: &FileHandle, offset: u64, length: u32) -> PendingResponse {
        let request = RequestPacket::new(PacketType::Read, handle.0.len() + 16)
            .put_string(&handle.0)
            .put_u64(offset)
            .put_u32(length)
            .answered_by(length);
        self.client.send(request)
    }

    /// Waits for the bytes of a read, which may be fewer than requested; none at the end of the file.
    pub(crate) async fn wait_data(&self, pending: PendingResponse) -> Result<Vec<Bytes>> {
        match self.response(pending).await {
            Ok(Response::Data(pieces)) => Ok(pieces),
            Ok(_) => Err(unexpected_response()),
            Err(SftpError::EndOfFile(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Sends a write.
    pub(crate) fn write(&self, write: WritePacket) -> PendingResponse {
        self.client.send(write.finished())
    }

    /// Sends a write, whose memory is used again once it is sent.
    pub(crate) fn write_from(&self, buffers: &WriteBuffers, write: WritePacket) -> PendingResponse {
        let (pending, packet) = self.client.send_kept(write.finished());
        buffers.lend(packet);
        pending
    }

    /// Sets the given attributes of an open file.
    pub(crate) fn fsetstat(&self, handle: &FileHandle, attributes: &Attributes) -> PendingResponse {
        let request = RequestPacket::new(PacketType::FsetStat, handle.0.len() + 32)
            .put_string(&handle.0)
            .put_attributes(attributes);
        self.client.send(request)
    }

    /// Requests the attributes of an open file.
    pub(crate) fn fstat(&self, handle: &FileHandle) -> PendingResponse {
        let request =
            RequestPacket::new(PacketType::Fstat, handle.0.len() + 4).put_string(&handle.0);
        self.client.send(request)
    }

    /// Waits for requested attributes.
    pub(crate) async fn wait_metadata(&self, pending: PendingResponse) -> Result<Metadata> {
        match self.response(pending).await? {
            Response::Attributes(attributes) => Ok(Metadata::from(&attributes)),
            _ => Err(unexpected_response()),
        }
    }

    /// Returns whether the server syncs files to disk.
    pub(crate) fn offers_fsync(&self) -> bool {
        self.offers(FSYNC)
    }

    /// Syncs an open file to disk, where the server offers that.
    pub(crate) fn fsync(&self, handle: &FileHandle) -> Option<PendingResponse> {
        let request = RequestPacket::new(PacketType::Extended, FSYNC.len() + handle.0.len() + 8);
        let request = request.put_string(FSYNC).put_string(&handle.0);
        self.offers_fsync().then(|| self.client.send(request))
    }

    /// Closes a file. Only then has a server taken every byte for certain.
    pub(crate) fn close(&self, handle: &FileHandle) -> PendingResponse {
        let request =
            RequestPacket::new(PacketType::Close, handle.0.len() + 4).put_string(&handle.0);
        self.client.send(request)
    }
}
