//! What is an upload's own: how a part on the server is filled and made durable.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::client::Pending;
use super::course::{Course, PartOf, Trip};
use super::file::open_at;
use super::local::Local;
use super::path::RemotePath;
use super::session::{Handle, Session, Write};
use super::side::blocking;
use super::stream::{keep_durable, stream};
use super::transfer::Entry;
use super::wire::Attributes;

/// A file up to this length goes in one go.
const SMALL: u64 = 256 * 1024;

impl Course for Local {
    type To = Session;
    /// As much as is under way.
    const UNSURE: u64 = 16 * 1024 * 1024;
    const MODE: u32 = 0o7777;
    const IS_UPLOAD: bool = true;

    fn sides<'a>(session: &'a Session, local: &'a Local) -> (&'a Self, &'a Session) {
        (local, session)
    }

    fn ends(entry: &Entry) -> (&str, &str) {
        (&entry.local, &entry.remote)
    }

    fn here_and_there<'a>(
        from: &'a PathBuf,
        copy: &'a RemotePath,
    ) -> (&'a PathBuf, &'a RemotePath) {
        (from, copy)
    }

    fn is_large(_: &Session, length: u64) -> bool {
        length > SMALL
    }

    async fn fill(
        trip: &Trip<'_, Self>,
        part: &PartOf<Self>,
        start: u64,
    ) -> io::Result<(RemotePath, u64)> {
        let open = open(trip.session, part, start).await?;
        let (length, has_holes, sent) = if trip.way.facts.length > SMALL {
            tokio::select! {
                streamed = stream(trip, &open, start) => streamed?,
                never = keep_durable(trip.lanes, open.path) => never,
            }
        } else {
            let (length, sent) = whole(trip, &open.handle).await?;
            (length, false, sent)
        };
        let attributes = Attributes {
            size: has_holes.then_some(length),
            permissions: part.mode,
            times: part.modified.map(|modified| (modified, modified)),
        };
        let path = open.path.clone();
        finish(open, sent, &attributes).await?;
        trip.arrived(length);
        Ok((path, length))
    }

    /// Servers have no word for a full disk. It is asked for while the part is still there, and what
    /// one file found out holds for those that fail when that one's part is gone already.
    async fn explain(trip: &Trip<'_, Self>, part: &PartOf<Self>, error: io::Error) -> io::Error {
        if error.kind() != io::ErrorKind::Other {
            return error;
        }
        let full = &trip.conditions.full;
        let directory = part.path.parent();
        let directory = directory.unwrap_or_else(|| RemotePath::new("."));
        let missing = trip.way.facts.length.saturating_sub(trip.tried.arrived());
        if let Some(room) = trip.session.room(&directory).await
            && room < missing
        {
            full.store(true, Ordering::Relaxed);
        }
        if !full.load(Ordering::Relaxed) {
            return error;
        }
        let words = format!("no space left on the server ({error})");
        io::Error::new(io::ErrorKind::StorageFull, words)
    }
}

/// What is open on the server. It is closed when nobody wants it any more.
pub(super) struct Open<'a> {
    pub(super) session: &'a Session,
    pub(super) path: &'a RemotePath,
    pub(super) handle: Handle,
    /// A server may give a closed handle to the next file.
    is_closed: bool,
}

impl<'a> Open<'a> {
    pub(super) fn new(session: &'a Session, path: &'a RemotePath, handle: Handle) -> Self {
        Self {
            session,
            path,
            handle,
            is_closed: false,
        }
    }

    /// Opens a file that is there for writing.
    pub(super) async fn to_write(session: &'a Session, path: &'a RemotePath) -> io::Result<Self> {
        let handle = session.open_to_write(path).await?;
        Ok(Self::new(session, path, handle))
    }

    /// Closes it; only then is a server certain to have taken every byte.
    pub(super) fn close(&mut self) -> Pending {
        self.is_closed = true;
        self.session.close(&self.handle)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.is_closed {
            drop(self.close());
        }
    }
}

async fn open<'a>(
    session: &'a Session,
    part: &'a PartOf<Local>,
    start: u64,
) -> io::Result<Open<'a>> {
    let opened = match start {
        0 => session.create(&part.path).await,
        _ => session.open_to_write(&part.path).await,
    };
    match opened {
        // The directory may not be written, yet the file in it may be.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && part.replaces => {
            let handle = session.open_emptied(&part.target).await?;
            Ok(Open::new(session, &part.target, handle))
        }
        opened => Ok(Open::new(session, &part.path, opened?)),
    }
}

/// Sends a small file's content. Gives its length, and the writes that are to be answered.
async fn whole(trip: &Trip<'_, Local>, handle: &Handle) -> io::Result<(u64, Vec<Pending>)> {
    let (from, session) = (trip.way.from.clone(), trip.session);
    let roots = trip.conditions.roots.clone();
    let content = blocking(move || {
        let mut content = Vec::new();
        open_at(&roots, &from, 0)?.read_to_end(&mut content)?;
        Ok(content)
    });
    let content = content.await?;
    let mut sent = Vec::new();
    for (number, chunk) in content.chunks(session.limits.write).enumerate() {
        let offset = (number * session.limits.write) as u64;
        let mut write = Write::new(handle, offset, chunk.len());
        write.content().extend_from_slice(chunk);
        sent.push(session.write(write));
    }
    Ok((content.len() as u64, sent))
}

/// Ends a part: attributes, durability, close. All are asked for at once and done in order.
async fn finish(mut open: Open<'_>, sent: Vec<Pending>, attributes: &Attributes) -> io::Result<()> {
    let session = open.session;
    let changed = session.set(&open.handle, attributes);
    let sync = session.sync(&open.handle);
    let closed = open.close();
    for sent in sent {
        session.done(sent).await?;
    }
    match session.done(changed).await {
        Err(error) if attributes.size.is_some() => return Err(error),
        // Some servers know no modes or times; the file is whole all the same.
        Err(error) => tracing::debug!("cannot set what `{}` is: {error}", open.path),
        Ok(()) => {}
    }
    if let Some(sync) = sync {
        match session.done(sync).await {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
            _ => {}
        }
    }
    session.done(closed).await
}
