//! What is a download's own: how a part here is filled and made durable.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::path::PathBuf;

use bytes::Bytes;

use super::client::Pending;
use super::course::{Course, PartOf, Trip};
use super::disk::{Disk, create, resume};
use super::local::Local;
use super::path::RemotePath;
use super::session::{Handle, Session};
use super::side::blocking;
use super::transfer::Entry;

impl Course for Session {
    type To = Local;
    const UNSURE: u64 = 0;
    /// Nobody gets rights from a server that he would not have given himself.
    const MODE: u32 = 0o777;
    const IS_UPLOAD: bool = false;

    fn sides<'a>(session: &'a Session, local: &'a Local) -> (&'a Self, &'a Local) {
        (session, local)
    }

    fn ends(entry: &Entry) -> (&str, &str) {
        (&entry.remote, &entry.local)
    }

    fn here_and_there<'a>(
        from: &'a RemotePath,
        copy: &'a PathBuf,
    ) -> (&'a PathBuf, &'a RemotePath) {
        (copy, from)
    }

    fn is_large(session: &Session, length: u64) -> bool {
        length >= u64::from(session.limits.read)
    }

    async fn fill(
        trip: &Trip<'_, Self>,
        part: &PartOf<Self>,
        start: u64,
    ) -> io::Result<(PathBuf, u64)> {
        let (path, length) = if Self::is_large(trip.session, trip.way.facts.length) {
            large(trip, part, start).await?
        } else {
            small(trip, part).await?
        };
        trip.arrived(length);
        Ok((path, length))
    }
}

/// A file that one read holds: asked for, closed, and written in one go.
async fn small(trip: &Trip<'_, Session>, part: &PartOf<Session>) -> io::Result<(PathBuf, u64)> {
    let (session, way) = (trip.session, trip.way);
    let handle = session.open_to_read(&way.from).await?;
    let all = session.read(&handle, 0, session.limits.read);
    let mut content = session.content(all).await?;
    let mut length = length_of(&content);
    let mut last = length;
    // What gives its content in portions, or says no length, such as a file of /proc, is read to its end.
    while last > 0 && (length < way.facts.length || way.facts.length == 0) {
        let more = session.content(session.read(&handle, length, session.limits.read));
        let more = more.await?;
        last = length_of(&more);
        length += last;
        content.extend(more);
    }
    let closed = session.close(&handle);
    let (roots, part) = (trip.conditions.roots.clone(), part.clone());
    let path = blocking(move || {
        let mut open = create(&roots, part)?;
        for piece in &content {
            open.file.write_all(piece)?;
        }
        open.finish()
    });
    let path = path.await?;
    session.done(closed).await?;
    Ok((path, length))
}

fn length_of(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// A file that takes many reads, from `start` on.
async fn large(
    trip: &Trip<'_, Session>,
    part: &PartOf<Session>,
    start: u64,
) -> io::Result<(PathBuf, u64)> {
    let (session, expected) = (trip.session, trip.way.facts.length);
    let handle = session.open_to_read(&trip.way.from).await?;
    let outcome = async {
        let (roots, part) = (trip.conditions.roots.clone(), part.clone());
        let open = blocking(move || match start {
            0 => create(&roots, part),
            _ => resume(&roots, part, start),
        });
        let mut disk = Disk::new(open.await?, start);
        let mut reads = Reads::new(session, &handle, start, expected, trip.lanes.depth.reads);
        while let Some(pieces) = reads.next().await? {
            disk.take(pieces).await?;
            trip.arrived(disk.written);
        }
        disk.end().await
    };
    let outcome = outcome.await;
    drop(session.close(&handle));
    outcome
}

/// Reads outstanding, answered in the file's order.
struct Reads<'s> {
    session: &'s Session,
    handle: &'s Handle,
    ahead: VecDeque<Pending>,
    most: usize,
    /// Up to here it has arrived.
    arrived: u64,
    /// Up to here it was asked for.
    asked: u64,
    /// Of the file, as it was found.
    length: u64,
}

impl<'s> Reads<'s> {
    fn new(session: &'s Session, handle: &'s Handle, start: u64, length: u64, most: usize) -> Self {
        Self {
            session,
            handle,
            ahead: VecDeque::new(),
            most,
            arrived: start,
            asked: start,
            length,
        }
    }

    /// What comes next; `None` at the file's end, which may be beyond its length by now.
    async fn next(&mut self) -> io::Result<Option<Vec<Bytes>>> {
        let step = u64::from(self.session.limits.read);
        while self.ahead.len() < self.most && self.asked < self.length || self.ahead.is_empty() {
            let read = self
                .session
                .read(self.handle, self.asked, self.session.limits.read);
            self.ahead.push_back(read);
            self.asked += step;
        }
        let Some(next) = self.ahead.pop_front() else {
            return Ok(None);
        };
        let pieces = self.session.content(next).await?;
        let got = length_of(&pieces);
        self.arrived += got;
        if got == 0 {
            return Ok(None);
        }
        if got < step {
            // A server may give less than was asked for (section 6.4): the rest is asked for again.
            self.ahead.clear();
            self.asked = self.arrived;
        }
        Ok(Some(pieces))
    }
}
