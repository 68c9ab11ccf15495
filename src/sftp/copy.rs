//! The bytes of one file, with many requests outstanding, either way.

use std::io;

use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::session::Session;

/// Reads outstanding: together about the channel's window on a near line.
const READS: usize = 16;
/// Writes outstanding; more are slower on a near line.
const WRITES: usize = 32;
/// Read from the local disk at once: fewer hops to the thread that may block.
const BLOCK: usize = 1024 * 1024;

/// Copies a local file into an open file on the server. Gives the bytes copied.
pub(super) async fn upload(session: &Session, mut from: File, handle: &str) -> io::Result<u64> {
    from.set_max_buf_size(BLOCK);
    let mut block = vec![0; BLOCK];
    let mut offset = 0;
    let mut pending = FuturesUnordered::new();
    loop {
        let length = from.read(&mut block).await?;
        if length == 0 {
            break;
        }
        for chunk in block[..length].chunks(session.write_length) {
            if pending.len() == WRITES {
                settle(session, pending.next().await)?;
            }
            pending.push(session.raw.write(handle, offset, chunk.to_vec()));
            offset += chunk.len() as u64;
        }
    }
    while !pending.is_empty() {
        settle(session, pending.next().await)?;
    }
    Ok(offset)
}

fn settle<T>(
    session: &Session,
    outcome: Option<Result<T, russh_sftp::client::error::Error>>,
) -> io::Result<()> {
    match outcome {
        Some(Err(error)) => Err(session.explain(error)),
        _ => Ok(()),
    }
}

/// Copies an open file of `length` bytes on the server into a local one. Gives the bytes copied.
///
/// The length is what the server said; a file that has grown since is read to its end, and one
/// that has shrunk ends early.
pub(super) async fn download(
    session: &Session,
    handle: &str,
    length: u64,
    to: &mut File,
) -> io::Result<u64> {
    to.set_max_buf_size(BLOCK);
    let step = u64::from(session.read_length);
    let mut offsets =
        (0..length).step_by(usize::try_from(step).expect("a read is at most 256 KiB"));
    let mut pending: FuturesOrdered<_> = offsets
        .by_ref()
        .take(READS)
        .map(|offset| read_chunk(session, handle, offset))
        .collect();
    let mut written = 0;
    while let Some(chunk) = pending.next().await {
        let chunk = chunk?;
        to.write_all(&chunk).await?;
        written += chunk.len() as u64;
        if (chunk.len() as u64) < step {
            break;
        }
        pending.extend(
            offsets
                .next()
                .map(|offset| read_chunk(session, handle, offset)),
        );
    }
    drop(pending);
    loop {
        let chunk = read_chunk(session, handle, written).await?;
        if chunk.is_empty() {
            break;
        }
        to.write_all(&chunk).await?;
        written += chunk.len() as u64;
    }
    to.flush().await?;
    Ok(written)
}

/// Reads one chunk whole: a server may give less than was asked for (section 6.4 of the draft).
async fn read_chunk(session: &Session, handle: &str, offset: u64) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::new();
    loop {
        let missing =
            session.read_length - u32::try_from(chunk.len()).expect("a read is at most 256 KiB");
        match session
            .raw
            .read(handle, offset + chunk.len() as u64, missing)
            .await
        {
            Ok(data) if data.data.is_empty() => return Ok(chunk),
            Ok(data) if chunk.is_empty() => chunk = data.data,
            Ok(data) => chunk.extend_from_slice(&data.data),
            Err(russh_sftp::client::error::Error::Status(status))
                if status.status_code == russh_sftp::protocol::StatusCode::Eof =>
            {
                return Ok(chunk);
            }
            Err(error) => return Err(session.explain(error)),
        }
        if chunk.len() >= session.read_length as usize {
            return Ok(chunk);
        }
    }
}
