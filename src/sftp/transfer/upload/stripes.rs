//! The content of a large file on its way up: over several sessions, and made durable meanwhile.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;

use crate::sftp::filesystem::blocking;
use crate::sftp::filesystem::local::Local;
use crate::sftp::path::RemotePath;
use crate::sftp::session::client::Pending;
use crate::sftp::session::{Handle, Write};
use crate::sftp::transfer::context::{BLOCK, is_hole, open_at};
use crate::sftp::transfer::file_transfer::Trip;
use crate::sftp::transfer::sessions::Lanes;
use crate::sftp::transfer::upload::Open;

/// How soon after the last time a large file is made durable again while it is being sent.
const DURABLE_INTERVAL: Duration = Duration::from_millis(5);

/// Sends a large file from `start` on: over all lanes, unless it is written in place, in order and with
/// one handle. Gives its length, and what is still to be answered.
pub(crate) async fn stream(
    trip: &Trip<'_, Local>,
    first: &Open<'_>,
    start: u64,
    in_place: bool,
) -> io::Result<(u64, Vec<Pending>)> {
    let mut others = if in_place {
        Vec::new()
    } else {
        others(trip, first).await?
    };
    let lanes: Vec<_> = iter::once(first).chain(&others).collect();
    let from = trip.way.from.clone();
    let roots = trip.conditions.roots.clone();
    let file = Arc::new(blocking(move || open_at(&roots, &from, start)).await?);
    let sheet = Sheet {
        handles: lanes.iter().map(|lane| lane.handle.clone()).collect(),
        length: trip.session.limits.write,
    };
    let depth = trip.lanes.depth.writes;
    let mut outstanding: Vec<VecDeque<(u64, Pending)>> =
        lanes.iter().map(|_| VecDeque::new()).collect();
    let mut ends_in_hole = false;
    let mut next = sheet.read(&file, start);
    let length = loop {
        let Block {
            writes,
            end,
            at_end,
        } = next.await?;
        // The next block is read while this one is sent.
        next = sheet.read(&file, end);
        for (lane, offset, mut write) in writes {
            ends_in_hole = is_hole(write.bytes());
            if ends_in_hole {
                continue;
            }
            let session = lanes[lane].session;
            if outstanding[lane].len() == depth
                && let Some((_, oldest)) = outstanding[lane].pop_front()
            {
                session.done(oldest).await?;
                let arrived = outstanding.iter().filter_map(|lane| lane.front());
                let arrived = arrived.map(|(offset, _)| *offset).min();
                trip.arrived(arrived.unwrap_or(offset).max(start));
            }
            outstanding[lane].push_back((offset, session.write(write)));
        }
        if at_end {
            break end;
        }
    };
    for (lane, writes) in outstanding.into_iter().enumerate() {
        for (_, write) in writes {
            lanes[lane].session.done(write).await?;
        }
    }
    let mut last: Vec<_> = others.iter_mut().map(Open::close).collect();
    if ends_in_hole {
        // Its last byte gives it its length.
        let mut write = Write::new(&first.handle, length - 1, 1);
        write.content().push(0);
        last.push(first.session.write(write));
    }
    Ok((length, last))
}

/// Has what is written made durable all the time, so that little is left to do at the end.
pub(crate) async fn keep_durable<T>(lanes: &Lanes, path: &RemotePath) -> T {
    if let Some(keeper) = &lanes.keeper
        && let Ok(kept) = Open::to_write(keeper, path).await
    {
        while let Some(sync) = keeper.sync(&kept.handle) {
            // A failure shows when the whole is made durable.
            if keeper.done(sync).await.is_err() {
                break;
            }
            tokio::time::sleep(DURABLE_INTERVAL).await;
        }
    }
    std::future::pending().await
}

/// The part, opened on the lanes that it was not opened on first.
async fn others<'a>(trip: &Trip<'a, Local>, first: &Open<'a>) -> io::Result<Vec<Open<'a>>> {
    let lanes = trip.lanes.all().iter();
    let others = lanes.filter(|lane| !std::ptr::eq(*lane, first.session));
    try_join_all(others.map(|lane| Open::to_write(lane, first.path))).await
}

/// How a file is divided among the lanes.
#[derive(Clone)]
struct Sheet {
    handles: Arc<[Handle]>,
    length: usize,
}

struct Block {
    /// Lane, offset and content of each write.
    writes: Vec<(usize, u64, Write)>,
    /// Where the next block begins.
    end: u64,
    at_end: bool,
}

impl Sheet {
    /// Begins to read about [`BLOCK`] bytes that stand at `offset`, where the file's cursor is.
    fn read(
        &self,
        file: &Arc<File>,
        offset: u64,
    ) -> impl Future<Output = io::Result<Block>> + use<> {
        let (sheet, file) = (self.clone(), Arc::clone(file));
        let reading = tokio::task::spawn_blocking(move || sheet.block(&file, offset));
        async { reading.await.map_err(io::Error::other)? }
    }

    fn block(&self, file: &File, offset: u64) -> io::Result<Block> {
        let mut block = Block {
            writes: Vec::new(),
            end: offset,
            at_end: false,
        };
        for _ in 0..(BLOCK / self.length).max(1) {
            let lane = usize::try_from(block.end / self.length as u64 % self.handles.len() as u64)
                .expect("there are few lanes");
            let mut write = Write::new(&self.handles[lane], block.end, self.length);
            let read = file.take(self.length as u64).read_to_end(write.content())?;
            if read == 0 {
                block.at_end = true;
                break;
            }
            block.writes.push((lane, block.end, write));
            block.end += read as u64;
        }
        Ok(block)
    }
}
