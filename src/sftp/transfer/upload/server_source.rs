//! Files of another server, streamed from there to the server without touching this machine's disk.

use std::path::PathBuf;

use crate::sftp::error::Result;
use crate::sftp::path::RemotePath;
use crate::sftp::session::SftpSession;
use crate::sftp::session::file_reader::{Extent, FileReader};
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::transfer::checksum::{ServerFile, sha256_of_both};
use crate::sftp::transfer::file_transfer::FileTransfer;
use crate::sftp::transfer::peer::SourceServer;
use crate::sftp::transfer::upload::Upload;
use crate::sftp::transfer::upload::source::UploadSource;
use crate::sftp::transfer::upload::stripe_sender::StripeSender;

/// Outstanding reads of a small file.
const FEW_READS: usize = 8;

type FromServer<'a> = FileTransfer<'a, Upload<SftpSession>>;

impl UploadSource for SftpSession {
    type Peer = SourceServer;
    /// Set-user-ID and the like are not taken over from a server.
    const MODE_MASK: u32 = 0o777;

    fn of(peer: &SourceServer) -> &SftpSession {
        peer.sessions.first()
    }

    fn local(_: &RemotePath) -> Option<&PathBuf> {
        None
    }

    async fn check_readable(transfer: &FromServer<'_>) -> Result<()> {
        open(transfer).await.map(drop)
    }

    async fn read_small(transfer: &FromServer<'_>, most: u64) -> Result<Vec<u8>> {
        let source = open(transfer).await?;
        let mut content = Vec::new();
        let mut reads = FileReader::within(source.session, &source.handle, 0..most, FEW_READS);
        while let Some(pieces) = reads.next().await? {
            for piece in &pieces {
                content.extend_from_slice(piece);
            }
        }
        Ok(content)
    }

    async fn stream(
        transfer: &FromServer<'_>,
        start: u64,
        sender: &mut StripeSender<'_>,
    ) -> Result<u64> {
        let source = open(transfer).await?;
        let extent = Extent {
            start,
            length: transfer.plan.metadata.length,
        };
        let (most_ahead, max_growth) = (
            transfer.context.peer.sessions.depth.reads,
            transfer.context.max_growth,
        );
        let mut reads = FileReader::to_end(
            source.session,
            &source.handle,
            extent,
            most_ahead,
            max_growth,
        );
        let stripes = sender.stripes();
        let (mut offset, mut write) = (start, stripes.packet(start));
        while let Some(pieces) = reads.next().await? {
            for piece in &pieces {
                let mut rest = &piece[..];
                while !rest.is_empty() {
                    let room = stripes.length - write.bytes().len();
                    let (fitting, further) = rest.split_at(room.min(rest.len()));
                    write.content().extend_from_slice(fitting);
                    rest = further;
                    if write.bytes().len() == stripes.length {
                        let next = offset + stripes.length as u64;
                        let full = std::mem::replace(&mut write, stripes.packet(next));
                        sender.send(offset, full).await?;
                        offset = next;
                    }
                }
            }
        }
        let left = write.bytes().len() as u64;
        if left > 0 {
            sender.send(offset, write).await?;
        }
        Ok(offset + left)
    }

    async fn checksums(
        transfer: &FromServer<'_>,
        copy: &RemotePath,
        length: u64,
    ) -> Result<(String, String)> {
        let peer = transfer.context.peer;
        let source = ServerFile {
            pool: &peer.pool,
            alias: &peer.alias,
            session: peer.sessions.of(transfer.number),
            path: &transfer.plan.from,
        };
        sha256_of_both(source, transfer.server_file(copy), length).await
    }
}

async fn open<'a>(transfer: &FromServer<'a>) -> Result<RemoteFile<'a>> {
    let session = transfer.context.peer.sessions.of(transfer.number);
    let path = &transfer.plan.from;
    let handle = session.open_read(path).await?;
    Ok(RemoteFile::new(session, path, handle))
}
