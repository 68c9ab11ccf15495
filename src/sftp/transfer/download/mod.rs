//! Downloads: writing a part file on this machine.

mod local_part;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::fs::{blocking, free_space};
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::path::RemotePath;
use crate::sftp::request::TransferEntry;
use crate::sftp::session::{FileHandle, SftpSession};
use crate::sftp::transfer::access::FileExtras;
use crate::sftp::transfer::backup::BackupRecord;
use crate::sftp::transfer::checksum::{local_sha256, sha256_of_pieces};
use crate::sftp::transfer::context::unless_cancelled;
use crate::sftp::transfer::download::local_part::{FinishedPart, PartWriter, create, resume};
use crate::sftp::transfer::early::{EarlyFile, is_harmless};
use crate::sftp::transfer::file_transfer::{
    EarlyContext, FileTransfer, PartFileOf, TransferDirection,
};
use crate::sftp::transfer::part::PartFile;
use crate::store::BackupContent;

/// From the server to this machine.
pub(crate) enum Download {}

impl TransferDirection for Download {
    type Source = SftpSession;
    type Target = LocalFilesystem;
    type Peer = LocalFilesystem;
    const IS_UPLOAD: bool = false;
    const RESUME_MARGIN: u64 = 0;
    /// Set-user-ID and the like are not taken over from a server.
    const MODE_MASK: u32 = 0o777;

    fn filesystems<'a>(
        session: &'a SftpSession,
        local: &'a LocalFilesystem,
    ) -> (&'a SftpSession, &'a LocalFilesystem) {
        (session, local)
    }

    fn source_and_target(entry: &TransferEntry) -> (&str, &str) {
        (&entry.remote, &entry.local)
    }

    fn local<'a>(_: &'a RemotePath, copy: &'a PathBuf) -> Option<&'a PathBuf> {
        Some(copy)
    }

    async fn checksums(
        transfer: &FileTransfer<'_, Self>,
        copy: &PathBuf,
        length: u64,
    ) -> Result<(String, String)> {
        let here = local_sha256(transfer.context.roots, copy, length).await?;
        let source = transfer.server_file(&transfer.plan.from);
        Ok((source.sha256(length, &here).await?, here))
    }

    fn is_large(session: &SftpSession, length: u64) -> bool {
        length >= u64::from(session.limits.read)
    }

    async fn open_early(
        session: &SftpSession,
        _: &LocalFilesystem,
        entry: &TransferEntry,
        _: &EarlyContext<'_>,
    ) -> Option<EarlyFile> {
        let from = RemotePath::new(&entry.remote);
        let is_usual = is_harmless(&from) && !from.names_directory();
        is_usual.then(|| EarlyFile::open_source(session, from))
    }

    async fn fill(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        start: u64,
    ) -> Result<u64> {
        if part.in_place {
            return write_in_place(transfer, part).await;
        }
        let (ended, length) = if Self::is_large(transfer.session, transfer.plan.metadata.length) {
            large(transfer, part, start).await?
        } else {
            small(transfer, part).await?
        };
        transfer.set_arrived(length);
        if ended.is_right {
            return Ok(length);
        }
        if part.old.is_some() {
            return Err(SftpError::not_replaceable(
                "a new file beside it cannot have its owner, mode and access list",
            ));
        }
        if let (Some(now), Some(mode)) = (ended.mode, part.mode) {
            transfer.context.notes.add(format!(
                "`{}` has the mode {now:03o} and not {mode:03o}: it cannot be set there",
                part.target.display()
            ));
        }
        Ok(length)
    }

    async fn extras(_: &FileTransfer<'_, Self>, part: &PartFileOf<Self>) -> FileExtras {
        if part.old.is_none() {
            return FileExtras::None;
        }
        let target = part.target.clone();
        match blocking(move || names(&target)).await {
            Ok(count) if count > 1 => FileExtras::Names(count),
            _ => FileExtras::None,
        }
    }

    async fn copy_access_to_part(_: &FileTransfer<'_, Self>, _: &PartFileOf<Self>) -> Result<()> {
        // The part file has it already.
        Ok(())
    }

    async fn save_old_content(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        mut into: BackupContent,
    ) -> Result<()> {
        let (roots, target) = (transfer.context.roots.clone(), part.target.clone());
        blocking(move || {
            let mut target = roots.entry(&target)?.open_read()?;
            io::copy(&mut target, &mut into)?;
            Ok(())
        })
        .await
    }

    async fn restore_old_content(
        transfer: &FileTransfer<'_, Self>,
        part: &PartFileOf<Self>,
        mut content: BackupContent,
        record: &BackupRecord,
    ) -> Result<()> {
        let mut was = PartFile {
            mode: record.mode,
            modified: record.modified,
            ..part.clone()
        };
        let roots = transfer.context.roots.clone();
        blocking(move || {
            was.old = roots.entry(&was.target)?.metadata()?;
            let mut open = create(&roots, was)?;
            io::copy(&mut content, &mut open.file)?;
            open.finish(false).map(|_| ())
        })
        .await
    }
}

/// Writes the target itself. A write to disk is never abandoned: restoring the old content must come
/// after it.
async fn write_in_place(
    transfer: &FileTransfer<'_, Download>,
    part: &PartFileOf<Download>,
) -> Result<u64> {
    let (session, context) = (transfer.session, transfer.context);
    let handle = unless_cancelled(context, open_source(transfer)).await?;
    let outcome = async {
        let (roots, part) = (context.roots.clone(), part.clone());
        let mut open = blocking(move || create(&roots, part)).await?;
        transfer.state.set_in_place_begun(true);
        let mut reads = transfer.reader(&handle, 0, transfer.plan.metadata.length);
        let mut length = 0;
        while let Some(pieces) = unless_cancelled(context, reads.next()).await? {
            let more = length_of(&pieces);
            length += more;
            open = blocking(move || {
                free_space::check(&open.file, usize::try_from(more).unwrap_or(usize::MAX))?;
                for piece in &pieces {
                    open.file.write_all(piece)?;
                }
                Ok::<_, SftpError>(open)
            })
            .await?;
            transfer.set_arrived(length);
        }
        blocking(move || open.finish(false)).await?;
        Ok(length)
    };
    let outcome = outcome.await;
    drop(session.close(&handle));
    outcome
}

/// Number of hard links of a file.
#[cfg(unix)]
fn names(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(path)?.nlink())
}

#[cfg(not(unix))]
fn names(_: &Path) -> Result<u64> {
    Ok(1)
}

/// Opens the source, unless that has been done early.
async fn open_source(transfer: &FileTransfer<'_, Download>) -> Result<FileHandle> {
    match transfer.take_early(&transfer.plan.from).await? {
        Some(handle) => Ok(handle),
        None => transfer.session.open_read(&transfer.plan.from).await,
    }
}

/// Copies a file that fits one read: requested, closed, and written in one go.
async fn small(
    transfer: &FileTransfer<'_, Download>,
    part: &PartFileOf<Download>,
) -> Result<(FinishedPart, u64)> {
    let (session, expected) = (transfer.session, transfer.plan.metadata.length);
    let handle = open_source(transfer).await?;
    let first = session.read(&handle, 0, session.limits.read);
    let content = match session.wait_data(first).await {
        // A file that comes in portions or reports no length, such as those of /proc, is read to its
        // end.
        Ok(first) if !is_whole(length_of(&first), expected) => {
            let poured = beyond(transfer, part, &handle, first).await;
            drop(session.close(&handle));
            return poured;
        }
        content => content,
    };
    // Nothing is lost with a file that was only read: the answer is not waited for.
    drop(session.close(&handle));
    let content = content?;
    if transfer.context.keeper.is_some() {
        transfer.state.set_sha256(sha256_of_pieces(&content));
    }
    let is_flushed_later = transfer.is_flushed_later(part);
    let (part, length) = (part.clone(), length_of(&content));
    let roots = transfer.context.roots.clone();
    let ended = blocking(move || {
        let mut open = create(&roots, part)?;
        free_space::check(&open.file, usize::try_from(length).unwrap_or(usize::MAX))?;
        for piece in &content {
            open.file.write_all(piece)?;
        }
        open.finish(is_flushed_later)
    });
    Ok((ended.await?, length))
}

/// Returns whether the first read of a file of reported length `expected` has all of it.
fn is_whole(length: u64, expected: u64) -> bool {
    length == 0 || expected > 0 && length >= expected
}

/// Copies the rest of a file of which the first read brought only a part.
async fn beyond(
    transfer: &FileTransfer<'_, Download>,
    part: &PartFileOf<Download>,
    handle: &FileHandle,
    first: Vec<Bytes>,
) -> Result<(FinishedPart, u64)> {
    // It may take as much memory as a large one.
    let _permit = transfer.context.large.acquire().await.ok();
    let (roots, part) = (transfer.context.roots.clone(), part.clone());
    let length = length_of(&first);
    let mut writer = PartWriter::new(blocking(move || create(&roots, part)).await?, 0);
    writer.take(first).await?;
    pour(transfer, handle, writer, length).await
}

fn length_of(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// Copies a file that takes many reads, from `start` on.
async fn large(
    transfer: &FileTransfer<'_, Download>,
    part: &PartFileOf<Download>,
    start: u64,
) -> Result<(FinishedPart, u64)> {
    let session = transfer.session;
    let handle = open_source(transfer).await?;
    let outcome = async {
        let (roots, part) = (transfer.context.roots.clone(), part.clone());
        let open = blocking(move || match start {
            0 => create(&roots, part),
            _ => resume(&roots, part, start),
        });
        pour(
            transfer,
            &handle,
            PartWriter::new(open.await?, start),
            start,
        )
        .await
    };
    let outcome = outcome.await;
    drop(session.close(&handle));
    outcome
}

/// Reads a file from `start` to its end onto the disk.
async fn pour(
    transfer: &FileTransfer<'_, Download>,
    handle: &FileHandle,
    mut writer: PartWriter,
    start: u64,
) -> Result<(FinishedPart, u64)> {
    let mut reads = transfer.reader(handle, start, transfer.plan.metadata.length);
    while let Some(pieces) = reads.next().await? {
        writer.take(pieces).await?;
        transfer.set_arrived(writer.written);
    }
    writer.end().await
}
