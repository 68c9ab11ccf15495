//! Backups of files that are written in place, kept until the new content is whole.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;

use crate::hex::digits;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::transfer::checksum::sum;
use crate::store::{self, Backups, NewBackup};
use crate::time::Timestamp;

/// Name of the backups in the data directory.
pub const BACKUPS: &str = "kept";

/// A backup of a file.
pub(crate) type FileBackup = store::Backup<BackupRecord>;

/// A file that is written in place, and the transfer that writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupKey {
    /// The server; `None` for this machine.
    pub(crate) endpoint: Option<String>,
    pub(crate) path: String,
    /// The path's bytes, in hexadecimal digits.
    pub(crate) path_bytes: String,
    /// Source of the new content.
    pub(crate) source: String,
    /// Token of the transfer and its retries.
    pub(crate) transfer: String,
}

impl BackupKey {
    /// The name of its backup, made of the file's path and server.
    fn name(&self) -> String {
        let digest = Sha256::new()
            .chain_update(self.endpoint.as_deref().unwrap_or_default())
            .chain_update([0])
            .chain_update(&self.path_bytes)
            .finalize();
        digits(&digest[..10])
    }
}

/// Record of a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupRecord {
    #[serde(flatten)]
    pub(crate) key: BackupKey,
    pub(crate) kept_at: Timestamp,
    /// Length and SHA-256; `None` if there was no file.
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<String>,
    pub(crate) mode: Option<u32>,
    pub(crate) modified: Option<u32>,
}

/// State of a file before it was written in place, besides its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OldFile {
    pub(crate) existed: bool,
    pub(crate) mode: Option<u32>,
    pub(crate) modified: Option<u32>,
}

/// Begins the backup of a file of `length` bytes.
pub(crate) fn begin(backups: &Backups, key: &BackupKey, length: u64) -> Result<NewBackup> {
    backups.begin(&key.name(), length).map_err(busy)
}

/// Finishes a backup once the content is written. If there was no file, that is recorded.
pub(crate) fn finish(mut new: NewBackup, key: BackupKey, old: OldFile) -> Result<FileBackup> {
    let (size, sum) = sum(new.written()?)?;
    let record = BackupRecord {
        key,
        kept_at: Timestamp::now(),
        size: old.existed.then_some(size),
        sha256: old.existed.then_some(sum),
        mode: old.mode,
        modified: old.modified,
    };
    Ok(new.finish(record)?)
}

/// Finds the backup of a file and takes its lock.
pub(crate) fn find(backups: &Backups, key: &BackupKey) -> Result<Option<FileBackup>> {
    backups.find(&key.name()).map_err(busy)
}

/// Backups that this transfer or an earlier try of it has left, with the paths of their contents.
pub(crate) fn left_by(backups: &Backups, transfer: &str) -> Vec<(BackupRecord, String)> {
    let mut left: Vec<(BackupRecord, String)> = backups.records();
    left.retain(|(record, _)| record.key.transfer == transfer);
    left
}

/// Refuses a backup whose content has changed.
pub(crate) fn check(backup: &FileBackup) -> Result<()> {
    let (_, sum) = sum(&mut backup.content()?)?;
    match &backup.record.sha256 {
        Some(kept) if *kept != sum => {
            let problem = format!("`{}` is not what was kept", backup.location());
            Err(SftpError::failure(problem))
        }
        _ => Ok(()),
    }
}

fn busy(error: io::Error) -> SftpError {
    if error.kind() == io::ErrorKind::ResourceBusy {
        let reason = "another transfer is just writing it in place; try again once that has ended";
        return SftpError::failure(reason);
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::store::DataDirectory;

    fn key(path: &str) -> BackupKey {
        BackupKey {
            endpoint: Some("demo@127.0.0.1:22".into()),
            path: path.into(),
            path_bytes: digits(path.as_bytes()),
            source: "/here".into(),
            transfer: "a1b2c3d4".into(),
        }
    }

    #[test]
    fn a_backup_is_found_by_its_file_and_its_transfer_and_is_checked() {
        let data = tempfile::tempdir().unwrap();
        let backups = DataDirectory::existing(data.path()).backups(BACKUPS);
        let new = begin(&backups, &key("/a"), 3).unwrap();
        let refusal = begin(&backups, &key("/a"), 3).unwrap_err().to_string();
        assert!(refusal.contains("another transfer"), "{refusal}");
        new.content().unwrap().write_all(b"old").unwrap();
        let old = OldFile {
            existed: true,
            mode: Some(0o640),
            modified: None,
        };
        let backup = finish(new, key("/a"), old).unwrap();
        assert_eq!(backup.record.size, Some(3));
        drop(backup);
        assert!(find(&backups, &key("/b")).unwrap().is_none());
        assert!(left_by(&backups, "another").is_empty());
        assert_eq!(left_by(&backups, "a1b2c3d4").len(), 1);
        let backup = find(&backups, &key("/a")).unwrap().unwrap();
        check(&backup).unwrap();
        std::fs::write(backup.location(), "odd").unwrap();
        assert!(check(&backup).is_err());
    }

    #[test]
    fn a_content_that_finds_no_room_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let backups = DataDirectory::existing(data.path()).backups(BACKUPS);
        let refused = begin(&backups, &key("/a"), u64::MAX / 2);
        assert!(refused.unwrap_err().is_no_space());
    }
}
