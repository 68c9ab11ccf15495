//! The content of a large file on its way up: over several sessions, and made durable meanwhile.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::client::Pending;
use super::file::{BLOCK, Conditions, Tried, is_hole, open_at};
use super::lanes::Lanes;
use super::path::RemotePath;
use super::plan::Way;
use super::session::{Handle, Session, Write};
use super::side::{Local, blocking};
use super::upload::Part;

/// How soon after the last time a large file is made durable again while it is being sent.
const DURABLE_INTERVAL: Duration = Duration::from_millis(5);

/// Sends a large file from `start` on, over all lanes. Gives its length, and whether holes were left out.
pub(super) async fn stream(
    lanes: &Lanes,
    session: &Session,
    way: &Way<Local, Session>,
    part: &Part,
    start: u64,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<(u64, bool)> {
    let handles = handles(lanes, session, part).await?;
    let from = way.from.clone();
    let file = Arc::new(blocking(move || open_at(&from, start)).await?);
    let sheet = Sheet {
        handles: handles.iter().map(|(_, handle)| handle.clone()).collect(),
        length: session.write_length,
    };
    let depth = lanes.depth.writes;
    let mut outstanding: Vec<VecDeque<(u64, Pending)>> =
        handles.iter().map(|_| VecDeque::new()).collect();
    let mut has_holes = false;
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
            if is_hole(write.bytes()) {
                has_holes = true;
                continue;
            }
            let lane_session = handles[lane].0;
            if outstanding[lane].len() == depth
                && let Some((_, oldest)) = outstanding[lane].pop_front()
            {
                lane_session.done(oldest).await?;
                let arrived = outstanding.iter().filter_map(|lane| lane.front());
                let arrived = arrived.map(|(offset, _)| *offset).min();
                tried.set(arrived.unwrap_or(offset).max(start), conditions.progress);
            }
            outstanding[lane].push_back((offset, lane_session.write(write)));
        }
        if at_end {
            break end;
        }
    };
    for (lane, writes) in outstanding.into_iter().enumerate() {
        for (_, write) in writes {
            handles[lane].0.done(write).await?;
        }
    }
    for (session, handle) in handles.iter().skip(1) {
        session.done(session.close(handle)).await?;
    }
    Ok((length, has_holes))
}

/// Has what is written made durable all the time, so that little is left to do at the end.
pub(super) async fn keep_durable<T>(lanes: &Lanes, path: &RemotePath) -> T {
    if let Some(keeper) = &lanes.keeper
        && let Ok(handle) = keeper.open_to_write(path).await
    {
        let kept = Kept(keeper, handle);
        while let Some(sync) = keeper.sync(&kept.1) {
            // A failure shows when the whole is made durable.
            if keeper.done(sync).await.is_err() {
                break;
            }
            tokio::time::sleep(DURABLE_INTERVAL).await;
        }
    }
    std::future::pending().await
}

/// A handle that is closed when nobody wants it any more.
struct Kept<'s>(&'s Session, Handle);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        drop(self.0.close(&self.1));
    }
}

/// The part's handle on each lane, the one that it was opened on first.
async fn handles<'l>(
    lanes: &'l Lanes,
    session: &'l Session,
    part: &Part,
) -> io::Result<Vec<(&'l Session, Handle)>> {
    let others = lanes
        .all()
        .iter()
        .filter(|lane| !std::ptr::eq(*lane, session));
    let mut opening = Vec::new();
    for lane in others {
        opening.push(async move { io::Result::Ok((lane, lane.open_to_write(&part.path).await?)) });
    }
    let mut handles = vec![(session, part.handle.clone())];
    handles.extend(try_join_all(opening).await?);
    Ok(handles)
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
