//! An SFTP session on a pooled connection, with the few operations that transfers are made of.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use russh::ChannelStream;
use russh::client::Msg;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::rawsession::{Limits, RawSftpSession};
use russh_sftp::extensions::{HardlinkExtension, LIMITS};
use russh_sftp::protocol::{FileAttributes, FileType, OpenFlags, Packet, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::path::RemotePath;
use crate::error::Error;
use crate::ssh::{Lease, Pool, Use};

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

/// An SFTP session.
pub(super) struct Session {
    pub(super) raw: RawSftpSession,
    lease: Arc<Lease>,
    posix_rename: bool,
    pub(super) read_length: u32,
    pub(super) write_length: usize,
    made: Mutex<HashSet<RemotePath>>,
}

/// What a path is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) kind: FileType,
    /// Permission bits, without the file type.
    pub(super) mode: Option<u32>,
}

impl From<&FileAttributes> for Facts {
    fn from(attributes: &FileAttributes) -> Self {
        Self {
            kind: attributes.file_type(),
            mode: attributes.permissions.map(|mode| mode & 0o7777),
        }
    }
}

impl Session {
    /// Opens a session to `alias`, waiting for a free connection at most `patience`.
    pub(super) async fn open(
        pool: &Pool,
        alias: &str,
        patience: Option<Duration>,
    ) -> Result<Self, Error> {
        let (lease, channel) = pool.open(alias, Use::Transfer, patience).await?;
        let lease = Arc::new(lease);
        let refused =
            |error: &dyn ToString| lease.refusal(format!("no SFTP session: {}", error.to_string()));
        channel
            .request_subsystem(true, "sftp")
            .await
            .map_err(|error| refused(&error))?;
        let stream = Leased {
            stream: channel.into_stream(),
            _lease: Arc::clone(&lease),
        };
        let mut raw = RawSftpSession::new(stream);
        let version = raw.init().await.map_err(|error| refused(&error))?;
        raw.set_timeout(REQUEST_TIMEOUT.as_secs());
        let (mut read_length, mut write_length) = (CERTAIN_LENGTH, LONGEST_WRITE);
        if version.extensions.contains_key(LIMITS) {
            let limits = Limits::from(raw.limits().await.map_err(|error| refused(&error))?);
            read_length = limits.read_len.unwrap_or(CERTAIN_LENGTH).min(LONGEST_READ);
            write_length = limits
                .write_len
                .unwrap_or(CERTAIN_LENGTH)
                .min(LONGEST_WRITE);
            raw.set_limits(limits);
        }
        Ok(Self {
            raw,
            lease,
            posix_rename: version.extensions.contains_key(POSIX_RENAME),
            read_length: u32::try_from(read_length).expect("bounded by LONGEST_READ"),
            write_length: usize::try_from(write_length).expect("bounded by LONGEST_WRITE"),
            made: Mutex::default(),
        })
    }

    /// Whether the line under this session is gone; then every further request fails.
    pub(super) fn is_lost(&self) -> bool {
        self.lease.connection().is_closed()
    }

    /// An error as a user should read it: the server's words, or that the line is gone.
    pub(super) fn explain(&self, error: SftpError) -> io::Error {
        match error {
            SftpError::Status(status) => {
                let kind = match status.status_code {
                    StatusCode::NoSuchFile => io::ErrorKind::NotFound,
                    StatusCode::PermissionDenied => io::ErrorKind::PermissionDenied,
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
            _ if self.is_lost() => io::Error::new(
                io::ErrorKind::ConnectionAborted,
                format!(
                    "the line was lost: {}",
                    self.lease.connection().closed_because()
                ),
            ),
            other => io::Error::other(other.to_string()),
        }
    }

    /// What is at `path`, links followed; `None` if nothing is.
    pub(super) async fn facts(&self, path: &RemotePath) -> io::Result<Option<Facts>> {
        match self.raw.stat(path.as_str()).await {
            Ok(attributes) => Ok(Some(Facts::from(&attributes.attrs))),
            Err(error) => match self.explain(error) {
                error if error.kind() == io::ErrorKind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Where a file written to `path` goes, links followed, and what is there now.
    pub(super) async fn resolve(
        &self,
        path: &RemotePath,
    ) -> io::Result<(RemotePath, Option<Facts>)> {
        let is_link = match self
            .raw
            .lstat(path.as_str())
            .await
            .map_err(|error| self.explain(error))
        {
            Ok(attributes) if !attributes.attrs.file_type().is_symlink() => {
                return Ok((path.clone(), Some(Facts::from(&attributes.attrs))));
            }
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        // A link that leads nowhere is replaced like any other name.
        let facts = if is_link {
            self.facts(path).await?
        } else {
            None
        };
        if facts.is_none() {
            return Ok((path.clone(), None));
        }
        let resolved = self
            .raw
            .realpath(path.as_str())
            .await
            .map_err(|error| self.explain(error))?;
        let resolved = resolved
            .files
            .first()
            .map_or(path.clone(), |file| RemotePath::new(&file.filename));
        Ok((resolved, facts))
    }

    /// Makes a directory and whatever is missing above it.
    pub(super) async fn make_directories(&self, path: &RemotePath) -> io::Result<()> {
        let mut missing = Vec::new();
        let mut next = Some(path.clone());
        while let Some(directory) = next {
            if self
                .made
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&directory)
            {
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
            if let Err(error) = self
                .raw
                .mkdir(directory.as_str(), FileAttributes::empty())
                .await
            {
                // Another file of this transfer may have made it meanwhile.
                if !self
                    .facts(&directory)
                    .await?
                    .is_some_and(|facts| facts.kind.is_dir())
                {
                    let error = self.explain(error);
                    return Err(io::Error::new(
                        error.kind(),
                        format!("cannot make `{directory}`: {error}"),
                    ));
                }
            }
            self.made
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(directory);
        }
        Ok(())
    }

    /// The entries of a directory, without `.` and `..`; links are not followed.
    pub(super) async fn entries(&self, path: &RemotePath) -> io::Result<Vec<(String, Facts)>> {
        let handle = self
            .raw
            .opendir(path.as_str())
            .await
            .map_err(|error| self.explain(error))?
            .handle;
        let mut entries = Vec::new();
        let outcome = loop {
            match self.raw.readdir(handle.as_str()).await {
                Ok(names) => {
                    let files = names
                        .files
                        .iter()
                        .filter(|file| !matches!(file.filename.as_str(), "." | ".."));
                    entries.extend(
                        files.map(|file| (file.filename.clone(), Facts::from(&file.attrs))),
                    );
                }
                Err(SftpError::Status(status)) if status.status_code == StatusCode::Eof => {
                    break Ok(entries);
                }
                Err(error) => break Err(self.explain(error)),
            }
        };
        let _ = self.raw.close(handle).await;
        outcome
    }

    /// Opens a file and gives its handle.
    pub(super) async fn open_file(
        &self,
        path: &RemotePath,
        flags: OpenFlags,
    ) -> io::Result<String> {
        let opened = self
            .raw
            .open(path.as_str(), flags, FileAttributes::empty())
            .await;
        Ok(opened.map_err(|error| self.explain(error))?.handle)
    }

    /// Sets the permission bits of an open file.
    pub(super) async fn set_mode(&self, handle: &str, mode: u32) -> io::Result<()> {
        let attributes = FileAttributes {
            permissions: Some(mode),
            ..FileAttributes::empty()
        };
        self.raw
            .fsetstat(handle, attributes)
            .await
            .map(|_| ())
            .map_err(|error| self.explain(error))
    }

    /// Closes a file; only then is a server certain to have taken every byte.
    pub(super) async fn close_file(&self, handle: String) -> io::Result<()> {
        self.raw
            .close(handle)
            .await
            .map(|_| ())
            .map_err(|error| self.explain(error))
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
            return match self.raw.extended(POSIX_RENAME, data).await {
                Ok(Packet::Status(status)) if status.status_code == StatusCode::Ok => Ok(()),
                Ok(Packet::Status(status)) => Err(self.explain(SftpError::Status(status))),
                Ok(_) => Err(io::Error::other(
                    "the server answered the rename with another packet",
                )),
                Err(error) => Err(self.explain(error)),
            };
        }
        if self.facts(to).await?.is_some() {
            self.remove(to).await?;
        }
        self.raw
            .rename(from.as_str(), to.as_str())
            .await
            .map(|_| ())
            .map_err(|error| self.explain(error))
    }

    /// Removes a file.
    pub(super) async fn remove(&self, path: &RemotePath) -> io::Result<()> {
        self.raw
            .remove(path.as_str())
            .await
            .map(|_| ())
            .map_err(|error| self.explain(error))
    }
}

/// The session's channel, which holds its place in the pool until it has really closed.
struct Leased {
    stream: ChannelStream<Msg>,
    _lease: Arc<Lease>,
}

impl AsyncRead for Leased {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Leased {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
