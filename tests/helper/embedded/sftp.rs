//! An SFTP server with a fault: its requests and answers are changed between the channel and the demo's files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_sftp_orchestrator::demo::SftpHandler;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Fault;
use crate::helper::rogue::{kind, packet, string};

/// Bytes on their way to the files, or from them.
const PIPE: usize = 64 * 1024;

const VERSION: u8 = 2;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const PERMISSION_DENIED: u32 = 3;
const FAILURE: u32 = 4;

const POSIX_RENAME: &[u8] = b"posix-rename@openssh.com";
const FSYNC: &[u8] = b"fsync@openssh.com";

/// Files that a server removes before it goes silent.
pub const REMOVALS: usize = 10;

/// Time without a request after which a flight is complete.
const QUIET: Duration = Duration::from_millis(100);

/// Returns whether a fault changes SFTP.
pub fn concerns(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::LieInWrites
            | Fault::PlainRename
            | Fault::MuteAtRename
            | Fault::MuteAfterRemovals
            | Fault::DropBox
            | Fault::RefuseParts
            | Fault::FailSync
            | Fault::CountFlights
    )
}

/// Serves `files` on a channel's stream. Requests are answered once no further one comes: then the client waits
/// for an answer. Each such flight is counted unless it only closes files.
pub async fn count_flights(
    flights: Arc<AtomicUsize>,
    channel: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    files: SftpHandler,
) {
    let (mut server, far) = tokio::io::duplex(PIPE);
    russh_sftp::server::run(far, files).await;
    let (mut requests, mut answers) = tokio::io::split(channel);
    let (sender, mut queued) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(request) = Packet::read(&mut requests).await {
            let _ = sender.send(request);
        }
    });
    tokio::spawn(async move {
        while let Some(first) = queued.recv().await {
            let mut flight = vec![first];
            while let Ok(Some(request)) = timeout(QUIET, queued.recv()).await {
                flight.push(request);
            }
            if flight.iter().any(|request| request.kind() != kind::CLOSE) {
                flights.fetch_add(1, Ordering::Relaxed);
            }
            for request in flight {
                server.write_all(&string(&request.0)).await.ok()?;
                let answer = Packet::read(&mut server).await?;
                answers.write_all(&string(&answer.0)).await.ok()?;
            }
        }
        Some(())
    });
}

/// Serves `files`, which are in `home`, on a channel's stream.
pub async fn run_with_fault(
    fault: Fault,
    channel: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    files: SftpHandler,
    home: PathBuf,
) {
    let (near, far) = tokio::io::duplex(PIPE);
    russh_sftp::server::run(far, files).await;
    tokio::spawn(relay(fault, channel, near, home));
}

/// Passes requests on, one at a time, until the client or the server leaves.
async fn relay(
    fault: Fault,
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut server: DuplexStream,
    home: PathBuf,
) -> Option<()> {
    let mut opened = HashMap::new();
    let mut removed = 0;
    loop {
        let mut request = Packet::read(&mut client).await?;
        match (fault, request.kind()) {
            (Fault::LieInWrites, kind::WRITE) => request.change_data(),
            (Fault::MuteAfterRemovals, kind::REMOVE) if removed == REMOVALS => {
                std::future::pending::<()>().await;
            }
            (Fault::MuteAfterRemovals, kind::REMOVE) => removed += 1,
            (Fault::DropBox, kind::STAT | kind::LSTAT | kind::OPENDIR) => {
                let refusal = request.refusal(PERMISSION_DENIED);
                client.write_all(&refusal).await.ok()?;
                continue;
            }
            (Fault::RefuseParts, kind::OPEN) if is_hidden(request.name()) => {
                let refusal = request.refusal(PERMISSION_DENIED);
                client.write_all(&refusal).await.ok()?;
                continue;
            }
            (Fault::FailSync, kind::EXTENDED) if request.name().as_bytes() == FSYNC => {
                client.write_all(&request.refusal(FAILURE)).await.ok()?;
                continue;
            }
            _ => {}
        }
        server.write_all(&string(&request.0)).await.ok()?;
        let mut answer = Packet::read(&mut server).await?;
        match (fault, request.kind()) {
            // Without extensions (draft-ietf-secsh-filexfer-02, section 4).
            (Fault::PlainRename | Fault::MuteAtRename, kind::INIT) => {
                answer = Packet([&[VERSION][..], &3_u32.to_be_bytes()].concat());
            }
            (Fault::FailSync, kind::INIT) => {
                let extensions = [
                    string(POSIX_RENAME),
                    string(b"1"),
                    string(FSYNC),
                    string(b"1"),
                ];
                let version = [&[VERSION][..], &3_u32.to_be_bytes()].concat();
                answer = Packet([version, extensions.concat()].concat());
            }
            (Fault::MuteAtRename, kind::RENAME) => std::future::pending().await,
            (Fault::DropBox, kind::OPEN) if answer.kind() == HANDLE => {
                let path = home.join(request.name());
                opened.insert(answer.name().to_owned(), path);
            }
            (Fault::DropBox, kind::CLOSE) => {
                if let Some(path) = opened.remove(request.name()) {
                    take_away(&path);
                }
            }
            _ => {}
        }
        client.write_all(&string(&answer.0)).await.ok()?;
    }
}

fn is_hidden(path: &str) -> bool {
    let name = Path::new(path).file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".")
}

fn take_away(path: &Path) {
    std::fs::rename(path, path.with_extension("taken")).unwrap();
}

/// A packet after its length: its kind, its number, and the rest.
struct Packet(Vec<u8>);

impl Packet {
    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let length = stream.read_u32().await.ok()?;
        let mut bytes = vec![0; length as usize];
        stream.read_exact(&mut bytes).await.ok()?;
        Some(Self(bytes))
    }

    fn kind(&self) -> u8 {
        self.0[0]
    }

    fn number(&self) -> u32 {
        u32::from_be_bytes(self.0[1..5].try_into().unwrap())
    }

    /// Its first string: a path or a handle.
    fn name(&self) -> &str {
        let (length, rest) = self.0[5..].split_first_chunk().unwrap();
        std::str::from_utf8(&rest[..u32::from_be_bytes(*length) as usize]).unwrap()
    }

    /// Changes the first byte that a write writes: it stands after the handle, the offset, and its length.
    fn change_data(&mut self) {
        let start = 5 + 4 + self.name().len() + 8 + 4;
        if let Some(first) = self.0.get_mut(start) {
            *first ^= 1;
        }
    }

    /// The whole packet that refuses it.
    fn refusal(&self, code: u32) -> Vec<u8> {
        packet(
            STATUS,
            self.number(),
            &[&code.to_be_bytes(), &string(b""), &string(b"")],
        )
    }
}
