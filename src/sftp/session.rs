//! An SFTP session on a pooled connection, with the few operations that transfers are made of.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelStream};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::rawsession::{Limits, RawSftpSession};
use russh_sftp::extensions::{HardlinkExtension, LIMITS};
use russh_sftp::protocol::{Attrs, FileAttributes, FileType, OpenFlags, Packet, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::path::RemotePath;
use crate::error::Error;
use crate::ssh::{Lease, Pool, Use};
use crate::sync::lock;

/// A read or write of 32 KiB is what every server takes (draft-ietf-secsh-filexfer-02, section 3).
const CERTAIN_LENGTH: u64 = 32 * 1024;
/// The longest read that fits the library's packet limit of 256 KiB with its header.
const LONGEST_READ: u64 = 261_120;
/// The longest write whose packet fits one SSH packet of 32 KiB.
const LONGEST_WRITE: u64 = 32_739;

/// A request's timeout counts from when it is queued, behind megabytes on a slow line. A dead
/// line is noticed by keep-alives, so this only has to end what those do not.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// Renames over an existing file, unlike the protocol's own rename.
const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// A server that has accepted the subsystem introduces itself at once.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(20);

/// An SFTP session.
pub(super) struct Session {
    raw: RawSftpSession,
    lease: Arc<Lease>,
    /// Cancelled once the channel or the whole line is gone.
    ended: CancellationToken,
    posix_rename: bool,
    pub(super) read_length: u32,
    pub(super) write_length: usize,
    made: Mutex<HashSet<RemotePath>>,
}

/// What a path is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) kind: FileType,
    pub(super) length: u64,
    /// Permission bits, without the file type.
    pub(super) mode: Option<u32>,
}

impl From<&FileAttributes> for Facts {
    fn from(attributes: &FileAttributes) -> Self {
        Self {
            kind: attributes.file_type(),
            length: attributes.size.unwrap_or(0),
            mode: attributes.permissions.map(|mode| mode & 0o7777),
        }
    }
}

impl Session {
    /// Opens a session to `alias`, waiting for a free connection at most `patience`.
    pub(super) async fn open(pool: &Pool, alias: &str, patience: Duration) -> Result<Self, Error> {
        let mut channel = pool.open(alias, Use::Transfer, patience).await?;
        let lease = channel.lease();
        let ended = lease.connection().closed().child_token();
        let begin = async {
            let requested = channel.request_subsystem(true, "sftp").await;
            requested.map_err(|error| error.to_string())?;
            loop {
                match channel.wait().await {
                    Some(ChannelMsg::Success) => break,
                    Some(ChannelMsg::Failure) => return Err("the server offers no SFTP".to_owned()),
                    Some(_) => {}
                    None => return Err("the line was lost".to_owned()),
                }
            }
            let stream = channel.into_stream();
            let raw = RawSftpSession::new(Leased::new(stream, ended.clone(), Arc::clone(&lease)));
            let version = raw.init().await.map_err(|error| error.to_string())?;
            Ok((raw, version.extensions))
        };
        let outcome = tokio::time::timeout(BEGIN_TIMEOUT, begin)
            .await
            .unwrap_or_else(|_| Err("the server does not answer".to_owned()));
        let (mut raw, extensions) =
            outcome.map_err(|reason| lease.refusal(format!("no SFTP session: {reason}")))?;
        let (mut read_length, mut write_length) = (CERTAIN_LENGTH, LONGEST_WRITE);
        if extensions.contains_key(LIMITS)
            && let Ok(limits) = raw.limits().await.map(Limits::from)
        {
            read_length = limits.read_len.unwrap_or(CERTAIN_LENGTH).min(LONGEST_READ);
            write_length = limits
                .write_len
                .unwrap_or(CERTAIN_LENGTH)
                .min(LONGEST_WRITE);
            raw.set_limits(limits);
        }
        raw.set_timeout(REQUEST_TIMEOUT.as_secs());
        Ok(Self {
            raw,
            lease,
            ended,
            posix_rename: extensions.contains_key(POSIX_RENAME),
            read_length: u32::try_from(read_length).expect("bounded by LONGEST_READ"),
            write_length: usize::try_from(write_length).expect("bounded by LONGEST_WRITE"),
            made: Mutex::default(),
        })
    }

    /// An error as a user should read it: the server's words, or that the line is gone.
    fn explain(&self, error: SftpError) -> io::Error {
        match error {
            SftpError::Status(status) => {
                let kind = match status.status_code {
                    StatusCode::NoSuchFile => io::ErrorKind::NotFound,
                    StatusCode::PermissionDenied => io::ErrorKind::PermissionDenied,
                    StatusCode::Eof => io::ErrorKind::UnexpectedEof,
                    _ => io::ErrorKind::Other,
                };
                let words = status.error_message.trim();
                let words = if words.is_empty() {
                    status.status_code.to_string()
                } else {
                    words.to_owned()
                };
                io::Error::new(kind, words)
            }
            _ if self.ended.is_cancelled() => self.lost(),
            other => io::Error::other(other.to_string()),
        }
    }

    /// Does one request. The library may leave a request on a dead line without an answer.
    async fn ask<T>(&self, request: impl Future<Output = Result<T, SftpError>>) -> io::Result<T> {
        self.while_alive(async { request.await.map_err(|error| self.explain(error)) })
            .await
    }

    /// Does `work` unless the line is lost before it is done.
    pub(super) async fn while_alive<T>(
        &self,
        work: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.ended.cancelled() => Err(self.lost()),
        }
    }

    fn lost(&self) -> io::Error {
        let connection = self.lease.connection();
        let problem = if connection.is_closed() {
            format!("the line was lost: {}", connection.closed_because())
        } else {
            "the server ended the SFTP session".to_owned()
        };
        io::Error::new(io::ErrorKind::ConnectionAborted, problem)
    }

    /// What is at `path`, links followed; `None` if nothing is.
    pub(super) async fn facts(&self, path: &RemotePath) -> io::Result<Option<Facts>> {
        found(self.ask(self.raw.stat(path.as_str())).await)
    }

    /// Where a file written to `path` goes, links followed, and what is there now.
    pub(super) async fn resolve(
        &self,
        path: &RemotePath,
    ) -> io::Result<(RemotePath, Option<Facts>)> {
        let here = found(self.ask(self.raw.lstat(path.as_str())).await)?;
        if !here.is_some_and(|facts| facts.kind.is_symlink()) {
            return Ok((path.clone(), here));
        }
        let Some(facts) = self.facts(path).await? else {
            // A link that leads nowhere is replaced like any other name.
            return Ok((path.clone(), None));
        };
        let resolved = self.ask(self.raw.realpath(path.as_str())).await?;
        let name = resolved
            .files
            .first()
            .map(|file| RemotePath::new(&file.filename));
        Ok((name.unwrap_or_else(|| path.clone()), Some(facts)))
    }

    /// Makes a directory and whatever is missing above it.
    pub(super) async fn make_directories(&self, path: &RemotePath) -> io::Result<()> {
        let mut missing = Vec::new();
        let mut next = Some(path.clone());
        while let Some(directory) = next {
            if lock(&self.made).contains(&directory) {
                break;
            }
            match self.facts(&directory).await? {
                Some(facts) if facts.kind.is_dir() => break,
                Some(_) => {
                    return Err(io::Error::other(format!(
                        "`{directory}` is not a directory"
                    )));
                }
                None => {
                    next = directory.parent();
                    missing.push(directory);
                }
            }
        }
        for directory in missing.into_iter().rev() {
            let made = self.raw.mkdir(directory.as_str(), FileAttributes::empty());
            if let Err(error) = self.ask(made).await {
                // Another file of this transfer may have made it meanwhile.
                if !self
                    .facts(&directory)
                    .await?
                    .is_some_and(|facts| facts.kind.is_dir())
                {
                    return Err(io::Error::new(
                        error.kind(),
                        format!("cannot make `{directory}`: {error}"),
                    ));
                }
            }
            lock(&self.made).insert(directory);
        }
        Ok(())
    }

    /// The entries of a directory, without `.` and `..`; links are not followed.
    pub(super) async fn entries(&self, path: &RemotePath) -> io::Result<Vec<(String, Facts)>> {
        let handle = self.ask(self.raw.opendir(path.as_str())).await?.handle;
        let mut entries = Vec::new();
        let outcome = loop {
            match self.ask(self.raw.readdir(handle.as_str())).await {
                Ok(names) => {
                    let files = names.files.iter();
                    let files = files.filter(|file| !matches!(file.filename.as_str(), "." | ".."));
                    entries.extend(
                        files.map(|file| (file.filename.clone(), Facts::from(&file.attrs))),
                    );
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break Ok(entries),
                Err(error) => break Err(error),
            }
        };
        let _ = self.close_file(handle).await;
        outcome
    }

    /// Opens a file and gives its handle.
    pub(super) async fn open_file(
        &self,
        path: &RemotePath,
        flags: OpenFlags,
    ) -> io::Result<String> {
        // A new file is its owner's alone until it is whole and gets its own mode.
        let attributes = FileAttributes {
            permissions: Some(0o600),
            ..FileAttributes::empty()
        };
        Ok(self
            .ask(self.raw.open(path.as_str(), flags, attributes))
            .await?
            .handle)
    }

    /// What an open file is.
    pub(super) async fn facts_of_open(&self, handle: &str) -> io::Result<Facts> {
        Ok(Facts::from(&self.ask(self.raw.fstat(handle)).await?.attrs))
    }

    /// Reads up to `length` bytes at `offset`; none at the end of the file.
    pub(super) async fn read(&self, handle: &str, offset: u64, length: u32) -> io::Result<Vec<u8>> {
        match self
            .raw
            .read(handle, offset, length)
            .await
            .map_err(|error| self.explain(error))
        {
            Ok(data) => Ok(data.data),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Writes `bytes` at `offset`.
    pub(super) async fn write(&self, handle: &str, offset: u64, bytes: Vec<u8>) -> io::Result<()> {
        let written = self.raw.write(handle, offset, bytes).await;
        written.map(|_| ()).map_err(|error| self.explain(error))
    }

    /// Sets the permission bits of an open file.
    pub(super) async fn set_mode(&self, handle: &str, mode: u32) -> io::Result<()> {
        let attributes = FileAttributes {
            permissions: Some(mode),
            ..FileAttributes::empty()
        };
        self.ask(self.raw.fsetstat(handle, attributes))
            .await
            .map(|_| ())
    }

    /// Closes a file; only then is a server certain to have taken every byte.
    pub(super) async fn close_file(&self, handle: String) -> io::Result<()> {
        self.ask(self.raw.close(handle)).await.map(|_| ())
    }

    /// Renames `from` over `to`, in one step where the server can.
    pub(super) async fn replace(&self, from: &RemotePath, to: &RemotePath) -> io::Result<()> {
        if self.posix_rename {
            // Its two paths are laid out as those of the hard link extension.
            let paths = HardlinkExtension {
                oldpath: from.to_string(),
                newpath: to.to_string(),
            };
            let data: Vec<u8> = paths.try_into().map_err(io::Error::other)?;
            return match self.ask(self.raw.extended(POSIX_RENAME, data)).await? {
                Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
                Packet::Status(status) => Err(self.explain(SftpError::Status(status))),
                _ => Err(io::Error::other(
                    "the server answered the rename with another packet",
                )),
            };
        }
        if self.facts(to).await?.is_some() {
            self.remove(to).await?;
        }
        self.ask(self.raw.rename(from.as_str(), to.as_str()))
            .await
            .map(|_| ())
    }

    /// Removes a file.
    pub(super) async fn remove(&self, path: &RemotePath) -> io::Result<()> {
        self.ask(self.raw.remove(path.as_str())).await.map(|_| ())
    }
}

/// Tells «nothing is there» apart from other failures.
fn found(asked: io::Result<Attrs>) -> io::Result<Option<Facts>> {
    match asked {
        Ok(attributes) => Ok(Some(Facts::from(&attributes.attrs))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The session's channel. It holds its place in the pool until it has really closed. Its end is
/// told to both directions: the library would wait for ever to write to a channel that is gone.
struct Leased {
    stream: ChannelStream<Msg>,
    ended: CancellationToken,
    has_ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _lease: Arc<Lease>,
}

impl Leased {
    fn new(stream: ChannelStream<Msg>, ended: CancellationToken, lease: Arc<Lease>) -> Self {
        let has_ended = Box::pin(ended.clone().cancelled_owned());
        Self {
            stream,
            ended,
            has_ended,
            _lease: lease,
        }
    }
}

impl AsyncRead for Leased {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let at_end = match &polled {
            Poll::Ready(Ok(())) => buf.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if at_end {
            self.ended.cancel();
        }
        polled
    }
}

impl AsyncWrite for Leased {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.has_ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
