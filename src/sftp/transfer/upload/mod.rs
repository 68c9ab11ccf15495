//! What is an upload's own: how a part on the server is filled and made durable.

pub(crate) mod stripes;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::sftp::filesystem::blocking;
use crate::sftp::filesystem::free_space;
use crate::sftp::filesystem::local::Local;
use crate::sftp::path::RemotePath;
use crate::sftp::plan::tree::is_lost;
use crate::sftp::session::client::Pending;
use crate::sftp::session::{Existing, Handle, PRIVATE, Session, Write};
use crate::sftp::transfer::Entry;
use crate::sftp::transfer::access::Extras;
use crate::sftp::transfer::backup::Record;
use crate::sftp::transfer::context::{open_at, remote_sum};
use crate::sftp::transfer::download::Reads;
use crate::sftp::transfer::file_transfer::in_place::{Instead, is_refusal, is_untold};
use crate::sftp::transfer::file_transfer::{Course, NO_MODES, PartOf, Trip};
use crate::sftp::transfer::part::Part;
use crate::sftp::transfer::upload::stripes::{keep_durable, stream};
use crate::sftp::wire::Attributes;

/// A file up to this length goes in one go.
const SMALL: u64 = 256 * 1024;
/// What a file that was small may have grown to meanwhile: it is held in memory.
const LARGEST_SMALL: u64 = 16 * 1024 * 1024;

impl Course for Local {
    type To = Session;
    const IS_UPLOAD: bool = true;
    /// As much as is under way.
    const UNSURE: u64 = 16 * 1024 * 1024;
    const MODE: u32 = 0o7777;

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

    async fn fill(trip: &Trip<'_, Self>, part: &PartOf<Self>, start: u64) -> io::Result<u64> {
        let (mut length, is_set) = send(trip, part, start).await?;
        if is_set {
            return Ok(length);
        }
        if part.old.is_some() {
            return Err(Instead::because(NO_MODES));
        }
        let refusals = &trip.conditions.refusals.modes;
        if !refusals.swap(true, Ordering::Relaxed) {
            // It can have its mode only from the beginning.
            trip.arrived(0);
            length = send(trip, part, 0).await?.0;
        }
        let now = match trip.session.facts(&part.path).await {
            Err(error) if is_lost(&error) => return Err(error),
            facts => facts.ok().flatten().and_then(|facts| facts.mode),
        };
        if let (Some(now), Some(mode)) = (now, part.mode)
            && now != mode
        {
            trip.conditions.notes.add(format!(
                "`{}` has the mode {now:03o} and not {mode:03o}: the server does not let it be set",
                part.target
            ));
        }
        Ok(length)
    }

    async fn extras(trip: &Trip<'_, Self>, part: &PartOf<Self>) -> Extras {
        let conditions = trip.conditions;
        match &part.old {
            Some(old) => {
                let listing = conditions.extras;
                let (pool, alias) = (conditions.pool, conditions.alias);
                listing.extras(pool, alias, &trip.way.to, old).await
            }
            None => Extras::None,
        }
    }

    async fn give_access(trip: &Trip<'_, Self>, part: &PartOf<Self>) -> io::Result<()> {
        let conditions = trip.conditions;
        let Some(old) = &part.old else { return Ok(()) };
        let is_given = conditions.extras.copy_access(
            conditions.pool,
            conditions.alias,
            (&trip.way.to, old),
            (&part.target, &part.path),
        );
        if is_given.await {
            return Ok(());
        }
        Err(Instead::because(
            "its access list or label cannot be given to another file",
        ))
    }

    async fn save(trip: &Trip<'_, Self>, part: &PartOf<Self>, into: File) -> io::Result<()> {
        let session = trip.session;
        let length = part.old.map_or(0, |old| old.length);
        let handle = session.open_to_read(&part.target).await?;
        let saved = async {
            let mut into = into;
            let mut reads = Reads::new(trip, &handle, 0, length);
            while let Some(pieces) = reads.next().await? {
                into = blocking(move || {
                    free_space::check(&into, pieces.iter().map(Bytes::len).sum())?;
                    for piece in &pieces {
                        into.write_all(piece)?;
                    }
                    Ok(into)
                })
                .await?;
            }
            Ok(())
        };
        let saved = saved.await;
        drop(session.close(&handle));
        saved
    }

    async fn write_back(
        trip: &Trip<'_, Self>,
        part: &PartOf<Self>,
        content: &Path,
        record: &Record,
    ) -> io::Result<()> {
        let session = trip.session;
        let mode = record.mode.unwrap_or(PRIVATE);
        let opened = session.open_emptied(&part.target, mode, Existing::Is).await;
        let handle = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let there = Existing::IsNot;
                session.open_emptied(&part.target, mode, there).await?
            }
            opened => opened?,
        };
        let open = Open::new(session, &part.target, handle);
        let file = Arc::new(File::open(content)?);
        let mut sent = VecDeque::new();
        let mut offset = 0;
        loop {
            let (file, mut write) = (
                Arc::clone(&file),
                Write::new(&open.handle, offset, session.limits.write),
            );
            let most = session.limits.write as u64;
            let (write, read) = blocking(move || {
                let read = (&*file).take(most).read_to_end(write.content())?;
                Ok((write, read))
            })
            .await?;
            if read == 0 {
                break;
            }
            offset += read as u64;
            sent.push_back(session.write(write));
            if sent.len() > trip.lanes.depth.writes
                && let Some(oldest) = sent.pop_front()
            {
                session.done(oldest).await?;
            }
        }
        let was = Part {
            mode: record.mode,
            modified: record.modified,
            ..part.clone()
        };
        finish(open, sent.into(), &was).await?;
        let (size, sum) = (record.size.unwrap_or(0), record.sha256.as_deref());
        let expected = sum.unwrap_or_default();
        let there = remote_sum(trip.conditions, session, &part.target, size, expected).await?;
        if there == expected {
            return Ok(());
        }
        Err(io::Error::other("the server holds something else"))
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
pub(crate) struct Open<'a> {
    pub(crate) session: &'a Session,
    pub(crate) path: &'a RemotePath,
    pub(crate) handle: Handle,
    /// A server may give a closed handle to the next file.
    is_closed: bool,
}

impl<'a> Open<'a> {
    pub(crate) fn new(session: &'a Session, path: &'a RemotePath, handle: Handle) -> Self {
        Self {
            session,
            path,
            handle,
            is_closed: false,
        }
    }

    /// Opens a file that is there for writing.
    pub(crate) async fn to_write(session: &'a Session, path: &'a RemotePath) -> io::Result<Self> {
        let handle = session.open_to_write(path).await?;
        Ok(Self::new(session, path, handle))
    }

    /// Closes it; only then is a server certain to have taken every byte.
    pub(crate) fn close(&mut self) -> Pending {
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

/// Sends the content and ends the part. Gives its length, and whether it is what it is to be.
async fn send(trip: &Trip<'_, Local>, part: &PartOf<Local>, start: u64) -> io::Result<(u64, bool)> {
    let open = open(trip, part, start).await?;
    let (length, sent) = if trip.way.facts.length > SMALL {
        tokio::select! {
            streamed = stream(trip, &open, start, part.in_place) => streamed?,
            never = keep_durable(trip.lanes, open.path), if !part.in_place => never,
        }
    } else {
        whole(trip, &open.handle).await?
    };
    let is_set = finish(open, sent, part).await?;
    trip.arrived(length);
    Ok((length, is_set))
}

async fn open<'a>(
    trip: &Trip<'a, Local>,
    part: &'a PartOf<Local>,
    start: u64,
) -> io::Result<Open<'a>> {
    let session = trip.session;
    let mode = part.mode.unwrap_or(PRIVATE);
    if part.in_place {
        // Nothing is emptied for a source that cannot be read.
        let (roots, from) = (trip.conditions.roots.clone(), trip.way.from.clone());
        blocking(move || open_at(&roots, &from, 0).map(drop)).await?;
        let there = match part.old {
            Some(_) => Existing::Is,
            None if part.is_unknown => Existing::Unknown,
            None => Existing::IsNot,
        };
        // Whoever stops waiting for the answer does not know what was done.
        trip.tried.set_begun(true);
        let opened = session.open_emptied(&part.path, mode, there).await;
        if opened.as_ref().is_err_and(|error| !is_lost(error)) {
            trip.tried.set_begun(false);
        }
        return Ok(Open::new(session, &part.path, opened?));
    }
    // A new file is its owner's alone until it is whole, where it can get its mode then.
    let mode = if trip.conditions.refusals.modes.load(Ordering::Relaxed) {
        mode
    } else {
        PRIVATE
    };
    let opened = match start {
        0 => session.create(&part.path, mode).await,
        _ => session.open_to_write(&part.path).await,
    };
    match opened {
        // The directory may not be written, or takes no hidden files, or the path is at its longest,
        // yet the file itself may be written.
        Err(error) if is_refusal(&error) || is_long(&part.path) && is_untold(&error) => Err(
            Instead::because(format!("nothing can be made beside it ({error})")),
        ),
        opened => Ok(Open::new(session, &part.path, opened?)),
    }
}

/// Whether a path may be too long for a system: the shortest limits are about 1,000 bytes.
fn is_long(path: &RemotePath) -> bool {
    path.as_bytes().len() > 1000
}

/// Sends a small file's content. Gives its length, and the writes that are to be answered.
async fn whole(trip: &Trip<'_, Local>, handle: &Handle) -> io::Result<(u64, Vec<Pending>)> {
    let (from, session) = (trip.way.from.clone(), trip.session);
    let roots = trip.conditions.roots.clone();
    let content = blocking(move || {
        let mut content = Vec::new();
        let mut file = open_at(&roots, &from, 0)?.take(LARGEST_SMALL + 1);
        if file.read_to_end(&mut content)? as u64 > LARGEST_SMALL {
            let problem = format!("has more than {LARGEST_SMALL} bytes, though it was small");
            return Err(io::Error::other(problem));
        }
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

/// Ends a part: owner, mode and time, durability, close. All are asked for at once and done in order.
/// Says whether it is what it is to be.
async fn finish(mut open: Open<'_>, sent: Vec<Pending>, part: &PartOf<Local>) -> io::Result<bool> {
    let session = open.session;
    let old = part.old.filter(|_| !part.in_place);
    // Before the mode: a change of the owner takes bits of it away.
    let owner = old.and_then(|old| old.owner).map(|owner| Attributes {
        owner: Some(owner),
        ..Attributes::default()
    });
    let given = owner.map(|owner| session.set(&open.handle, &owner));
    let mode = Attributes {
        // A file that may have been there before keeps what it has.
        permissions: part.mode.filter(|_| !part.is_unknown),
        times: part.modified.map(|modified| (modified, modified)),
        ..Attributes::default()
    };
    let changed = session.set(&open.handle, &mode);
    let seen = old.map(|_| session.look(&open.handle));
    let sync = session.sync(&open.handle);
    let closed = open.close();
    for sent in sent {
        session.done(sent).await?;
    }
    let given = match given {
        Some(given) => unless_lost(session.done(given).await)?,
        None => true,
    };
    let changed = unless_lost(session.done(changed).await)?;
    let seen = match seen {
        Some(seen) => session.seen(seen).await.ok(),
        None => None,
    };
    if let Some(sync) = sync {
        match session.done(sync).await {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
            _ => {}
        }
    }
    session.done(closed).await?;
    if part.in_place {
        return Ok(true);
    }
    match seen {
        Some(seen) if part.is_like_old(&seen) => Ok(true),
        None if given && changed => Ok(true),
        _ => set_by_name(session, part, (owner, mode)).await,
    }
}

fn unless_lost(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Err(error) if is_lost(&error) => Err(error),
        Err(error) => {
            tracing::debug!("cannot set what a file is: {error}");
            Ok(false)
        }
        Ok(()) => Ok(true),
    }
}

/// The same by the part's name, which some servers take.
async fn set_by_name(
    session: &Session,
    part: &PartOf<Local>,
    (owner, mode): (Option<Attributes>, Attributes),
) -> io::Result<bool> {
    let asked = owner.iter().chain([&mode]);
    let asked: Vec<_> = asked
        .map(|attributes| session.set_at(&part.path, attributes))
        .collect();
    let mut is_done = true;
    for asked in asked {
        is_done &= unless_lost(session.done(asked).await)?;
    }
    match (session.own_facts(&part.path).await, part.old) {
        (Err(error), _) if is_lost(&error) => Err(error),
        (Ok(Some(now)), Some(_)) => Ok(part.is_like_old(&now)),
        (Ok(Some(now)), None) if now.mode.is_some() && part.mode.is_some() => {
            Ok(now.mode == part.mode)
        }
        _ => Ok(is_done),
    }
}
