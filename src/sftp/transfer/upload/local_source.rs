//! Files of this machine, sent to a server.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fs::blocking;
use crate::sftp::error::Result;
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::path::RemotePath;
use crate::sftp::session::WritePacket;
use crate::sftp::transfer::checksum::local_sha256;
use crate::sftp::transfer::file_transfer::FileTransfer;
use crate::sftp::transfer::local_file::{BLOCK, open_at};
use crate::sftp::transfer::upload::Upload;
use crate::sftp::transfer::upload::source::UploadSource;
use crate::sftp::transfer::upload::stripe_sender::{StripeSender, Stripes};

impl UploadSource for LocalFilesystem {
    type Peer = LocalFilesystem;
    const MODE_MASK: u32 = 0o7777;

    fn of(peer: &LocalFilesystem) -> &LocalFilesystem {
        peer
    }

    fn local(path: &PathBuf) -> Option<&PathBuf> {
        Some(path)
    }

    async fn check_readable(transfer: &FileTransfer<'_, Upload<Self>>) -> Result<()> {
        open(transfer, 0).await.map(drop)
    }

    async fn read_small(transfer: &FileTransfer<'_, Upload<Self>>, most: u64) -> Result<Vec<u8>> {
        let (roots, from) = (transfer.context.roots.clone(), transfer.plan.from.clone());
        let read = move || {
            let mut content = Vec::new();
            let mut file = open_at(&roots, &from, 0)?.take(most);
            file.read_to_end(&mut content)?;
            Ok(content)
        };
        transfer.context.brief_work.run(read).await
    }

    async fn stream(
        transfer: &FileTransfer<'_, Upload<Self>>,
        start: u64,
        sender: &mut StripeSender<'_>,
    ) -> Result<u64> {
        let source = Arc::new(open(transfer, start).await?);
        let stripes = sender.stripes();
        let mut next = read_block(&stripes, &source, start);
        loop {
            let FileBlock {
                writes,
                end,
                at_end,
            } = next.await?;
            // The next block is read while this one is sent.
            next = read_block(&stripes, &source, end);
            for (offset, write) in writes {
                sender.send(offset, write).await?;
            }
            if at_end {
                return Ok(end);
            }
        }
    }

    async fn checksums(
        transfer: &FileTransfer<'_, Upload<Self>>,
        copy: &RemotePath,
        length: u64,
    ) -> Result<(String, String)> {
        let here = local_sha256(transfer.context.roots, &transfer.plan.from, length).await?;
        let there = transfer.server_file(copy).sha256(length, &here).await?;
        Ok((here, there))
    }
}

async fn open(transfer: &FileTransfer<'_, Upload<LocalFilesystem>>, start: u64) -> Result<File> {
    let (roots, from) = (transfer.context.roots.clone(), transfer.plan.from.clone());
    blocking(move || open_at(&roots, &from, start)).await
}

/// A part of a file, cut into writes.
struct FileBlock {
    /// Offset and content of each write.
    writes: Vec<(u64, WritePacket)>,
    /// Offset of the next block.
    end: u64,
    at_end: bool,
}

/// Begins to read about [`BLOCK`] bytes at `offset`, where the file's cursor is.
fn read_block(
    stripes: &Stripes,
    file: &Arc<File>,
    offset: u64,
) -> impl Future<Output = Result<FileBlock>> + use<> {
    let (stripes, file) = (stripes.clone(), Arc::clone(file));
    let reading = tokio::task::spawn_blocking(move || block(&stripes, &file, offset));
    async { reading.await? }
}

fn block(stripes: &Stripes, file: &File, offset: u64) -> Result<FileBlock> {
    let mut block = FileBlock {
        writes: Vec::new(),
        end: offset,
        at_end: false,
    };
    for _ in 0..(BLOCK / stripes.length).max(1) {
        let mut write = stripes.packet(block.end);
        let mut file = file.take(stripes.length as u64);
        let read = file.read_to_end(write.content())?;
        if read == 0 {
            block.at_end = true;
            break;
        }
        block.writes.push((block.end, write));
        block.end += read as u64;
    }
    Ok(block)
}
