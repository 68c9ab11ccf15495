//! A part on this machine's disk.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write as _};
use std::path::PathBuf;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::course::PartOf;
use super::file::{BLOCK, is_hole};
use super::local::set;
use super::roots::Roots;
use super::session::Session;
use super::side::blocking;

/// A part that is being written, or its target itself.
pub(super) struct Open {
    pub(super) file: File,
    part: PartOf<Session>,
    is_target: bool,
}

/// A new part is its owner's alone until it is whole and gets its own mode.
pub(super) fn create(roots: &Roots, part: PartOf<Session>) -> io::Result<Open> {
    let (file, is_target) = match roots.entry(&part.path)?.create() {
        // The directory may not be written, yet the file in it may be.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && part.replaces => {
            let file = roots.entry(&part.target)?.open_to_write()?;
            file.set_len(0)?;
            (file, true)
        }
        opened => (opened?, false),
    };
    Ok(Open {
        file,
        part,
        is_target,
    })
}

/// Goes on with a part.
pub(super) fn resume(roots: &Roots, part: PartOf<Session>, start: u64) -> io::Result<Open> {
    let mut file = roots.entry(&part.path)?.open_to_write()?;
    // What follows may be of another version.
    file.set_len(start)?;
    file.seek(SeekFrom::Start(start))?;
    Ok(Open {
        file,
        part,
        is_target: false,
    })
}

impl Open {
    /// Ends it: mode, time, durability. Gives where it is.
    pub(super) fn finish(self) -> io::Result<PathBuf> {
        let kept = set(&self.file, self.part.mode, self.part.modified);
        // What others own keeps its mode and time.
        if !self.is_target {
            kept?;
        }
        self.file.sync_all()?;
        Ok(if self.is_target {
            self.part.target
        } else {
            self.part.path
        })
    }
}

/// A part that is written to in blocks, on a thread that may wait, while more arrives.
pub(super) struct Disk {
    /// Makes durable what is written, so that little is left to do at the end.
    syncing: Option<JoinHandle<()>>,
    writing: Option<JoinHandle<io::Result<Open>>>,
    open: Option<Open>,
    block: Vec<Bytes>,
    held: usize,
    /// Up to here it is written.
    pub(super) written: u64,
}

impl Disk {
    pub(super) fn new(open: Open, start: u64) -> Self {
        Self {
            syncing: None,
            writing: None,
            open: Some(open),
            block: Vec::new(),
            held: 0,
            written: start,
        }
    }

    pub(super) async fn take(&mut self, pieces: Vec<Bytes>) -> io::Result<()> {
        self.held += pieces.iter().map(Bytes::len).sum::<usize>();
        self.block.extend(pieces);
        if self.held >= BLOCK {
            self.write().await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> io::Result<()> {
        let mut open = self.idle().await?;
        if self.syncing.as_ref().is_none_or(JoinHandle::is_finished)
            && let Ok(same) = open.file.try_clone()
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

    /// The file, once nothing is being written to it.
    async fn idle(&mut self) -> io::Result<Open> {
        if let Some(writing) = self.writing.take() {
            return writing.await.map_err(io::Error::other)?;
        }
        self.open
            .take()
            .ok_or_else(|| io::Error::other("an earlier write has failed"))
    }

    pub(super) async fn end(mut self) -> io::Result<(PathBuf, u64)> {
        self.write().await?;
        let open = self.idle().await?;
        let length = self.written;
        blocking(move || {
            open.file.set_len(length)?;
            Ok((open.finish()?, length))
        })
        .await
    }
}
