//! The bytes of one file, with many requests outstanding, either way.

use std::io;

use futures_util::stream::{FuturesOrdered, FuturesUnordered, TryStreamExt};
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
                pending.try_next().await?;
            }
            pending.push(session.write(handle, offset, chunk.to_vec()));
            offset += chunk.len() as u64;
        }
    }
    while pending.try_next().await?.is_some() {}
    Ok(offset)
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
    let step = session.read_length as usize;
    let mut offsets = (0..length).step_by(step);
    let first = offsets.by_ref().take(READS);
    let mut pending: FuturesOrdered<_> = first
        .map(|offset| read_chunk(session, handle, offset))
        .collect();
    let mut written = 0;
    while let Some(chunk) = pending.try_next().await? {
        to.write_all(&chunk).await?;
        written += chunk.len() as u64;
        if chunk.len() < step {
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
    let length = session.read_length as usize;
    let mut chunk = Vec::new();
    while chunk.len() < length {
        let missing = u32::try_from(length - chunk.len()).expect("a read is at most 256 KiB");
        let part = session
            .read(handle, offset + chunk.len() as u64, missing)
            .await?;
        if part.is_empty() {
            break;
        }
        if chunk.is_empty() {
            chunk = part;
        } else {
            chunk.extend_from_slice(&part);
        }
    }
    Ok(chunk)
}
