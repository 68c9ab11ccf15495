//! One file up: into a part beside its target, checked, made durable, then renamed over it.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::client::Pending;
use super::facts::{Facts, Kind};
use super::file::{Conditions, Tried, cancelled, local_sum, remote_sum};
use super::lanes::Lanes;
use super::part::{part_name, path_bytes};
use super::path::RemotePath;
use super::plan::Way;
use super::session::{Handle, Session, Write};
use super::side::{Local, Side, blocking};
use super::stream::{keep_durable, stream};
use super::tree::is_lost;
use super::wire::Attributes;

/// A file up to this length goes in one go.
const SMALL: u64 = 256 * 1024;

/// How much may be missing before the end of a part that an earlier try has left: as much as was
/// under way.
const UNSURE: u64 = 16 * 1024 * 1024;

/// What an upload fills.
pub(super) struct Part {
    pub(super) path: RemotePath,
    pub(super) handle: Handle,
    /// Where it goes once it is whole; `None` if it is that file itself, in a directory that may not
    /// be written.
    target: Option<RemotePath>,
    /// What the target is to be.
    kept: Attributes,
}

/// Copies a file to the server. Gives its length.
pub(super) async fn upload(
    lanes: &Lanes,
    number: usize,
    way: &Way<Local, Session>,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<u64> {
    let _place = if way.facts.length > SMALL {
        conditions.large.acquire().await.ok()
    } else {
        None
    };
    let session = lanes.of(number);
    let start = known_start(session, way, tried, conditions).await?;
    let begun = begin(session, way, start == 0, conditions);
    let part = tokio::select! {
        part = begun => part?,
        () = conditions.cancel.cancelled() => return Err(cancelled()),
    };
    conditions.progress.goes_on(start);
    tried.set(start, conditions.progress);
    let work = async {
        let length = fill(lanes, session, way, &part, start, tried, conditions).await?;
        if length < way.facts.length {
            return Err(io::Error::other("shrank while it was copied"));
        }
        if conditions.verify {
            verify(session, way, &part, length, conditions).await?;
        }
        match &part.target {
            Some(target) => session.replace(&part.path, target).await.map(|()| length),
            None => Ok(length),
        }
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = conditions.cancel.cancelled() => Err(cancelled()),
    };
    let Err(error) = outcome else { return outcome };
    drop(session.close(&part.handle));
    // A lost line leaves what a further try goes on from.
    if part.target.is_some() && !is_lost(&error) {
        let _ = session.remove(&part.path).await;
        tried.set(0, conditions.progress);
    }
    Err(session.explain_failure(error, &part.path).await)
}

fn part_of(way: &Way<Local, Session>, to: &RemotePath, token: &str) -> io::Result<RemotePath> {
    let name = to
        .file_name()
        .ok_or_else(|| io::Error::other(format!("`{to}` does not name a file")))?;
    Ok(to.with_file_name(&part_name(token, name, &path_bytes(&way.from))))
}

/// From where on a file is to be copied: what has arrived before is not sent again.
async fn known_start(
    session: &Session,
    way: &Way<Local, Session>,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<u64> {
    if way.facts.length <= SMALL || tried.arrived() == 0 && !conditions.resume {
        return Ok(0);
    }
    let part = part_of(way, &way.to, conditions.token)?;
    let Some(there) = session
        .own_facts(&part)
        .await?
        .filter(|facts| facts.kind == Kind::File)
    else {
        return Ok(0);
    };
    let now = Local.facts(&way.from).await?;
    if now != Some(way.facts) {
        return Ok(0);
    }
    if tried.arrived() > 0 {
        // The server has said of each of these bytes that it has them.
        return Ok(tried.arrived().min(there.length));
    }
    let sure = there.length.min(way.facts.length).saturating_sub(UNSURE);
    if sure == 0 {
        return Ok(0);
    }
    let expected = local_sum(&way.from, sure).await?;
    let found = remote_sum(conditions, session, &part, sure, &expected).await?;
    Ok(if found == expected { sure } else { 0 })
}

async fn begin(
    session: &Session,
    way: &Way<Local, Session>,
    from_scratch: bool,
    conditions: &Conditions<'_>,
) -> io::Result<Part> {
    let (to, existing) = if way.fresh {
        (way.to.clone(), None)
    } else {
        resolve(session, &way.to).await?
    };
    if existing.is_some_and(|facts| facts.is_directory()) {
        return Err(io::Error::other(format!("`{to}` is a directory")));
    }
    let path = part_of(way, &to, conditions.token)?;
    let times = way.facts.modified.map(|modified| (modified, modified));
    let mode = existing.and_then(|facts| facts.mode).or(way.facts.mode);
    let opened = if from_scratch {
        session.create(&path).await
    } else {
        session.open_to_write(&path).await
    };
    match opened {
        Ok(handle) => Ok(Part {
            path,
            handle,
            target: Some(to),
            kept: Attributes {
                size: None,
                permissions: mode,
                times,
            },
        }),
        // The directory may not be written, yet the file in it may be.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && existing.is_some() => {
            Ok(Part {
                handle: session.open_emptied(&to).await?,
                path: to,
                target: None,
                kept: Attributes {
                    times,
                    ..Attributes::default()
                },
            })
        }
        Err(error) => Err(error),
    }
}

/// Where a file written to `path` goes, links followed, and what is there now.
async fn resolve(session: &Session, path: &RemotePath) -> io::Result<(RemotePath, Option<Facts>)> {
    let here = session.own_facts(path).await?;
    if here.is_none_or(|facts| facts.kind != Kind::Link) {
        return Ok((path.clone(), here));
    }
    match session.facts(path).await? {
        Some(facts) => Ok((session.real_path(path).await?, Some(facts))),
        // A link that leads nowhere is replaced like any other name.
        None => Ok((path.clone(), None)),
    }
}

/// Writes the part to its end, and closes it.
async fn fill(
    lanes: &Lanes,
    session: &Session,
    way: &Way<Local, Session>,
    part: &Part,
    start: u64,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<u64> {
    let (length, has_holes) = if way.facts.length > SMALL {
        let stream = stream(lanes, session, way, part, start, tried, conditions);
        tokio::select! {
            streamed = stream => streamed?,
            never = keep_durable(lanes, &part.path) => never,
        }
    } else {
        let (sent, length) = whole(session, way, part).await?;
        return finish(session, part, sent, length, false, tried, conditions).await;
    };
    finish(
        session,
        part,
        Vec::new(),
        length,
        has_holes,
        tried,
        conditions,
    )
    .await
}

/// Sends a small file's content. Gives the writes that are to be answered.
async fn whole(
    session: &Session,
    way: &Way<Local, Session>,
    part: &Part,
) -> io::Result<(Vec<Pending>, u64)> {
    let from = way.from.clone();
    let content = blocking(move || read_whole(&from)).await?;
    let mut sent = Vec::new();
    for (number, chunk) in content.chunks(session.write_length).enumerate() {
        let offset = (number * session.write_length) as u64;
        let mut write = Write::new(&part.handle, offset, chunk.len());
        write.content().extend_from_slice(chunk);
        sent.push(session.write(write));
    }
    Ok((sent, content.len() as u64))
}

fn read_whole(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is not a file any more"));
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

/// Ends a part: attributes, durability, close. All are asked for at once and done in order.
async fn finish(
    session: &Session,
    part: &Part,
    sent: Vec<Pending>,
    length: u64,
    has_holes: bool,
    tried: &Tried,
    conditions: &Conditions<'_>,
) -> io::Result<u64> {
    let attributes = Attributes {
        size: has_holes.then_some(length),
        ..part.kept
    };
    let changed = session.set(&part.handle, &attributes);
    let sync = session.sync(&part.handle);
    let closed = session.close(&part.handle);
    for write in sent {
        session.done(write).await?;
    }
    match session.done(changed).await {
        Err(error) if has_holes => return Err(error),
        // Some servers know no modes or times; the file is whole all the same.
        Err(error) => tracing::debug!("cannot set what `{}` is: {error}", part.path),
        Ok(()) => {}
    }
    if let Some(sync) = sync {
        match session.done(sync).await {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
            _ => {}
        }
    }
    session.done(closed).await?;
    tried.set(length, conditions.progress);
    Ok(length)
}

async fn verify(
    session: &Session,
    way: &Way<Local, Session>,
    part: &Part,
    length: u64,
    conditions: &Conditions<'_>,
) -> io::Result<()> {
    let expected = local_sum(&way.from, u64::MAX).await?;
    let found = remote_sum(conditions, session, &part.path, length, &expected).await?;
    if found == expected {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "the checksums differ: {expected} here, {found} on the server"
        )))
    }
}
