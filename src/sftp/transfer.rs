//! Transfers: a file or a tree, up or down, each file whole or not at all.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use russh_sftp::protocol::OpenFlags;
use serde::{Deserialize, Serialize};
use tokio::fs::{self, File, OpenOptions};
use tokio_util::sync::CancellationToken;

use super::path::RemotePath;
use super::pattern::Pattern;
use super::session::Session;
use super::{copy, walk};
use crate::config::expand_home;
use crate::error::{Error, FailedFile};
use crate::random;
use crate::ssh::Pool;
use crate::store::private;

/// Files of a tree that are under way at once; each adds its requests to the same channel.
const FILES_AT_ONCE: usize = 8;

/// Failed files that a record names: enough to see the cause, too few to flood queue and model.
const NAMED_FAILURES: usize = 100;

/// Which way a transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From this machine to the server.
    Upload,
    /// From the server to this machine.
    Download,
}

impl Direction {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

/// What a transfer moves.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which way.
    pub direction: Direction,
    /// What.
    pub entries: Vec<Entry>,
    /// Whether the source of an entry may be a pattern.
    pub patterns: bool,
}

/// A file, a tree, or the files that a pattern stands for, and where they go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The path on this machine.
    pub local: String,
    /// The path on the server.
    pub remote: String,
}

/// What a transfer did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Files that arrived.
    pub done: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that did not, with the reason for each: the first of them.
    pub failed: Vec<FailedFile>,
    /// How many did not.
    pub failures: usize,
    /// Whether it was cancelled before it was through.
    pub cancelled: bool,
    /// Whether the server did not answer then, so that part files may have stayed on it.
    pub abandoned: bool,
}

impl Summary {
    fn fail(&mut self, failed: FailedFile) {
        self.failures += 1;
        if self.failed.len() < NAMED_FAILURES {
            self.failed.push(failed);
        }
    }
}

/// How long the files under way have to be given up tidily once a transfer is cancelled: a server that
/// does not answer must not hold it.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Runs a transfer with `alias`. An error means that it did not begin.
pub async fn run(
    pool: &Pool,
    alias: &str,
    request: &Request,
    patience: Duration,
    cancel: &CancellationToken,
) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    let begin = async {
        let session = Session::open(pool, alias, patience).await?;
        let mut plan = Plan::default();
        for entry in &request.entries {
            let planned = plan_entry(&session, request, entry).await;
            plan.add(planned, request.direction, entry);
        }
        Ok::<_, Error>((session, plan))
    };
    let (session, plan) = tokio::select! {
        outcome = begin => outcome?,
        () = cancel.cancelled() => {
            summary.cancelled = true;
            return Ok(summary);
        }
    };
    plan.left_out
        .into_iter()
        .for_each(|file| summary.fail(file));
    let mut copies = plan.copies.iter();
    let mut under_way: FuturesUnordered<_> = copies
        .by_ref()
        .take(FILES_AT_ONCE)
        .map(|copy| copy.run(&session, cancel))
        .collect();
    let overdue = async {
        cancel.cancelled().await;
        tokio::time::sleep(STOP_PATIENCE).await;
    };
    tokio::pin!(overdue);
    loop {
        let (copy, outcome) = tokio::select! {
            next = under_way.next() => match next {
                Some(ended) => ended,
                None => break,
            },
            () = &mut overdue => {
                summary.abandoned = true;
                break;
            }
        };
        if !cancel.is_cancelled() {
            under_way.extend(copies.next().map(|copy| copy.run(&session, cancel)));
        }
        match outcome {
            Ok(bytes) => {
                summary.done += 1;
                summary.bytes += bytes;
            }
            Err(error) => {
                summary.fail(FailedFile {
                    file: copy.source(),
                    error: error.to_string(),
                });
            }
        }
    }
    summary.failures += under_way.len() + copies.len();
    summary.cancelled = cancel.is_cancelled();
    Ok(summary)
}

#[derive(Default)]
struct Plan {
    copies: Vec<Copy>,
    left_out: Vec<FailedFile>,
}

impl Plan {
    fn add(&mut self, planned: io::Result<Self>, direction: Direction, entry: &Entry) {
        match planned {
            Ok(mut plan) => {
                self.copies.append(&mut plan.copies);
                self.left_out.append(&mut plan.left_out);
            }
            Err(error) => self.left_out.push(FailedFile {
                file: match direction {
                    Direction::Upload => entry.local.clone(),
                    Direction::Download => entry.remote.clone(),
                },
                error: error.to_string(),
            }),
        }
    }
}

async fn plan_entry(session: &Session, request: &Request, entry: &Entry) -> io::Result<Plan> {
    let invalid = |problem| io::Error::new(io::ErrorKind::InvalidInput, problem);
    match request.direction {
        Direction::Upload => {
            let local = expand_home(&entry.local);
            // A name may hold what elsewhere makes a pattern.
            if request.patterns
                && !local.exists()
                && let Some(pattern) = Pattern::of(&local.to_string_lossy()).map_err(invalid)?
            {
                return plan_upload_of(session, &pattern, entry).await;
            }
            plan_upload(session, entry).await
        }
        Direction::Download => {
            let remote = RemotePath::new(&entry.remote);
            if request.patterns
                && let Some(pattern) = Pattern::of(remote.as_str()).map_err(invalid)?
                && session.facts(&remote).await?.is_none()
            {
                return plan_download_of(session, &pattern, entry).await;
            }
            plan_download(session, entry).await
        }
    }
}

/// The files that a local pattern stands for go into a directory; those below its fixed part are kept.
async fn plan_upload_of(session: &Session, pattern: &Pattern, entry: &Entry) -> io::Result<Plan> {
    let base = match pattern.base.as_str() {
        "" => Path::new("."),
        base => Path::new(base),
    };
    let tree = walk::local(base, pattern.depth).await?;
    let (files, left_out) = pattern.among(tree, base)?;
    let remote = RemotePath::new(&entry.remote);
    let mut plan = Plan {
        copies: Vec::new(),
        left_out,
    };
    for file in files {
        let to = remote.join_local(&file);
        if let Some(parent) = to.parent() {
            session.make_directories(&parent).await?;
        }
        let from = base.join(file);
        plan.copies.push(Copy::Up { from, to });
    }
    Ok(plan)
}

/// The same from the server.
async fn plan_download_of(session: &Session, pattern: &Pattern, entry: &Entry) -> io::Result<Plan> {
    let base = RemotePath::new(&pattern.base);
    let tree = walk::remote(session, &base, pattern.depth).await?;
    let (files, left_out) = pattern.among(tree, Path::new(base.as_str()))?;
    let local = expand_home(&entry.local);
    let mut plan = Plan {
        copies: Vec::new(),
        left_out,
    };
    for file in files {
        let to = local.join(&file);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).await?;
        }
        let from = base.join_local(&file);
        plan.copies.push(Copy::Down { from, to });
    }
    Ok(plan)
}

/// One file's way.
enum Copy {
    Up { from: PathBuf, to: RemotePath },
    Down { from: RemotePath, to: PathBuf },
}

async fn plan_upload(session: &Session, entry: &Entry) -> io::Result<Plan> {
    let local = expand_home(&entry.local);
    let remote = RemotePath::new(&entry.remote);
    if !fs::metadata(&local).await?.is_dir() {
        let into = remote.names_directory()
            || session
                .facts(&remote)
                .await?
                .is_some_and(|facts| facts.kind.is_dir());
        let to = match local.file_name() {
            Some(name) if into => remote.join(&name.to_string_lossy()),
            _ => remote,
        };
        if let Some(parent) = to.parent() {
            session.make_directories(&parent).await?;
        }
        return Ok(Plan {
            copies: vec![Copy::Up { from: local, to }],
            left_out: Vec::new(),
        });
    }
    let tree = walk::local(&local, None).await?;
    session.make_directories(&remote).await?;
    for directory in &tree.directories {
        session
            .make_directories(&remote.join_local(directory))
            .await?;
    }
    let copies = tree.files.iter().map(|file| Copy::Up {
        from: local.join(file),
        to: remote.join_local(file),
    });
    Ok(Plan {
        copies: copies.collect(),
        left_out: tree.left_out,
    })
}

async fn plan_download(session: &Session, entry: &Entry) -> io::Result<Plan> {
    let local = expand_home(&entry.local);
    let remote = RemotePath::new(&entry.remote);
    let facts = session.facts(&remote).await?;
    let facts = facts.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "No such file"))?;
    if !facts.kind.is_dir() {
        let into = entry.local.ends_with(['/', std::path::MAIN_SEPARATOR]) || local.is_dir();
        let to = match remote.file_name() {
            Some(name) if into => local.join(name),
            _ => local,
        };
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).await?;
        }
        return Ok(Plan {
            copies: vec![Copy::Down { from: remote, to }],
            left_out: Vec::new(),
        });
    }
    let tree = walk::remote(session, &remote, None).await?;
    fs::create_dir_all(&local).await?;
    for directory in &tree.directories {
        fs::create_dir_all(local.join(directory)).await?;
    }
    let copies = tree.files.iter().map(|file| Copy::Down {
        from: remote.join_local(file),
        to: local.join(file),
    });
    Ok(Plan {
        copies: copies.collect(),
        left_out: tree.left_out,
    })
}

impl Copy {
    fn source(&self) -> String {
        match self {
            Self::Up { from, .. } => from.display().to_string(),
            Self::Down { from, .. } => from.to_string(),
        }
    }

    async fn run(&self, session: &Session, cancel: &CancellationToken) -> (&Self, io::Result<u64>) {
        let outcome = match self {
            _ if cancel.is_cancelled() => Err(cancelled()),
            Self::Up { from, to } => upload(session, from, to, cancel).await,
            Self::Down { from, to } => download(session, from, to, cancel).await,
        };
        (self, outcome)
    }
}

fn cancelled() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "cancelled")
}

/// A name beside the target that no other transfer uses.
fn part_name(name: &str) -> String {
    format!(".{name}.{}.part", random::hex::<4>())
}

async fn upload(
    session: &Session,
    from: &Path,
    to: &RemotePath,
    cancel: &CancellationToken,
) -> io::Result<u64> {
    let source = File::open(from).await?;
    let metadata = source.metadata().await?;
    if !metadata.is_file() {
        return Err(io::Error::other("is neither a file nor a directory"));
    }
    let (to, existing) = session.resolve(to).await?;
    if existing.is_some_and(|facts| facts.kind.is_dir()) {
        return Err(io::Error::other(format!("`{to}` is a directory")));
    }
    let name = to
        .file_name()
        .ok_or_else(|| io::Error::other(format!("`{to}` does not name a file")))?;
    let part = to.with_file_name(&part_name(name));
    let begin = OpenFlags::CREATE | OpenFlags::EXCLUDE | OpenFlags::WRITE;
    let (handle, part) = match session.open_file(&part, begin).await {
        Ok(handle) => (handle, Some(part)),
        // The directory may not be written, yet the file in it may be.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && existing.is_some() => (
            session
                .open_file(&to, OpenFlags::WRITE | OpenFlags::TRUNCATE)
                .await?,
            None,
        ),
        Err(error) => return Err(error),
    };
    let mode = existing
        .and_then(|facts| facts.mode)
        .or_else(|| mode_of(&metadata));
    let fill = async {
        let bytes = tokio::select! {
            bytes = session.while_alive(copy::upload(session, source, &handle)) => bytes?,
            () = cancel.cancelled() => return Err(cancelled()),
        };
        if let (Some(mode), Some(_)) = (mode, &part) {
            // Some servers know no modes; the file is whole all the same.
            if let Err(error) = session.set_mode(&handle, mode).await {
                tracing::debug!("cannot set the mode of `{to}`: {error}");
            }
        }
        Ok(bytes)
    };
    let filled = fill.await;
    let closed = session.close_file(handle).await;
    let bytes = filled.and_then(|bytes| closed.map(|()| bytes));
    let Some(part) = part else { return bytes };
    let replaced = match bytes {
        Ok(bytes) => session.replace(&part, &to).await.map(|()| bytes),
        Err(error) => Err(error),
    };
    if replaced.is_err() {
        let _ = session.remove(&part).await;
    }
    replaced
}

async fn download(
    session: &Session,
    from: &RemotePath,
    to: &Path,
    cancel: &CancellationToken,
) -> io::Result<u64> {
    if to.is_dir() {
        return Err(io::Error::other(format!(
            "`{}` is a directory",
            to.display()
        )));
    }
    let name = to
        .file_name()
        .ok_or_else(|| io::Error::other(format!("`{}` does not name a file", to.display())))?;
    let part = to.with_file_name(part_name(&name.to_string_lossy()));
    let handle = session.open_file(from, OpenFlags::READ).await?;
    let fill = async {
        let facts = session.facts_of_open(&handle).await?;
        let mut file = create_private(&part).await?;
        let bytes = tokio::select! {
            bytes = session.while_alive(copy::download(session, &handle, facts.length, &mut file)) => bytes?,
            () = cancel.cancelled() => return Err(cancelled()),
        };
        let existing = fs::metadata(to).await.ok().as_ref().and_then(mode_of);
        if let Some(mode) = existing.or(facts.mode.map(|mode| mode & 0o777)) {
            set_mode(&part, mode).await?;
        }
        fs::rename(&part, to).await?;
        Ok(bytes)
    };
    let outcome = fill.await;
    let _ = session.close_file(handle).await;
    if outcome.is_err() {
        let _ = fs::remove_file(&part).await;
    }
    outcome
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no mode")]
fn mode_of(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode_of(_: &std::fs::Metadata) -> Option<u32> {
    None
}

/// A new file is its owner's alone until it is whole and gets its own mode.
async fn create_private(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    private(options.write(true).create_new(true));
    OpenOptions::from(options).open(path).await
}

#[cfg(unix)]
async fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).await
}

#[cfg(not(unix))]
async fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
