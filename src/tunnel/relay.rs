//! The bytes of one connection, both ways.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{Instant, sleep_until};

use super::backlog::{Backlog, DiskBudget};
use super::live::Counts;
use crate::ssh::{Forwarded, ForwardedChannel};
use crate::store::Overflow;

/// Bytes that are read from a connection at once: a packet's (RFC 4253, section 6.1).
const PIECE: usize = 32 * 1024;

/// Time after which a reader is cut that takes nothing at all while the disk holds enough for it.
const STUCK: Duration = Duration::from_secs(30);

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
    let lease = channel.lease();
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
        let has_room = backlog.has_room();
        if !has_room && !is_retired {
            // Further connections are not to wait behind this one.
            lease.retire();
            is_retired = true;
        }
        tokio::select! {
            sent = &mut sending, if !is_sent => {
                sent?;
                is_sent = true;
            }
            piece = incoming.next(), if !is_closed && has_room => match piece {
                Forwarded::Bytes(bytes) => {
                    counts.add(0, bytes.len());
                    backlog.push(bytes).await?;
                }
                Forwarded::End => has_come = true,
                Forwarded::Closed => (has_come, is_closed) = (true, true),
            },
            taken = writer.write(backlog.front()), if !backlog.is_empty() => {
                backlog.advance(taken?).await?;
                last_taken = Instant::now();
            }
            () = sleep_until(last_taken + STUCK), if !has_room => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "its reader takes nothing"));
            }
        }
    }
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
