//! Uploads: writing a part file on the server.
//!
//! | module | what it holds |
//! |---|---|
//! | `source` | the files that are sent, wherever they are |
//! | `local_source`, `server_source` | files of this machine, and of another server |
//! | `stripes`, `stripe_sender` | large files, sent over several sessions |
//! | `finish` | the end of an upload |

mod finish;
mod local_source;
mod server_source;
mod source;
mod stripe_sender;
mod stripes;

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crate::fs::blocking;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::file_snapshot::sha256;
use crate::sftp::filesystem::metadata::FileType;
use crate::sftp::hidden_name::part_name;
use crate::sftp::path::RemotePath;
use crate::sftp::request::TransferEntry;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::session::{FileHandle, PRIVATE, Presence, SftpSession, WritePacket};
use crate::sftp::transfer::access::{FileExtras, ReplacedFile};
use crate::sftp::transfer::backup::BackupRecord;
use crate::sftp::transfer::early::EarlyFile;
use crate::sftp::transfer::file_transfer::{
    EarlyContext, FileTransfer, NO_MODES, PartFileOf, TransferDirection,
};
use crate::sftp::transfer::part::PartFile;
use crate::sftp::transfer::upload::finish::finish;
use crate::sftp::transfer::upload::source::UploadSource;
use crate::sftp::transfer::upload::stripes::{fsync_continuously, send_striped};
use crate::store::BackupContent;

/// Longest file that is sent in one go.
const SMALL: u64 = 256 * 1024;
/// Most that a small file may have grown to meanwhile: it is held in memory.
const LARGEST_SMALL: u64 = 16 * 1024 * 1024;

/// From this machine, or from another server, to the server.
pub(crate) struct Upload<S>(PhantomData<fn() -> S>);

impl<S: UploadSource> TransferDirection for Upload<S> {
    type Source = S;
    type Target = SftpSession;
    type Peer = S::Peer;
    const IS_UPLOAD: bool = true;
    /// As much as may be outstanding.
    const RESUME_MARGIN: u64 = 16 * 1024 * 1024;
    const MODE_MASK: u32 = S::MODE_MASK;

    fn filesystems<'a>(session: &'a SftpSession, peer: &'a S::Peer) -> (&'a S, &'a SftpSession) {
        (S::of(peer), session)
    }

    fn source_and_target(entry: &TransferEntry) -> (&str, &str) {
        (&entry.local, &entry.remote)
    }

    fn local<'a>(from: &'a S::Path, _: &'a RemotePath) -> Option<&'a PathBuf> {
        S::local(from)
    }

    async fn checksums(
        transfer: &FileTransfer<'_, Self>,
        copy: &RemotePath,
        length: u64,
    ) -> Result<(String, String)> {
        S::checksums(transfer, copy, length).await
    }

    fn is_large(_: &SftpSession, length: u64) -> bool {
        length > SMALL
    }

    async fn open_early(
        session: &SftpSession,
        peer: &S::Peer,
        entry: &TransferEntry,
        context: &EarlyContext<'_>,
    ) -> Option<EarlyFile> {
        let from = S::path(&entry.local);
        let source = S::of(peer).stat(&from).await.ok()??;
        if source.file_type != FileType::File || source.length > SMALL {
            return None;
        }
        let mut to = RemotePath::new(&entry.remote);
        if to.names_directory() {
            to = to.join(&S::file_name(&from)?);
        }
        // The resolved path is judged later; a refusal removes the part file again.
        let written = match to.to_string() {
            absolute if absolute.starts_with('/') => absolute,
            relative => format!("~/{relative}"),
        };
        (context.may_write)()(&[written]).ok()?;
        let source = S::bytes(&from);
        let name = part_name(context.token, to.file_name()?, &source);
        Some(EarlyFile::create_part(session, to.with_file_name(&name)))
    }

    async fn fill(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        start: u64,
    ) -> Result<u64> {
        let (mut length, is_set) = send(transfer, part, start).await?;
        if is_set {
            return Ok(length);
        }
        if part.old.is_some() {
            return Err(SftpError::not_replaceable(NO_MODES));
        }
        let refusals = &transfer.context.refusals.modes;
        if !refusals.swap(true, Ordering::Relaxed) {
            // The mode can be set only on creation.
            transfer.set_arrived(0);
            length = send(transfer, part, 0).await?.0;
        }
        let now = match transfer.session.stat(&part.path).await {
            Err(error) if error.is_connection_lost() => return Err(error),
            metadata => metadata.ok().flatten().and_then(|metadata| metadata.mode),
        };
        if let (Some(now), Some(mode)) = (now, part.mode)
            && now != mode
        {
            transfer.context.notes.add(format!(
                "`{}` has the mode {now:03o} and not {mode:03o}: the server does not let it be set",
                part.target
            ));
        }
        Ok(length)
    }

    async fn extras(transfer: &FileTransfer<'_, Self>, part: &PartFileOf<Self>) -> FileExtras {
        let context = transfer.context;
        match &part.old {
            Some(old) => {
                let listing = context.extras;
                let (pool, alias) = (context.pool, context.alias);
                listing.extras(pool, alias, &transfer.plan.to, old).await
            }
            None => FileExtras::None,
        }
    }

    async fn copy_access_to_part(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
    ) -> Result<()> {
        let context = transfer.context;
        let Some(old) = &part.old else { return Ok(()) };
        let files = ReplacedFile {
            path: &transfer.plan.to,
            old,
            target: &part.target,
            new: &part.path,
        };
        let (pool, alias) = (context.pool, context.alias);
        if context.extras.copy_access(pool, alias, &files).await {
            return Ok(());
        }
        Err(SftpError::not_replaceable(
            "its access list or label cannot be given to another file",
        ))
    }

    async fn save_old_content(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        into: BackupContent,
    ) -> Result<()> {
        let session = transfer.session;
        let length = part.old.map_or(0, |old| old.length);
        let handle = session.open_read(&part.target).await?;
        let saved = async {
            let mut into = into;
            let mut reads = transfer.reader(&handle, 0, length);
            while let Some(pieces) = reads.next().await? {
                into = blocking(move || {
                    for piece in &pieces {
                        into.write_all(piece)?;
                    }
                    Ok::<_, SftpError>(into)
                })
                .await?;
            }
            Ok(())
        };
        let saved = saved.await;
        drop(session.close(&handle));
        saved
    }

    async fn restore_old_content(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        mut content: BackupContent,
        record: &BackupRecord,
    ) -> Result<()> {
        let session = transfer.session;
        let mode = record.mode.unwrap_or(PRIVATE);
        let opened = session
            .open_truncated(&part.target, mode, Presence::Present)
            .await;
        let handle = match opened {
            Err(SftpError::NotFound(_)) => {
                let there = Presence::Absent;
                session.open_truncated(&part.target, mode, there).await?
            }
            opened => opened?,
        };
        let open = RemoteFile::new(session, &part.target, handle);
        let (length, depth) = transfer.sessions.writes();
        let mut sent = VecDeque::new();
        let mut offset = 0;
        loop {
            let mut write = WritePacket::new(&open.handle, offset, length);
            let most = length as u64;
            let block = blocking(move || {
                let read = (&mut content).take(most).read_to_end(write.content())?;
                Ok::<_, SftpError>((content, write, read))
            });
            let (rest, write, read) = block.await?;
            content = rest;
            if read == 0 {
                break;
            }
            offset += read as u64;
            sent.push_back(session.write(write));
            if sent.len() > depth
                && let Some(oldest) = sent.pop_front()
            {
                session.wait_done(oldest).await?;
            }
        }
        let was = PartFile {
            mode: record.mode,
            modified: record.modified,
            ..part.clone()
        };
        finish(open, sent.into(), &was, false).await?;
        let (size, sum) = (record.size.unwrap_or(0), record.sha256.as_deref());
        let expected = sum.unwrap_or_default();
        let there = transfer.server_file(&part.target);
        let there = there.sha256(size, expected).await?;
        if there == expected {
            return Ok(());
        }
        Err(SftpError::failure("the server holds something else"))
    }

    /// Finds out whether the disk is full, for which the protocol has no status. The server is asked
    /// while the part file is still there; the answer holds for files that fail once it is gone.
    async fn explain(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        error: SftpError,
    ) -> SftpError {
        if !error.is_unspecific() {
            return error;
        }
        let full = &transfer.context.full;
        let directory = part.path.parent();
        let directory = directory.unwrap_or_else(|| RemotePath::new("."));
        let missing = transfer
            .plan
            .metadata
            .length
            .saturating_sub(transfer.state.arrived());
        if let Some(room) = transfer.session.free_space(&directory).await
            && room < missing
        {
            full.store(true, Ordering::Relaxed);
        }
        if !full.load(Ordering::Relaxed) {
            return error;
        }
        let words = format!("no space left on the server ({error})");
        SftpError::NoSpace(words)
    }
}

/// Sends the content and finishes the part file. Returns its length, and whether owner and mode are as
/// intended.
async fn send<S: UploadSource>(
    transfer: &FileTransfer<'_, Upload<S>>,
    part: &PartFile<RemotePath>,
    start: u64,
) -> Result<(u64, bool)> {
    let open = open(transfer, part, start).await?;
    let (length, sent) = if transfer.plan.metadata.length > SMALL {
        tokio::select! {
            sent = send_striped(transfer, &open, start, part.in_place) => sent?,
            never = fsync_continuously(transfer.sessions, open.path), if !part.in_place => never,
        }
    } else {
        send_small(transfer, &open.handle).await?
    };
    let is_set = finish(open, sent, part, transfer.is_flushed_later(part)).await?;
    transfer.set_arrived(length);
    Ok((length, is_set))
}

async fn open<'a, S: UploadSource>(
    transfer: &FileTransfer<'a, Upload<S>>,
    part: &'a PartFile<RemotePath>,
    start: u64,
) -> Result<RemoteFile<'a>> {
    let session = transfer.session;
    let mode = part.mode.unwrap_or(PRIVATE);
    if part.in_place {
        // Nothing is truncated for a source that cannot be read.
        S::check_readable(transfer).await?;
        let there = match part.old {
            Some(_) => Presence::Present,
            None if part.is_unknown => Presence::Unknown,
            None => Presence::Absent,
        };
        // The file may be truncated although the answer is not awaited.
        transfer.state.set_in_place_begun(true);
        let opened = session.open_truncated(&part.path, mode, there).await;
        if opened
            .as_ref()
            .is_err_and(|error| !error.is_connection_lost())
        {
            transfer.state.set_in_place_begun(false);
        }
        return Ok(RemoteFile::new(session, &part.path, opened?));
    }
    // Only its owner may access a new file until it is whole, if its mode can be set then.
    let mode = if transfer.context.refusals.modes.load(Ordering::Relaxed) {
        mode
    } else {
        PRIVATE
    };
    if start == 0
        && let Some(handle) = transfer.take_early(&part.path).await?
    {
        return Ok(RemoteFile::new(session, &part.path, handle));
    }
    let opened = match start {
        0 => session.create(&part.path, mode).await,
        _ => session.open_write(&part.path).await,
    };
    match opened {
        // The directory may not be writable, or takes no hidden files, or the path is too long for a
        // further name, yet the file itself may be writable.
        Err(error) if error.is_refusal() || is_long(&part.path) && error.leaves_open() => Err(
            SftpError::not_replaceable(format!("nothing can be made beside it ({error})")),
        ),
        opened => Ok(RemoteFile::new(session, &part.path, opened?)),
    }
}

/// Returns whether a path may be too long for a system: the shortest limits are about 1,000 bytes.
fn is_long(path: &RemotePath) -> bool {
    path.as_bytes().len() > 1000
}

/// Sends a small file's content. Returns its length and the pending writes.
async fn send_small<S: UploadSource>(
    transfer: &FileTransfer<'_, Upload<S>>,
    handle: &FileHandle,
) -> Result<(u64, Vec<PendingResponse>)> {
    let session = transfer.session;
    let content = S::read_small(transfer, LARGEST_SMALL + 1).await?;
    if content.len() as u64 > LARGEST_SMALL {
        let problem = format!("has more than {LARGEST_SMALL} bytes, though it was small");
        return Err(SftpError::failure(problem));
    }
    if transfer.context.keeper.is_some() {
        transfer.state.set_sha256(sha256(&content));
    }
    let mut sent = Vec::new();
    for (number, chunk) in content.chunks(session.limits.write).enumerate() {
        let offset = (number * session.limits.write) as u64;
        let mut write = WritePacket::new(handle, offset, chunk.len());
        write.content().extend_from_slice(chunk);
        sent.push(session.write(write));
    }
    Ok((content.len() as u64, sent))
}
