//! SFTP sessions: the operations of the protocol, with errors in words.
//!
//! | module | what it holds |
//! |---|---|
//! | `filesystem`, `rename_over` | a server's files as a [`Filesystem`](super::filesystem::Filesystem); safe replacement |
//! | `file_reader`, `remote_file` | reads of an open file in order; a file that is open as long as needed |
//! | `client`, `outstanding` | requests sent, answers matched by their numbers |
//! | `start`, `shell_server` | start of a session; a shell in place of SFTP |

pub(super) mod client;
pub(super) mod file_reader;
mod filesystem;
mod outstanding;
pub(super) mod remote_file;
mod rename_over;
pub(super) mod shell_server;
mod start;

use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::error::Error;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::path::RemotePath;
use crate::sftp::session::client::{PendingResponse, SessionEnded, SftpClient};
use crate::sftp::wire::{
    Attributes, LONGEST_PATH, PacketType, RequestPacket, Response, flags, protocol_error, status,
};
use crate::ssh::Pool;

/// Length of a read or write that every server takes (draft-ietf-secsh-filexfer-02, section 3).
const CERTAIN_LENGTH: u32 = 32 * 1024;
/// Shortest limit taken from a server: a file would take requests without number.
const SHORTEST_LENGTH: u32 = 4 * 1024;
/// The longest read: with its header it fits a packet of 256 KiB, OpenSSH's limit.
const LONGEST_READ: u32 = 261_120;
/// The longest write whose packet fits one SSH packet of 32 KiB, for a handle of 4 bytes.
const LONGEST_WRITE: u32 = 32_739;

/// Extension that tells the longest requests.
const LIMITS: &[u8] = b"limits@openssh.com";
/// Extension that syncs an open file to disk.
const FSYNC: &[u8] = b"fsync@openssh.com";
/// Extension that tells a user's home directory.
const EXPAND_PATH: &[u8] = b"expand-path@openssh.com";
/// Extension that tells the free space of a file system.
const STATVFS: &[u8] = b"statvfs@openssh.com";

/// Mode of a file that is not whole yet: only its owner may access it.
pub(crate) const PRIVATE: u32 = 0o600;

/// Outstanding reads of a directory; each brings about a hundred names.
const READS_AHEAD: usize = 4;
/// Most answers in a row without a new name; some name only `.` and `..`.
const MOST_EMPTY: usize = 16;

/// An SFTP session.
pub(crate) struct SftpSession {
    client: SftpClient,
    /// Extensions that the server offers.
    extensions: Vec<(Bytes, Bytes)>,
    pub(crate) limits: Limits,
    /// Round trip time.
    pub(crate) round_trip: Duration,
}

/// Longest reads and writes of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) read: u32,
    pub(crate) write: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read: CERTAIN_LENGTH,
            write: LONGEST_WRITE as usize,
        }
    }
}

/// Existence of a file that is to be truncated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Presence {
    Present,
    Absent,
    Unknown,
}

/// An open file or directory.
#[derive(Clone, Debug)]
pub(crate) struct FileHandle(Bytes);

/// A write request that is filled in place, so that content is not copied.
pub(crate) struct WritePacket {
    request: RequestPacket,
    at: usize,
}

impl WritePacket {
    /// Creates a write of at most `most` bytes at `offset`.
    pub(crate) fn new(handle: &FileHandle, offset: u64, most: usize) -> Self {
        let request = RequestPacket::new(PacketType::Write, handle.0.len() + 16 + most)
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
    /// Opens a session to `alias`, waiting for a free connection at most `patience`.
    pub(crate) async fn open(pool: &Pool, alias: &str, patience: Duration) -> Result<Self, Error> {
        let (client, extensions) = SftpClient::open(pool, alias, patience).await?;
        Ok(Self {
            round_trip: client.round_trip(),
            client,
            extensions,
            limits: Limits::default(),
        })
    }

    /// A note for the user on how it started.
    pub(crate) fn note(&self) -> Option<&str> {
        self.client.note()
    }

    /// Returns whether requests go through a shell, for lack of SFTP.
    pub(crate) fn is_by_shell(&self) -> bool {
        self.client.is_by_shell
    }

    pub(crate) fn offers(&self, name: &[u8]) -> bool {
        let mut names = self.extensions.iter().map(|(offered, _)| offered);
        names.any(|offered| offered == name)
    }

    /// Fetches the server's limits.
    pub(crate) async fn fetch_limits(&self) -> Limits {
        if !self.offers(LIMITS) {
            return Limits::default();
        }
        self.request_limits().await.unwrap_or_else(|error| {
            tracing::debug!("an SFTP server does not tell its limits: {error}");
            Limits::default()
        })
    }

    async fn request_limits(&self) -> Result<Limits> {
        let request = RequestPacket::new(PacketType::Extended, 32).put_string(LIMITS);
        let Response::Extended(mut answer) = self.request(request).await? else {
            return Err(unexpected_response());
        };
        if answer.remaining() < 24 {
            return Err(unexpected_response());
        }
        let _longest_packet = answer.get_u64();
        // 0 means no limit, and the protocol knows none as small.
        let mut limit = || {
            let said = u32::try_from(answer.get_u64()).ok();
            said.filter(|limit| *limit >= SHORTEST_LENGTH)
                .unwrap_or(CERTAIN_LENGTH)
        };
        Ok(Limits {
            read: limit().min(LONGEST_READ),
            write: limit().min(LONGEST_WRITE) as usize,
        })
    }

    /// Waits for an answer. An error has the server's words, or says that the connection is lost.
    async fn response(&self, pending: PendingResponse) -> Result<Response> {
        match pending.answer().await {
            Ok(Response::Status(status::OK, _)) => Ok(Response::Status(status::OK, String::new())),
            Ok(Response::Status(code, words)) => Err(status_error(code, &words)),
            Ok(answer) => Ok(answer),
            Err(SessionEnded) => Err(self.client.lost()),
        }
    }

    /// Waits for the status of a request.
    pub(crate) async fn wait_done(&self, pending: PendingResponse) -> Result<()> {
        match self.response(pending).await? {
            Response::Status(..) => Ok(()),
            _ => Err(unexpected_response()),
        }
    }

    async fn request(&self, request: RequestPacket) -> Result<Response> {
        self.response(self.client.send(request)).await
    }

    async fn request_handle(&self, request: RequestPacket) -> Result<FileHandle> {
        match self.request(request).await? {
            Response::Handle(handle) => Ok(FileHandle(handle)),
            _ => Err(unexpected_response()),
        }
    }

    fn send_path(&self, kind: PacketType, path: &RemotePath) -> PendingResponse {
        let bytes = path.as_bytes();
        self.client
            .send(RequestPacket::new(kind, bytes.len() + 4).put_string(bytes))
    }

    async fn attributes(&self, kind: PacketType, path: &RemotePath) -> Result<Option<Metadata>> {
        match self.response(self.send_path(kind, path)).await {
            Ok(Response::Attributes(attributes)) => Ok(Some(Metadata::from(&attributes))),
            Ok(_) => Err(unexpected_response()),
            Err(SftpError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Metadata of `path`, symbolic links followed; `None` if nothing is there.
    pub(crate) async fn stat(&self, path: &RemotePath) -> Result<Option<Metadata>> {
        self.attributes(PacketType::Stat, path).await
    }

    /// Metadata of `path` itself; a symbolic link is not followed.
    pub(crate) async fn lstat(&self, path: &RemotePath) -> Result<Option<Metadata>> {
        self.attributes(PacketType::Lstat, path).await
    }

    /// The canonical path.
    pub(crate) async fn real_path(&self, path: &RemotePath) -> Result<RemotePath> {
        self.request_name(PacketType::RealPath, path)
            .await
            .map(|name| RemotePath::of_bytes(&name))
    }

    /// The home directory of a user, where the server offers to say it.
    pub(crate) async fn home_of(&self, user: &str) -> Result<Option<RemotePath>> {
        if !self.offers(EXPAND_PATH) {
            return Ok(None);
        }
        let request = RequestPacket::new(PacketType::Extended, EXPAND_PATH.len() + user.len() + 9)
            .put_string(EXPAND_PATH)
            .put_string(format!("~{user}").as_bytes());
        match self.request(request).await? {
            Response::Names(names) => {
                let (name, _) = names.into_iter().next().ok_or_else(unexpected_response)?;
                Ok(Some(RemotePath::of_bytes(&name)))
            }
            _ => Err(unexpected_response()),
        }
    }

    /// The target of a symbolic link.
    pub(crate) async fn read_link(&self, path: &RemotePath) -> Result<Bytes> {
        self.request_name(PacketType::ReadLink, path).await
    }

    async fn request_name(&self, kind: PacketType, path: &RemotePath) -> Result<Bytes> {
        let Response::Names(names) = self.response(self.send_path(kind, path)).await? else {
            return Err(unexpected_response());
        };
        match <[_; 1]>::try_from(names) {
            Ok([(name, _)]) if name.len() <= LONGEST_PATH => Ok(name),
            Ok(_) => {
                let problem = format!("gave a path of more than {LONGEST_PATH} bytes");
                Err(protocol_error(&problem))
            }
            Err(_) => Err(unexpected_response()),
        }
    }

    /// Creates a symbolic link to `target`. OpenSSH takes the two paths in the reverse of the draft's
    /// order, and so does everybody.
    pub(crate) async fn symlink(&self, target: &[u8], path: &RemotePath) -> Result<()> {
        let request = RequestPacket::new(
            PacketType::Symlink,
            target.len() + path.as_bytes().len() + 8,
        )
        .put_string(target)
        .put_string(path.as_bytes());
        self.wait_done(self.client.send(request)).await
    }

    /// Creates a directory.
    pub(crate) fn create_dir(&self, path: &RemotePath) -> PendingResponse {
        let bytes = path.as_bytes();
        let request = RequestPacket::new(PacketType::MakeDir, bytes.len() + 8)
            .put_string(bytes)
            .put_attributes(&Attributes::default());
        self.client.send(request)
    }

    /// Lists a directory without `.` and `..`; symbolic links are not followed.
    pub(crate) async fn read_dir(
        &self,
        path: &RemotePath,
        limit: &EntryLimit,
    ) -> Result<Vec<(Bytes, Metadata)>> {
        let bytes = path.as_bytes();
        let open = RequestPacket::new(PacketType::OpenDir, bytes.len() + 4).put_string(bytes);
        let handle = self.request_handle(open).await?;
        let entries = self.read_open_dir(&handle, limit).await;
        drop(self.close(&handle));
        entries
    }

    async fn read_open_dir(
        &self,
        handle: &FileHandle,
        limit: &EntryLimit,
    ) -> Result<Vec<(Bytes, Metadata)>> {
        let read = || {
            let request =
                RequestPacket::new(PacketType::ReadDir, handle.0.len() + 4).put_string(&handle.0);
            self.client.send(request)
        };
        let mut ahead: std::collections::VecDeque<_> = (0..READS_AHEAD).map(|_| read()).collect();
        let mut entries = Vec::new();
        let mut empty = 0;
        while let Some(next) = ahead.pop_front() {
            let names = match self.response(next).await {
                Ok(Response::Names(names)) => names,
                Ok(_) => return Err(unexpected_response()),
                Err(SftpError::EndOfFile(_)) => break,
                Err(error) => return Err(error),
            };
            let before = entries.len();
            for (name, attributes) in names {
                if !matches!(&name[..], b"." | b"..") {
                    limit.take_entry()?;
                    limit.take_path(name.len())?;
                    entries.push((name, Metadata::from(&attributes)));
                }
            }
            empty = if entries.len() > before { 0 } else { empty + 1 };
            if empty > MOST_EMPTY {
                return Err(protocol_error(
                    "lists a directory without names and without an end",
                ));
            }
            ahead.push_back(read());
        }
        Ok(entries)
    }

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
        let bytes = path.as_bytes();
        let private = Attributes {
            permissions: (flags & flags::CREATE != 0).then_some(mode),
            ..Attributes::default()
        };
        let request = RequestPacket::new(PacketType::Open, bytes.len() + 20)
            .put_string(bytes)
            .put_u32(flags)
            .put_attributes(&private);
        self.request_handle(request).await
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

    /// Sets the given attributes of a file or directory.
    pub(crate) fn setstat(&self, path: &RemotePath, attributes: &Attributes) -> PendingResponse {
        let request = RequestPacket::new(PacketType::SetStat, path.as_bytes().len() + 32)
            .put_string(path.as_bytes())
            .put_attributes(attributes);
        self.client.send(request)
    }

    /// Syncs an open file to disk, where the server offers that.
    pub(crate) fn fsync(&self, handle: &FileHandle) -> Option<PendingResponse> {
        let request = RequestPacket::new(PacketType::Extended, FSYNC.len() + handle.0.len() + 8);
        let request = request.put_string(FSYNC).put_string(&handle.0);
        self.offers(FSYNC).then(|| self.client.send(request))
    }

    /// Closes a file. Only then has a server taken every byte for certain.
    pub(crate) fn close(&self, handle: &FileHandle) -> PendingResponse {
        let request =
            RequestPacket::new(PacketType::Close, handle.0.len() + 4).put_string(&handle.0);
        self.client.send(request)
    }

    /// Renames `from` to `to` by the named extension, or as the draft has it, where an existing `to` is
    /// refused.
    pub(crate) async fn rename(
        &self,
        extension: Option<&[u8]>,
        from: &RemotePath,
        to: &RemotePath,
    ) -> Result<()> {
        let room = from.as_bytes().len() + to.as_bytes().len() + 40;
        let request = match extension {
            Some(name) => RequestPacket::new(PacketType::Extended, room).put_string(name),
            None => RequestPacket::new(PacketType::Rename, room),
        };
        let request = request
            .put_string(from.as_bytes())
            .put_string(to.as_bytes());
        self.wait_done(self.client.send(request)).await
    }

    /// Removes a file.
    pub(crate) async fn remove(&self, path: &RemotePath) -> Result<()> {
        self.wait_done(self.send_path(PacketType::Remove, path))
            .await
    }

    /// Bytes that this user may still write to a directory's file system, where the server offers to
    /// say it.
    pub(crate) async fn free_space(&self, directory: &RemotePath) -> Option<u64> {
        if !self.offers(STATVFS) {
            return None;
        }
        let path = directory.as_bytes();
        let request = RequestPacket::new(PacketType::Extended, STATVFS.len() + path.len() + 8)
            .put_string(STATVFS)
            .put_string(path);
        let Ok(Response::Extended(mut answer)) = self.request(request).await else {
            return None;
        };
        // OpenSSH's PROTOCOL, section 4.3: eleven numbers, as statvfs(3) has them.
        let mut numbers = [0; 11];
        for number in &mut numbers {
            *number = answer.try_get_u64().ok()?;
        }
        let [_, unit, _, _, blocks, files, _, free_files, ..] = numbers;
        if files > 0 && free_files == 0 {
            return Some(0);
        }
        Some(unit.saturating_mul(blocks))
    }
}

fn status_error(code: u32, words: &str) -> SftpError {
    let (state, meaning): (fn(String) -> SftpError, _) = match code {
        status::EOF => (SftpError::EndOfFile, "End of file"),
        status::NO_SUCH_FILE => (SftpError::NotFound, "No such file"),
        status::PERMISSION_DENIED => (SftpError::PermissionDenied, "Permission denied"),
        status::UNSUPPORTED => (SftpError::Unsupported, "Operation unsupported"),
        status::FAILURE => (SftpError::Failure, "Failure"),
        _ => (SftpError::Failure, "the server refuses"),
    };
    let words = words.trim();
    state(if words.is_empty() { meaning } else { words }.to_owned())
}

fn unexpected_response() -> SftpError {
    protocol_error("gave an answer of another kind")
}
