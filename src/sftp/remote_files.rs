//! Single files of a server, read and changed one at a time.
//!
//! Operations go over one session. Writing is an upload of its own, so that a file is replaced, written
//! in place or left as it was by the same rules as in every transfer.

use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::fs::blocking;
use crate::random;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::path::{RemotePath, local_of};
use crate::sftp::plan::destination::{Destination, MayWrite, WritePolicy};
use crate::sftp::plan::paths::resolve_remote;
use crate::sftp::request::{Direction, TransferEntry, TransferOptions, TransferRequest};
use crate::sftp::session::file_reader::FileReader;
use crate::sftp::session::parking::ReturningSession;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::session::{FileHandle, SftpSession};
use crate::sftp::transfer::Summary;
use crate::sftp::transfer::TransferRunner;
use crate::sftp::transfer::backup::BACKUPS;
use crate::sftp::transfer::notes::Notes;
use crate::sftp::transfer::progress::TransferProgress;
use crate::sftp::transfer::replacement::{ReplaceOptions, Replacements};
use crate::ssh::Pool;
use crate::store::{DataDirectory, TemporaryFile, TemporaryFiles};

/// Directory in the data directory for content that is about to be written to a server.
const STAGED: &str = "staged";

/// Outstanding reads of a file.
const READS_AHEAD: usize = 16;

/// Outstanding reads of a file whose reading may break off.
const SCANNED_AHEAD: usize = 4;

/// The server, its limits and the rules for access to single files.
#[derive(Clone, Copy)]
pub struct FileAccess<'a> {
    /// Connections.
    pub pool: &'a Pool,
    /// Alias of the server.
    pub alias: &'a str,
    /// Longest wait for a connection.
    pub patience: Duration,
    /// Time for which lost connections are replaced while a file is written.
    pub reconnect_patience: Duration,
    /// The data directory.
    pub data: &'a DataDirectory,
    /// Rules on the files that may be written on the server.
    pub may_write: &'a MayWrite<'a>,
    /// Cancels a write.
    pub cancel: &'a CancellationToken,
}

/// A file whose content waits on this machine to be written to a server.
pub struct StagedFile {
    /// Its path on the server.
    pub(super) path: String,
    content: TemporaryFile,
}

impl StagedFile {
    /// The path of its content.
    pub(super) fn source(&self) -> String {
        self.content.path().to_string_lossy().into_owned()
    }
}

/// Files of a server, over one session.
pub struct RemoteFiles<'a> {
    pub(super) access: FileAccess<'a>,
    session: ReturningSession,
    /// Knows the home directory, once it was asked for.
    policy: WritePolicy<SftpSession>,
}

impl<'a> RemoteFiles<'a> {
    /// Opens a session.
    pub async fn open(access: FileAccess<'a>) -> Result<Self, Error> {
        let FileAccess {
            pool,
            alias,
            patience,
            ..
        } = access;
        let mut session = match SftpSession::take(pool, alias) {
            Some(session) if session.real_path(&RemotePath::new(".")).await.is_ok() => session,
            _ => SftpSession::open(pool, alias, patience).await?,
        };
        session.set_limits(session.fetch_limits().await);
        Ok(Self {
            access,
            session: session.into(),
            policy: WritePolicy::new(Some(access.may_write)),
        })
    }

    /// Reads those bytes of a file that it has of `range`.
    pub async fn read(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let read = async {
            let file = self.resolve(path).await?;
            let metadata = self.session.stat(&file).await?;
            let metadata =
                metadata.ok_or_else(|| SftpError::NotFound("No such file".to_owned()))?;
            // Opening a pipe would block, and a device would act.
            metadata.check_kind(path)?;
            let handle = self.session.open_read(&file).await?;
            let open = RemoteFile::new(self.session(), &file, handle);
            self.read_open(&open.handle, range).await
        };
        read.await.map_err(|error| error.on_file(path))
    }

    /// Reads a file from a position on, and hands its bytes to `visit`, until that breaks off or the file ends.
    /// The caller knows that it is a file.
    pub async fn scan(
        &self,
        path: &str,
        start: u64,
        visit: impl FnMut(&[u8]) -> ControlFlow<()> + Send,
    ) -> Result<(), Error> {
        let file = self.resolve(path).await;
        let file = file.map_err(|error| error.on_file(path))?;
        self.scan_path(&file, start, visit).await
    }

    /// The same for a path as the server has it.
    pub(crate) async fn scan_path(
        &self,
        file: &RemotePath,
        start: u64,
        mut visit: impl FnMut(&[u8]) -> ControlFlow<()> + Send,
    ) -> Result<(), Error> {
        let scan = async {
            let handle = self.session.open_read(file).await?;
            let open = RemoteFile::new(self.session(), file, handle);
            let range = start..u64::MAX;
            let mut reader = FileReader::within(self.session(), &open.handle, range, SCANNED_AHEAD);
            while let Some(pieces) = reader.next().await? {
                if pieces.iter().any(|piece| visit(piece).is_break()) {
                    break;
                }
            }
            Ok(())
        };
        scan.await
            .map_err(|error: SftpError| error.on_file(&file.to_string()))
    }

    /// The canonical path: absolute, and without links.
    pub async fn real_path(&self, path: &str) -> Result<String, Error> {
        let real = async { self.session.real_path(&self.resolve(path).await?).await };
        let real = real.await.map_err(|error| error.on_file(path))?;
        Ok(real.to_string())
    }

    pub(super) async fn read_open(
        &self,
        handle: &FileHandle,
        range: Range<u64>,
    ) -> Result<Vec<u8>> {
        let mut reader = FileReader::within(self.session(), handle, range, READS_AHEAD);
        let mut content = Vec::new();
        while let Some(pieces) = reader.next().await? {
            for piece in &pieces {
                content.extend_from_slice(piece);
            }
        }
        Ok(content)
    }

    /// Replaces a file's content, or creates it. Afterwards the file is whole and synced, or as it was. It
    /// keeps owner, mode and access list unless others are asked for; a symbolic link is followed to the
    /// file. Returns notes for the user.
    pub async fn write_atomic(
        &self,
        path: &str,
        content: &[u8],
        replacement: ReplaceOptions<'_>,
    ) -> Result<Vec<String>, Error> {
        let target = self.stat(path).await?;
        if path.ends_with('/') || target.is_some_and(|target| target.is_directory()) {
            let error = SftpError::NotAFile(format!("`{path}` is a directory"));
            return Err(error.on_file(path));
        }
        let staged = self
            .stage(path, content.to_owned(), replacement.mode)
            .await?;
        let summary = self.write_staged(&[(&staged, replacement)], false).await?;
        if let Some(refusal) = summary.refusal {
            return Err(refusal);
        }
        if let Some(cause) = summary.cause {
            return Err(cause.on_file(path));
        }
        if let Some(failed) = summary.failed.first() {
            return Err(SftpError::failure(&failed.error).on_file(path));
        }
        if summary.cancelled {
            return Err(SftpError::cancelled().on_file(path));
        }
        Ok(summary.notes)
    }

    /// Puts the content of a file aside on this machine, until it is written.
    pub(super) async fn stage(
        &self,
        path: &str,
        content: impl AsRef<[u8]> + Send + 'static,
        mode: Option<u32>,
    ) -> Result<StagedFile, Error> {
        let files = staged(self.access.data);
        let staged = blocking(move || Ok::<_, SftpError>(files.create(content.as_ref(), mode)?));
        let content = staged.await.map_err(|error| error.on_file(path))?;
        let path = path.to_owned();
        Ok(StagedFile { path, content })
    }

    /// Writes files, each whole or not at all. `is_exact` says that their paths are the server's own.
    pub(super) async fn write_staged(
        &self,
        files: &[(&StagedFile, ReplaceOptions<'_>)],
        is_exact: bool,
    ) -> Result<Summary, Error> {
        let entries = files.iter().map(|(file, _)| TransferEntry {
            local: file.source(),
            remote: file.path.clone(),
        });
        let request = TransferRequest {
            direction: Direction::Upload,
            source_alias: None,
            entries: entries.collect(),
            patterns: false,
            options: TransferOptions::default(),
            part: None,
        };
        let wishes = files.iter().map(|(file, wishes)| (file.source(), *wishes));
        let replacements = Replacements {
            by_source: wishes.collect(),
            is_exact,
        };
        let token = random::hex::<8>();
        let transfer = TransferRunner {
            pool: self.access.pool,
            source_pool: self.access.pool,
            alias: self.access.alias,
            request: &request,
            token: &token,
            patience: self.access.patience,
            reconnect_patience: self.access.reconnect_patience,
            max_entries: files.len(),
            max_growth: 0,
            roots: &Roots::default(),
            backups: &self.access.data.backups(BACKUPS),
            replacements: &replacements,
            keeper: None,
            may_write: self.access.may_write,
            removals: None,
            progress: &TransferProgress::default(),
            notes: &Notes::default(),
            cancel: self.access.cancel,
        };
        // Boxed, because it is large.
        Box::pin(transfer.run()).await
    }

    /// Lists a directory with at most `max_entries`; symbolic links are not followed.
    pub async fn list(
        &self,
        path: &str,
        max_entries: usize,
    ) -> Result<Vec<(PathBuf, Metadata)>, Error> {
        let list = async {
            let limit = Arc::new(EntryLimit::new(max_entries, 0));
            let directory = self.resolve(path).await?;
            Filesystem::read_dir(self.session(), &directory, &limit).await
        };
        list.await.map_err(|error| error.on_file(path))
    }

    /// Metadata of a path, symbolic links followed; `None` if nothing is there.
    pub async fn stat(&self, path: &str) -> Result<Option<Metadata>, Error> {
        let stat = async { self.session.stat(&self.resolve(path).await?).await };
        stat.await.map_err(|error| error.on_file(path))
    }

    /// Metadata of a path itself; a symbolic link is not followed.
    pub async fn lstat(&self, path: &str) -> Result<Option<Metadata>, Error> {
        let lstat = async { self.session.lstat(&self.resolve(path).await?).await };
        lstat.await.map_err(|error| error.on_file(path))
    }

    /// Removes a file or a symbolic link itself.
    pub async fn remove(&self, path: &str) -> Result<(), Error> {
        let remove = async {
            let file = self.resolve(path).await?;
            self.check_policy(&file).await?;
            self.session.remove(&file).await
        };
        remove.await.map_err(|error| error.on_file(path))
    }

    /// Renames a file, symbolic link or directory to a name that is free.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let rename = async {
            let (old, new) = (self.resolve(from).await?, self.resolve(to).await?);
            self.check_policy(&old).await?;
            self.check_policy(&new).await?;
            // Some servers replace an existing file, against the draft.
            if self.session.lstat(&new).await?.is_some() {
                return Err(SftpError::AlreadyExists(format!("`{to}` exists")));
            }
            self.session.rename(None, &old, &new).await
        };
        rename.await.map_err(|error| error.on_file(from))
    }

    pub(super) fn session(&self) -> &SftpSession {
        &self.session
    }

    pub(super) fn pool(&self) -> &Pool {
        self.access.pool
    }

    pub(super) fn alias(&self) -> &str {
        self.access.alias
    }

    pub(super) async fn resolve(&self, path: &str) -> Result<RemotePath> {
        let FileAccess { pool, alias, .. } = self.access;
        let path = resolve_remote(self.session(), pool, alias, path).await?;
        Ok(RemotePath::new(&path))
    }

    /// Refuses to change a file under any of its names that may not be written. A symbolic link counts
    /// as itself.
    async fn check_policy(&self, path: &RemotePath) -> Result<()> {
        let check = (self.access.may_write)();
        Ok(check(&self.names(path).await?)?)
    }

    /// The names by which the policy judges a path. A symbolic link counts as itself.
    pub(super) async fn names(&self, path: &RemotePath) -> Result<Vec<String>> {
        self.policy.fetch_home(self.session()).await?;
        let is_link = |metadata: &Metadata| metadata.file_type == FileType::Link;
        let is_link = self
            .session
            .lstat(path)
            .await?
            .as_ref()
            .is_some_and(is_link);
        let destination = match path.file_name() {
            Some(name) if is_link => {
                let parent = path.parent().unwrap_or_else(|| RemotePath::new("."));
                let parent = Destination::of(self.session(), &parent).await?;
                parent.below(&local_of(name))
            }
            _ => Destination::of(self.session(), path).await?,
        };
        Ok(self.policy.names(&destination))
    }
}

/// Content that is about to be written to a server.
fn staged(data: &DataDirectory) -> TemporaryFiles {
    data.temporary_files(STAGED)
}

/// Removes content that killed processes have left.
pub(crate) fn sweep_staged(data: &DataDirectory) {
    staged(data).sweep();
}
