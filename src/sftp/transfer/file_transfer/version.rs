//! The version of a replaced file, kept as a way back.

use std::io::Read as _;
use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::fs::blocking;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::file_snapshot::FileSnapshot;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::path::RemotePath;
use crate::sftp::session::file_reader::FileReader;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::transfer::backup::FileBackup;
use crate::sftp::transfer::checksum::local_sha256;
use crate::sftp::transfer::file_transfer::{FileTransfer, PartFileOf, TransferDirection};
use crate::sftp::versions::{FileBefore, KeptVersion, LONGEST_VERSION, VersionKeeper};
use crate::text::in_bytes;
use crate::time::Timestamp;

impl<D: TransferDirection> FileTransfer<'_, D> {
    /// Reads the file that is about to be replaced, if a version of it is to be kept.
    pub(super) async fn read_old(&self, part: &PartFileOf<D>) -> Result<Option<FileSnapshot>> {
        let Some((keeper, old)) = self.context.keeper.zip(part.old) else {
            return Ok(None);
        };
        // An earlier attempt may have replaced it, and has kept the version then.
        let was_lost = self.state.was_lost.load(Ordering::Relaxed);
        if !D::IS_UPLOAD || was_lost && keeper.has_kept().await {
            return Ok(None);
        }
        let shown = D::Target::shown(&part.target);
        if old.length > LONGEST_VERSION {
            self.note_no_undo(&shown, &too_large().to_string());
            return Ok(None);
        }
        match self.read_target(part, old.length).await {
            Ok(content) => Ok(Some(FileSnapshot {
                path: shown,
                metadata: Some(old),
                content: content.into(),
            })),
            Err(error) if error.is_connection_lost() => Err(error),
            Err(error) => {
                self.note_no_undo(&shown, &error.to_string());
                Ok(None)
            }
        }
    }

    async fn read_target(&self, part: &PartFileOf<D>, length: u64) -> Result<Vec<u8>> {
        let path = RemotePath::of_bytes(&D::Target::bytes(&part.target));
        let handle = self.session.open_read(&path).await?;
        let open = RemoteFile::new(self.session, &path, handle);
        let reads = self.sessions.depth.reads;
        // To the reported length alone: looking for more would take another round trip.
        let mut reader = FileReader::within(self.session, &open.handle, 0..length, reads);
        let mut content = Vec::new();
        while let Some(pieces) = reader.next().await? {
            for piece in &pieces {
                content.extend_from_slice(piece);
            }
        }
        Ok(content)
    }

    /// Keeps the version of a file that is about to be replaced. A transfer does not fail for want of one.
    pub(super) async fn keep_version(
        &self,
        part: &PartFileOf<D>,
        length: u64,
        old: Option<FileSnapshot>,
    ) {
        let Some((keeper, old)) = self.context.keeper.zip(old) else {
            return;
        };
        let kept = async {
            let after = self.new_sha256(part, length).await?;
            Ok::<_, SftpError>(keep(keeper, self.context.alias, &old, after).await?)
        };
        if let Err(error) = kept.await {
            self.note_no_undo(&old.path, &error.to_string());
        }
    }

    /// Keeps the version of a file that is about to be written in place, of which there is a backup.
    pub(super) async fn keep_backup(&self, part: &PartFileOf<D>, backup: Option<&FileBackup>) {
        let (Some((keeper, old)), Some(backup)) = (self.context.keeper.zip(part.old), backup)
        else {
            return;
        };
        if !D::IS_UPLOAD {
            return;
        }
        let path = D::Target::shown(&part.target);
        let kept = async {
            let Some(here) = D::local(&self.plan.from, &part.target) else {
                return Err(SftpError::failure(
                    "it is written in place from another server",
                ));
            };
            if old.length > LONGEST_VERSION {
                return Err(too_large());
            }
            let mut from = backup.content()?.take(LONGEST_VERSION);
            let content = blocking(move || {
                let mut content = Vec::new();
                from.read_to_end(&mut content)?;
                Ok::<_, SftpError>(content)
            });
            let old = FileSnapshot {
                path: path.clone(),
                metadata: Some(old),
                content: content.await?.into(),
            };
            let length = self.plan.metadata.length;
            let after = local_sha256(self.context.roots, here, length).await?;
            Ok(keep(keeper, self.context.alias, &old, after).await?)
        };
        if let Err(error) = kept.await {
            self.note_no_undo(&path, &error.to_string());
        }
    }

    /// The SHA-256 of what replaces the file.
    async fn new_sha256(&self, part: &PartFileOf<D>, length: u64) -> Result<String> {
        if let Some(here) = D::local(&self.plan.from, &part.target) {
            return local_sha256(self.context.roots, here, length).await;
        }
        let path = RemotePath::of_bytes(&D::Target::bytes(&part.path));
        self.server_file(&path).sha256(length, "").await
    }

    fn note_no_undo(&self, path: &str, reason: &str) {
        let notes = self.context.notes;
        notes.add(format!("there is no undo for `{path}`: {reason}"));
    }
}

fn too_large() -> SftpError {
    let limit = in_bytes(LONGEST_VERSION);
    SftpError::failure(format!("its old content is larger than {limit}"))
}

async fn keep(
    keeper: VersionKeeper<'_>,
    alias: &str,
    old: &FileSnapshot,
    after: String,
) -> Result<(), Error> {
    let version = KeptVersion {
        task: keeper.task.to_owned(),
        alias: alias.to_owned(),
        endpoint: keeper.endpoint.to_owned(),
        path: old.path.clone(),
        kept_at: Timestamp::now(),
        before: FileBefore::of(old),
        after: Some(after),
        directories: Vec::new(),
    };
    keeper.versions.keep(0, version, old).await.map(drop)
}
