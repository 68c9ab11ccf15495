//! Checksums (SHA-256) of files here and on a server.

use std::io::Read;
use std::path::Path;

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

/// Computes the SHA-256 of the first `length` bytes of a file on the server: by the shell there, or
/// else, and where the sum is not `expected`, from its bytes read back.
pub(crate) async fn remote_sha256(
    pool: &Pool,
    alias: &str,
    session: &SftpSession,
    path: &RemotePath,
    length: u64,
    expected: &str,
) -> Result<String> {
    // Names that are not UTF-8 cannot be put on a command line here.
    if length > READ_BACK
        && let Ok(name) = std::str::from_utf8(path.as_bytes())
        && let Some(sum) = checksum::sha256(pool, alias, name, length).await
        // A session confined to a directory sees other files than a shell does.
        && sum == expected
    {
        return Ok(sum);
    }
    let handle = session.open_read(path).await?;
    let sum = read_sha256(session, &handle, length).await;
    drop(session.close(&handle));
    sum
}

async fn read_sha256(session: &SftpSession, handle: &FileHandle, length: u64) -> Result<String> {
    let mut sum = Sha256::new();
    let mut reader = FileReader::within(session, handle, 0..length, READS_AHEAD);
    while let Some(pieces) = reader.next().await? {
        for piece in &pieces {
            sum.update(piece);
        }
    }
    Ok(digits(&sum.finalize()))
}
