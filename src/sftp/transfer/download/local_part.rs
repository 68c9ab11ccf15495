//! Part files on this machine.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::Path;

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::fs::{blocking, free_space};
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::local::set_attributes;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::transfer::download::Download;
use crate::sftp::transfer::file_transfer::PartFileOf;
use crate::sftp::transfer::local_file::BLOCK;
use crate::sftp::transfer::local_file::is_hole;

/// An open part file, or the target itself where that is written in place.
pub(crate) struct LocalPart {
    pub(crate) file: File,
    part: PartFileOf<Download>,
}

/// Outcome of finishing a part file.
pub(crate) struct FinishedPart {
    /// True if owner, mode and access list are as intended.
    pub(crate) is_right: bool,
    pub(crate) mode: Option<u32>,
}

/// Creates a part file that only its owner may access until it is whole. Replaces a leftover of that
/// name; a symbolic link is not followed.
pub(crate) fn create(roots: &Roots, part: PartFileOf<Download>) -> Result<LocalPart> {
    let entry = roots.entry(&part.path)?;
    if part.in_place {
        let file = match part.old {
            Some(_) => entry.open_write()?,
            None => entry.create_new()?,
        };
        file.set_len(0)?;
        return Ok(LocalPart { file, part });
    }
    match entry.create() {
        // The directory may not be writable, or the path too long for a further name, yet the file
        // itself may be writable.
        Err(error) if error.is_refusal() || matches!(error, SftpError::NameTooLong(_)) => Err(
            SftpError::not_replaceable(format!("nothing can be made beside it ({error})")),
        ),
        opened => Ok(LocalPart {
            file: opened?,
            part,
        }),
    }
}

/// Opens a part file of an earlier try, cut to `start` bytes.
pub(crate) fn resume(roots: &Roots, part: PartFileOf<Download>, start: u64) -> Result<LocalPart> {
    let mut file = roots.entry(&part.path)?.open_write()?;
    // The rest may be of another version.
    file.set_len(start)?;
    file.seek(SeekFrom::Start(start))?;
    Ok(LocalPart { file, part })
}

impl LocalPart {
    /// Sets owner, mode and time, and syncs it to disk unless it is flushed later. Attributes that cannot be
    /// set do not make it fail.
    pub(crate) fn finish(self, is_flushed_later: bool) -> Result<FinishedPart> {
        let (file, part) = (&self.file, &self.part);
        let mut is_right = true;
        if let Some(old) = part.old.filter(|_| !part.in_place) {
            // Before the mode: a change of owner clears some of its bits.
            is_right = copy_ownership(file, &part.target, &old).is_ok();
        }
        for set in [
            set_attributes(file, part.mode, None),
            set_attributes(file, None, part.modified),
        ] {
            if let Err(error) = set {
                tracing::debug!(
                    "cannot set mode or time of `{}`: {error}",
                    part.path.display()
                );
            }
        }
        let now = Metadata::from(&file.metadata()?);
        is_right &= match part.old {
            Some(_) => part.is_as_intended(&now),
            None => part.mode.is_none() || now.mode.is_none() || now.mode == part.mode,
        };
        if !is_flushed_later {
            file.sync_all()?;
        }
        Ok(FinishedPart {
            is_right,
            mode: now.mode,
        })
    }
}

/// Copies owner and access list of the replaced file to a part file.
#[cfg(unix)]
fn copy_ownership(file: &File, target: &Path, old: &Metadata) -> Result<()> {
    let now = Metadata::from(&file.metadata()?);
    if let Some((user, group)) = old.owner.filter(|_| old.owner != now.owner) {
        std::os::unix::fs::fchown(file, Some(user), Some(group))?;
    }
    copy_xattrs(file, target)
}

#[cfg(not(unix))]
fn copy_ownership(_: &File, _: &Path, _: &Metadata) -> Result<()> {
    Ok(())
}

/// Copies access list and label, which Linux keeps as extended attributes.
#[cfg(target_os = "linux")]
fn copy_xattrs(file: &File, target: &Path) -> Result<()> {
    use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr, getxattr};
    let mut room = vec![0; 64 * 1024];
    let found = |length: rustix::io::Result<usize>, room: &[u8]| {
        length.ok().map(|length| room[..length].to_vec())
    };
    for name in ["system.posix_acl_access", "security.selinux"] {
        let there = getxattr(target, name, &mut room[..]);
        let there = found(there, &room);
        let here = fgetxattr(file, name, &mut room[..]);
        match (there, found(here, &room)) {
            (there, here) if there == here => {}
            (Some(there), _) => fsetxattr(file, name, &there, XattrFlags::empty())?,
            (None, _) => fremovexattr(file, name)?,
        }
    }
    Ok(())
}

#[cfg(all(unix, not(target_os = "linux")))]
fn copy_xattrs(_: &File, _: &Path) -> Result<()> {
    Ok(())
}

/// Writes a part file in blocks on a thread that may block, while more arrives.
pub(crate) struct PartWriter {
    /// Syncs meanwhile, so that little is left to do at the end.
    syncing: Option<JoinHandle<()>>,
    writing: Option<JoinHandle<Result<LocalPart>>>,
    open: Option<LocalPart>,
    block: Vec<Bytes>,
    held: usize,
    /// Bytes written so far.
    pub(crate) written: u64,
}

impl PartWriter {
    pub(crate) fn new(open: LocalPart, start: u64) -> Self {
        Self {
            syncing: None,
            writing: None,
            open: Some(open),
            block: Vec::new(),
            held: 0,
            written: start,
        }
    }

    pub(crate) async fn take(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.held += pieces.iter().map(Bytes::len).sum::<usize>();
        self.block.extend(pieces);
        if self.held >= BLOCK {
            self.write().await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        let mut open = self.idle().await?;
        if self.syncing.as_ref().is_none_or(JoinHandle::is_finished)
            && let Ok(same) = open.file.try_clone()
        {
            self.syncing = Some(tokio::task::spawn_blocking(move || {
                // A failure shows when the whole is synced.
                let _ = same.sync_data();
            }));
        }
        let block = std::mem::take(&mut self.block);
        let length = std::mem::take(&mut self.held);
        self.written += length as u64;
        self.writing = Some(tokio::task::spawn_blocking(move || {
            free_space::check(&open.file, length)?;
            for piece in &block {
                if is_hole(piece) {
                    // Holes stay holes; the length is set at the end.
                    open.file
                        .seek_relative(i64::try_from(piece.len()).expect("a piece is short"))?;
                } else {
                    open.file.write_all(piece)?;
                }
            }
            Ok(open)
        }));
        Ok(())
    }

    /// Waits until nothing is being written.
    async fn idle(&mut self) -> Result<LocalPart> {
        if let Some(writing) = self.writing.take() {
            return writing.await?;
        }
        self.open
            .take()
            .ok_or_else(|| SftpError::failure("an earlier write has failed"))
    }

    pub(crate) async fn end(mut self) -> Result<(FinishedPart, u64)> {
        self.write().await?;
        let open = self.idle().await?;
        let length = self.written;
        blocking(move || {
            open.file.set_len(length)?;
            Ok((open.finish(false)?, length))
        })
        .await
    }
}
