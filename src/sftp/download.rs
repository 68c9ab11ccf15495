//! One file down: into a part beside its target, checked, made durable, then renamed over it.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::client::Pending;
use super::facts::{Facts, Kind};
use super::file::{BLOCK, Conditions, Tried, cancelled, is_hole, local_sum, remote_sum};
use super::lanes::Lanes;
use super::part::{part_name, path_bytes};
use super::plan::Way;
use super::session::{Handle, Session};
use super::side::{Local, blocking};
use super::tree::is_lost;
use crate::store::private;

/// What a download fills, and what the target is to be.
#[derive(Clone, Debug)]
struct Part {
    path: PathBuf,
    target: PathBuf,
    mode: Option<u32>,
    modified: Option<u32>,
}

/// Copies a file from the server. Gives its length.
pub(super) async fn download(
    lanes: &Lanes,
    number: usize,
    way: &Way<Session, Local>,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<u64> {
    let session = lanes.of(number);
    let is_small = way.facts.length < u64::from(session.read_length);
    let _place = if is_small {
        None
    } else {
        conditions.large.acquire().await.ok()
    };
    let part = part_of(way, conditions.token)?;
    let start = if is_small {
        0
    } else {
        known_start(session, way, &part, tried, conditions).await?
    };
    conditions.progress.goes_on(start);
    tried.set(start, conditions.progress);
    let work = async {
        let length = if is_small {
            small(session, way, &part, tried, conditions).await?
        } else {
            large(lanes, session, way, &part, start, tried, conditions).await?
        };
        if length < way.facts.length {
            return Err(io::Error::other("shrank while it was copied"));
        }
        if conditions.verify {
            verify(session, way, &part, length, conditions).await?;
        }
        let finished = part.clone();
        blocking(move || fs::rename(&finished.path, &finished.target)).await?;
        Ok(length)
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = conditions.cancel.cancelled() => Err(cancelled()),
    };
    // A lost line leaves what a further try goes on from.
    if outcome.as_ref().is_err_and(|error| !is_lost(error)) {
        let _ = tokio::fs::remove_file(&part.path).await;
        tried.set(0, conditions.progress);
    }
    outcome
}

fn part_of(way: &Way<Session, Local>, token: &str) -> io::Result<Part> {
    let shown = way.to.display();
    let (target, existing) = if way.fresh {
        (way.to.clone(), None)
    } else {
        resolve(&way.to)?
    };
    if existing.is_some_and(|facts| facts.is_directory()) {
        return Err(io::Error::other(format!("`{shown}` is a directory")));
    }
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::other(format!("`{shown}` does not name a file")))?;
    let name = part_name(token, &path_bytes(Path::new(name)), way.from.as_bytes());
    Ok(Part {
        path: target.with_file_name(super::path::local_of(&name)),
        target,
        // Nobody gets rights from a server that he would not have given himself.
        mode: existing
            .and_then(|facts| facts.mode)
            .or(way.facts.mode.map(|mode| mode & 0o777)),
        modified: way.facts.modified,
    })
}

/// Where a file written to `path` goes, links followed, and what is there now.
fn resolve(path: &Path) -> io::Result<(PathBuf, Option<Facts>)> {
    match fs::symlink_metadata(path) {
        Ok(here) if here.is_symlink() => match fs::canonicalize(path) {
            Ok(target) => {
                let facts = Facts::from(&fs::metadata(&target)?);
                Ok((target, Some(facts)))
            }
            // A link that leads nowhere is replaced like any other name.
            Err(_) => Ok((path.to_owned(), None)),
        },
        Ok(here) => Ok((path.to_owned(), Some(Facts::from(&here)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((path.to_owned(), None)),
        Err(error) => Err(error),
    }
}

/// From where on a file is to be copied: what has arrived before is not asked for again.
async fn known_start(
    session: &Session,
    way: &Way<Session, Local>,
    part: &Part,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<u64> {
    if tried.arrived() == 0 && !conditions.resume {
        return Ok(0);
    }
    let there = fs::symlink_metadata(&part.path).map(|metadata| Facts::from(&metadata));
    let Some(there) = there.ok().filter(|facts| facts.kind == Kind::File) else {
        return Ok(0);
    };
    if session.facts(&way.from).await? != Some(way.facts) {
        return Ok(0);
    }
    if tried.arrived() > 0 {
        return Ok(tried.arrived().min(there.length));
    }
    let sure = there.length.min(way.facts.length);
    if sure == 0 {
        return Ok(0);
    }
    let found = local_sum(&part.path, sure).await?;
    let expected = remote_sum(conditions, session, &way.from, sure, &found).await?;
    Ok(if found == expected { sure } else { 0 })
}

/// A file that one read holds: asked for, closed, and written in one go.
async fn small(
    session: &Session,
    way: &Way<Session, Local>,
    part: &Part,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<u64> {
    let handle = session.open_to_read(&way.from).await?;
    let all = session.read(&handle, 0, session.read_length);
    let mut content = session.content(all).await?;
    let mut length = length_of(&content);
    let mut last = length;
    // What gives its content in portions, or says no length, such as a file of /proc, is read to its end.
    while last > 0 && (length < way.facts.length || way.facts.length == 0) {
        let more = session.content(session.read(&handle, length, session.read_length));
        let more = more.await?;
        last = length_of(&more);
        length += last;
        content.extend(more);
    }
    let closed = session.close(&handle);
    let part = part.clone();
    blocking(move || {
        let mut file = create(&part.path)?;
        for piece in &content {
            file.write_all(piece)?;
        }
        finish(&file, &part)
    })
    .await?;
    session.done(closed).await?;
    tried.set(length, conditions.progress);
    Ok(length)
}

fn length_of(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// A new part is its owner's alone until it is whole and gets its own mode. What is left under its
/// name goes: it is not followed, be it a link.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    private(options.write(true).create_new(true));
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)
        }
        opened => opened,
    }
}

/// Ends a part: mode, time, durability.
fn finish(file: &File, part: &Part) -> io::Result<()> {
    if let Some(mode) = part.mode {
        set_mode(file, mode)?;
    }
    if let Some(modified) = part.modified {
        file.set_modified(UNIX_EPOCH + Duration::from_secs(modified.into()))?;
    }
    file.sync_all()
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// A file that takes many reads, from `start` on.
async fn large(
    lanes: &Lanes,
    session: &Session,
    way: &Way<Session, Local>,
    part: &Part,
    start: u64,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<u64> {
    let handle = session.open_to_read(&way.from).await?;
    let outcome = async {
        let path = part.path.clone();
        let file = blocking(move || {
            if start == 0 {
                create(&path)
            } else {
                resume(&path, start)
            }
        });
        let mut disk = Disk::new(file.await?, start);
        let mut reads = Reads::new(session, &handle, start, way.facts.length, lanes.depth.reads);
        while let Some(pieces) = reads.next().await? {
            disk.take(pieces).await?;
            tried.set(disk.written, conditions.progress);
        }
        let (file, length) = disk.end().await?;
        let part = part.clone();
        blocking(move || finish(&file, &part)).await?;
        tried.set(length, conditions.progress);
        Ok(length)
    };
    let outcome = outcome.await;
    drop(session.close(&handle));
    outcome
}

fn resume(path: &Path, start: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    // What follows may be of another version.
    file.set_len(start)?;
    file.seek(SeekFrom::Start(start))?;
    Ok(file)
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
        let step = u64::from(self.session.read_length);
        while self.ahead.len() < self.most && self.asked < self.length || self.ahead.is_empty() {
            let read = self
                .session
                .read(self.handle, self.asked, self.session.read_length);
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

/// The part's disk: written to in blocks, on a thread that may wait, while more arrives.
struct Disk {
    /// Makes durable what is written, so that little is left to do at the end.
    syncing: Option<JoinHandle<()>>,
    writing: Option<JoinHandle<io::Result<File>>>,
    file: Option<File>,
    block: Vec<Bytes>,
    held: usize,
    /// Up to here it is written.
    written: u64,
}

impl Disk {
    fn new(file: File, start: u64) -> Self {
        Self {
            syncing: None,
            writing: None,
            file: Some(file),
            block: Vec::new(),
            held: 0,
            written: start,
        }
    }

    async fn take(&mut self, pieces: Vec<Bytes>) -> io::Result<()> {
        self.held += pieces.iter().map(Bytes::len).sum::<usize>();
        self.block.extend(pieces);
        if self.held >= BLOCK {
            self.write().await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> io::Result<()> {
        let mut file = self.idle().await?;
        if self.syncing.as_ref().is_none_or(JoinHandle::is_finished)
            && let Ok(same) = file.try_clone()
        {
            self.syncing = Some(tokio::task::spawn_blocking(move || {
                // A failure shows when the whole is made durable.
                let _ = same.sync_data();
            }));
        }
        let block = std::mem::take(&mut self.block);
        self.written += std::mem::take(&mut self.held) as u64;
        self.writing = Some(tokio::task::spawn_blocking(move || {
            for piece in &block {
                if is_hole(piece) {
                    // Left out, as in a sparse source; the length is set at the end.
                    file.seek_relative(i64::try_from(piece.len()).expect("a piece is short"))?;
                } else {
                    file.write_all(piece)?;
                }
            }
            Ok(file)
        }));
        Ok(())
    }

    /// The file, once nothing is being written to it.
    async fn idle(&mut self) -> io::Result<File> {
        if let Some(writing) = self.writing.take() {
            return writing.await.map_err(io::Error::other)?;
        }
        self.file
            .take()
            .ok_or_else(|| io::Error::other("an earlier write has failed"))
    }

    async fn end(mut self) -> io::Result<(File, u64)> {
        self.write().await?;
        let file = self.idle().await?;
        let length = self.written;
        blocking(move || {
            file.set_len(length)?;
            Ok((file, length))
        })
        .await
    }
}

async fn verify(
    session: &Session,
    way: &Way<Session, Local>,
    part: &Part,
    length: u64,
    conditions: &Conditions<'_>,
) -> io::Result<()> {
    let found = local_sum(&part.path, length).await?;
    let expected = remote_sum(conditions, session, &way.from, length, &found).await?;
    if found == expected {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "the checksums differ: {expected} on the server, {found} here"
        )))
    }
}

/// Gives a directory its mode and time.
pub(super) async fn end_directory(path: &Path, facts: &Facts) -> io::Result<()> {
    let (path, facts) = (path.to_owned(), *facts);
    blocking(move || {
        let directory = File::open(&path)?;
        if let Some(mode) = facts.mode {
            set_mode(&directory, mode & 0o777)?;
        }
        match facts.modified {
            Some(modified) => {
                directory.set_modified(UNIX_EPOCH + Duration::from_secs(modified.into()))
            }
            None => Ok(()),
        }
    })
    .await
}
