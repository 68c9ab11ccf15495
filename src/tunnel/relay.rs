//! The bytes of one connection, both ways.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{Instant, sleep_until};

use super::backlog::{Backlog, BacklogRoom, DiskBudget};
use super::live::Counts;
use crate::ssh::{Forwarded, ForwardedChannel};
use crate::store::Overflow;

/// Bytes that are read from a connection at once: a packet's (RFC 4253, section 6.1).
const PIECE: usize = 32 * 1024;

/// Time after which a reader is cut that takes nothing at all while the disk holds enough for it.
const STUCK: Duration = Duration::from_secs(30);

/// Time for which a reader that has the SSH connection for itself holds it up without taking anything.
const PATIENCE: Duration = Duration::from_secs(1);

/// The bytes that a program on this machine reads and writes.
pub(super) trait LocalStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> LocalStream for S {}

/// Carries bytes until both sides have ended, or one is gone. Each side may end before the other.
pub(super) async fn relay(
    stream: impl LocalStream,
    mut channel: ForwardedChannel,
    counts: &Counts,
    overflow: Overflow,
    budget: &Arc<DiskBudget>,
) -> io::Result<()> {
    let (reader, mut writer) = split(stream);
    let (lease, mut in_use) = (channel.lease(), channel.in_use());
    let (mut incoming, outgoing) = channel.parts();
    let sending = send(reader, outgoing, counts);
    tokio::pin!(sending);
    let mut backlog = Backlog::new(overflow, Arc::clone(budget));
    let (mut is_sent, mut has_come, mut is_closed) = (false, false, false);
    let mut is_retired = false;
    let mut last_taken = Instant::now();
    loop {
        if has_come && backlog.is_empty() {
            writer.shutdown().await?;
            if is_closed || is_sent {
                return Ok(());
            }
            // Only the other direction is left, until the server closes the channel.
            tokio::select! {
                sent = &mut sending => return sent,
                () = incoming.closed() => return Ok(()),
            }
        }
        let room = backlog.room();
        let holds_up =
            room == BacklogRoom::OnDisk && in_use.is_alone() && last_taken.elapsed() < PATIENCE;
        if room == BacklogRoom::Nowhere && !is_retired {
            // Further connections are not to wait behind this one.
            lease.retire();
            is_retired = true;
        }
        tokio::select! {
            sent = &mut sending, if !is_sent => {
                sent?;
                is_sent = true;
            }
            piece = incoming.next(), if !is_closed && room != BacklogRoom::Nowhere && !holds_up => {
                let mut come = Some(piece);
                while let Some(piece) = come.take() {
                    match piece {
                        Forwarded::Bytes(bytes) => {
                            counts.add(0, bytes.len());
                            if backlog.is_empty() {
                                last_taken = Instant::now();
                            }
                            backlog.push(bytes).await?;
                            if backlog.room() == BacklogRoom::InMemory {
                                // All that has come by now is written at once.
                                come = incoming.next().now_or_never();
                            }
                        }
                        Forwarded::End => has_come = true,
                        Forwarded::Closed => (has_come, is_closed) = (true, true),
                    }
                }
            }
            taken = write_front(&mut writer, &backlog), if !backlog.is_empty() => {
                backlog.advance(taken?).await?;
                last_taken = Instant::now();
            }
            () = in_use.changed(), if holds_up => {}
            () = sleep_until(last_taken + PATIENCE), if holds_up => {}
            () = sleep_until(last_taken + STUCK), if room == BacklogRoom::Nowhere => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "its reader takes nothing"));
            }
        }
    }
}

/// Writes some of the bytes that wait, and returns their number. Nothing is written where it is given up.
async fn write_front(
    writer: &mut (impl AsyncWrite + Unpin),
    backlog: &Backlog,
) -> io::Result<usize> {
    writer.write_vectored(&backlog.front()).await
}

/// Sends what comes from this side, and then its end.
async fn send(
    mut reader: impl AsyncRead + Unpin,
    outgoing: impl AsyncWrite,
    counts: &Counts,
) -> io::Result<()> {
    tokio::pin!(outgoing);
    let mut piece = vec![0; PIECE];
    loop {
        let length = reader.read(&mut piece).await?;
        if length == 0 {
            return outgoing.shutdown().await;
        }
        outgoing.write_all(&piece[..length]).await?;
        counts.add(length, 0);
    }
}
