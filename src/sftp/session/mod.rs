//! SFTP sessions: the operations of the protocol, with errors in words.
//!
//! | module | what it holds |
//! |---|---|
//! | `files`, `paths` | requests on open files, and on paths |
//! | `write_buffers` | the memory of a file's writes |
//! | `filesystem`, `rename_over` | a server's files as a [`Filesystem`](super::filesystem::Filesystem); safe replacement |
//! | `file_reader`, `remote_file` | reads of an open file in order; a file that is open as long as needed |
//! | `client`, `outstanding` | requests sent, answers matched by their numbers |
//! | `start`, `shell_server` | start of a session; a shell in place of SFTP |
//! | `parking` | sessions that stay open for the next transfer |

pub(super) mod client;
pub(super) mod file_reader;
mod files;
mod filesystem;
mod outstanding;
pub(super) mod parking;
mod paths;
pub(super) mod remote_file;
mod rename_over;
pub(super) mod shell_server;
mod start;
mod write_buffers;

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
pub(crate) use files::{FileHandle, PRIVATE, Presence, WritePacket};
pub(crate) use write_buffers::WriteBuffers;

use crate::error::Error;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::session::client::{PendingResponse, SessionEnded, SftpClient};
use crate::sftp::wire::{PacketType, RequestPacket, Response, protocol_error, status};
use crate::ssh::Pool;

/// Length of a read or write that every server takes (draft-ietf-secsh-filexfer-02, section 3).
const CERTAIN_LENGTH: u32 = 32 * 1024;
/// Shortest limit taken from a server: a file would take requests without number.
const SHORTEST_LENGTH: u32 = 4 * 1024;
/// The longest read or write: with its header it fits a packet of 256 KiB, OpenSSH's limit.
const LONGEST_LENGTH: u32 = 261_120;
/// The longest write whose packet fits one SSH packet of 32 KiB, for a handle of 4 bytes.
const SHORT_WRITE: u32 = 32_739;

/// Extension that tells the longest requests.
const LIMITS: &[u8] = b"limits@openssh.com";

/// An SFTP session.
pub(crate) struct SftpSession {
    client: SftpClient,
    /// Extensions that the server offers.
    extensions: Vec<(Bytes, Bytes)>,
    pub(crate) limits: Limits,
    /// True once the limits are known.
    knows_limits: bool,
    /// Round trip time.
    pub(crate) round_trip: Duration,
    /// The last time that it was used.
    last_used: Instant,
}

/// Longest reads and writes of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) read: u32,
    /// The longest write that comes in one SSH packet.
    pub(crate) write: usize,
    /// The longest write.
    pub(crate) long_write: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read: CERTAIN_LENGTH,
            write: SHORT_WRITE as usize,
            long_write: SHORT_WRITE as usize,
        }
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
            knows_limits: false,
            last_used: Instant::now(),
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

    /// Fetches the server's limits, unless they are known.
    pub(crate) async fn fetch_limits(&self) -> Limits {
        if self.knows_limits {
            return self.limits;
        }
        if !self.offers(LIMITS) {
            return Limits::default();
        }
        self.request_limits().await.unwrap_or_else(|error| {
            tracing::debug!("an SFTP server does not tell its limits: {error}");
            Limits::default()
        })
    }

    /// Sets the limits, once they are known.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.knows_limits = true;
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
        let (read, write) = (limit(), limit());
        let short = write.min(SHORT_WRITE);
        // A little more than one SSH packet would only cost a second one.
        let is_long = write >= 2 * SHORT_WRITE;
        let long = if is_long {
            write.min(LONGEST_LENGTH)
        } else {
            short
        };
        Ok(Limits {
            read: read.min(LONGEST_LENGTH),
            write: short as usize,
            long_write: long as usize,
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
