//! Checksums (SHA-256) of files here and on a server.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::fs::blocking;
use crate::hex::digits;
use crate::sftp::error::Result;
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::path::RemotePath;
use crate::sftp::session::file_reader::FileReader;
use crate::sftp::session::{FileHandle, SftpSession};
use crate::sftp::transfer::local_file::{BLOCK, open_at};
use crate::ssh::Pool;
use crate::ssh::script::checksum;

/// Longest file that is read back rather than have the server compute its checksum.
const READ_BACK: u64 = 1024 * 1024;
/// Outstanding reads of a file that is read back.
const READS_AHEAD: usize = 8;

/// Computes the SHA-256 of the first `length` bytes of a local file.
pub(crate) async fn local_sha256(roots: &Roots, path: &Path, length: u64) -> Result<String> {
    let (roots, path) = (roots.clone(), path.to_owned());
    blocking(move || {
        let (_, sum) = sum(&mut open_at(&roots, &path, 0)?.take(length))?;
        Ok(sum)
    })
    .await
}

/// Computes length and SHA-256 of what is left to read.
pub(crate) fn sum(content: &mut impl Read) -> Result<(u64, String)> {
    let (mut length, mut sum, mut block) = (0, Sha256::new(), vec![0; BLOCK]);
    loop {
        let read = content.read(&mut block)?;
        if read == 0 {
            return Ok((length, digits(&sum.finalize())));
        }
        length += read as u64;
        sum.update(&block[..read]);
    }
}

/// Computes the SHA-256 of a content that came in pieces.
pub(crate) fn sha256_of_pieces(pieces: &[Bytes]) -> String {
    let mut sum = Sha256::new();
    for piece in pieces {
        sum.update(piece);
    }
    digits(&sum.finalize())
}

/// A file on a server.
#[derive(Clone, Copy)]
pub(crate) struct ServerFile<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) alias: &'a str,
    pub(crate) session: &'a SftpSession,
    pub(crate) path: &'a RemotePath,
}

impl ServerFile<'_> {
    /// Computes the SHA-256 of its first `length` bytes: by the shell there, or else, and where the sum is
    /// not `expected`, from its bytes read back.
    pub(crate) async fn sha256(self, length: u64, expected: &str) -> Result<String> {
        match self.by_shell(length).await {
            // A session confined to a directory sees other files than a shell does.
            Some(sum) if sum == expected => Ok(sum),
            _ => self.read_back(length).await,
        }
    }

    async fn by_shell(self, length: u64) -> Option<String> {
        // Names that are not UTF-8 cannot be put on a command line here.
        let name = std::str::from_utf8(self.path.as_bytes()).ok()?;
        if length <= READ_BACK {
            return None;
        }
        checksum::sha256(self.pool, self.alias, name, length).await
    }

    async fn read_back(self, length: u64) -> Result<String> {
        let handle = self.session.open_read(self.path).await?;
        let sum = read_sha256(self.session, &handle, length).await;
        drop(self.session.close(&handle));
        sum
    }
}

/// Computes the SHA-256 of the first `length` bytes of files on two servers: by the shells there, or else,
/// and where these sums differ, from their bytes read back.
pub(crate) async fn sha256_of_both(
    one: ServerFile<'_>,
    other: ServerFile<'_>,
    length: u64,
) -> Result<(String, String)> {
    match tokio::join!(one.by_shell(length), other.by_shell(length)) {
        (Some(one), Some(other)) if one == other => Ok((one, other)),
        _ => tokio::try_join!(one.read_back(length), other.read_back(length)),
    }
}

/// Computes the SHA-256 of the first `length` bytes of an open file on a server.
pub(crate) async fn read_sha256(
    session: &SftpSession,
    handle: &FileHandle,
    length: u64,
) -> Result<String> {
    let mut sum = Sha256::new();
    let mut reader = FileReader::within(session, handle, 0..length, READS_AHEAD);
    while let Some(pieces) = reader.next().await? {
        for piece in &pieces {
            sum.update(piece);
        }
    }
    Ok(digits(&sum.finalize()))
}
