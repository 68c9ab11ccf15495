//! A server's filesystem, over an SFTP session.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sftp::error::Result;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::filesystem::{
    FILE_IN_THE_WAY, Filesystem, LINK_IN_THE_WAY, ServerShell, in_the_way, one_of_each_directory,
};
use crate::sftp::path::{RemotePath, local_of};
use crate::sftp::session::SftpSession;
use crate::sftp::session::file_reader::FileReader;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::session::rename_over::aside;
use crate::sftp::wire::Attributes;
use crate::ssh::script::checksum;
use crate::ssh::script::flush::flush;

/// Requests to create directories outstanding at once.
const MADE_AT_ONCE: usize = 1024;
/// Outstanding reads of the beginning of a file.
const READS_AHEAD: usize = 4;

impl Filesystem for SftpSession {
    type Path = RemotePath;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text)
    }

    fn pattern(text: &str) -> String {
        RemotePath::new(text).to_string()
    }

    fn names_directory(text: &str) -> bool {
        text.ends_with('/')
    }

    fn join(directory: &RemotePath, below: &Path) -> RemotePath {
        directory.join_local(below)
    }

    fn parent(path: &RemotePath) -> Option<RemotePath> {
        path.parent()
    }

    fn file_name(path: &RemotePath) -> Option<Cow<'_, [u8]>> {
        path.file_name().map(Cow::Borrowed)
    }

    fn beside(path: &RemotePath, name: &[u8]) -> RemotePath {
        path.with_file_name(name)
    }

    fn bytes(path: &RemotePath) -> Cow<'_, [u8]> {
        Cow::Borrowed(path.as_bytes())
    }

    fn shown(path: &RemotePath) -> String {
        path.to_string()
    }

    async fn stat(&self, path: &RemotePath) -> Result<Option<Metadata>> {
        SftpSession::stat(self, path).await
    }

    async fn lstat(&self, path: &RemotePath) -> Result<Option<Metadata>> {
        SftpSession::lstat(self, path).await
    }

    async fn real_path(&self, path: &RemotePath) -> Result<RemotePath> {
        SftpSession::real_path(self, path).await
    }

    async fn read_dir(
        &self,
        path: &RemotePath,
        limit: &Arc<EntryLimit>,
    ) -> Result<Vec<(PathBuf, Metadata)>> {
        let entries = SftpSession::read_dir(self, path, limit).await?.into_iter();
        Ok(entries
            .map(|(name, metadata)| (local_of(&name), metadata))
            .collect())
    }

    async fn read_beginning(&self, path: &RemotePath, most: usize) -> Result<Vec<u8>> {
        let handle = self.open_read(path).await?;
        let open = RemoteFile::new(self, path, handle);
        let range = 0..most as u64;
        let mut reader = FileReader::within(self, &open.handle, range, READS_AHEAD);
        let mut content = Vec::new();
        while let Some(pieces) = reader.next().await? {
            for piece in &pieces {
                content.extend_from_slice(piece);
            }
        }
        Ok(content)
    }

    async fn sha256_of_all(
        &self,
        files: &[(RemotePath, u64)],
        shell: Option<ServerShell<'_>>,
    ) -> Result<Option<Vec<Option<String>>>> {
        let Some(ServerShell { pool, alias }) = shell else {
            return Ok(None);
        };
        let asked = files
            .iter()
            .map(|(path, length)| (path.as_bytes(), *length));
        let asked: Vec<_> = asked.collect();
        let Some(mut sums) = checksum::sha256_of(pool, alias, &asked).await else {
            return Ok(None);
        };
        let sums = asked.iter().map(|(path, _)| sums.remove(*path));
        Ok(Some(sums.collect()))
    }

    fn may_flush(&self) -> bool {
        self.offers_fsync() && !self.is_by_shell()
    }

    async fn flush(&self, files: &[RemotePath], shell: Option<ServerShell<'_>>) -> bool {
        let Some(ServerShell { pool, alias }) = shell else {
            return false;
        };
        let files = one_of_each_directory::<Self>(files);
        flush(pool, alias, files.into_iter().map(RemotePath::as_bytes)).await
    }

    async fn sync(&self, path: &RemotePath) -> Result<()> {
        // Its mode may not let it be written.
        let handle = match self.open_write(path).await {
            Err(error) if error.is_refusal() => self.open_read(path).await?,
            handle => handle?,
        };
        let mut open = RemoteFile::new(self, path, handle);
        if let Some(sync) = self.fsync(&open.handle) {
            self.wait_done(sync).await?;
        }
        self.wait_done(open.close()).await
    }

    async fn create_dir_all(&self, path: &RemotePath) -> Result<Vec<RemotePath>> {
        let mut missing = VecDeque::new();
        let mut next = Some(path.clone());
        while let Some(directory) = next {
            match SftpSession::stat(self, &directory).await? {
                Some(metadata) if metadata.is_directory() => break,
                Some(_) => return Err(in_the_way(&directory, FILE_IN_THE_WAY)),
                None => {
                    next = directory.parent();
                    missing.push_front(directory);
                }
            }
        }
        let missing = Vec::from(missing);
        for (made, directory) in self.create_dirs(&missing).await.into_iter().zip(&missing) {
            made.map_err(|error| error.reworded(format!("cannot make `{directory}`: {error}")))?;
        }
        Ok(missing)
    }

    async fn create_dirs(&self, paths: &[RemotePath]) -> Vec<Result<bool>> {
        let mut left = paths.iter();
        let ask = |path| (path, self.create_dir(path));
        let mut ahead: VecDeque<_> = left.by_ref().take(MADE_AT_ONCE).map(ask).collect();
        let mut made = Vec::with_capacity(paths.len());
        while let Some((path, pending)) = ahead.pop_front() {
            ahead.extend(left.next().map(ask));
            made.push(match self.wait_done(pending).await {
                Ok(()) => Ok(true),
                Err(error) => match SftpSession::lstat(self, path).await {
                    Ok(Some(metadata)) if metadata.is_directory() => Ok(false),
                    Ok(Some(metadata)) if metadata.file_type == FileType::Link => {
                        Err(in_the_way(path, LINK_IN_THE_WAY))
                    }
                    Ok(Some(_)) => Err(in_the_way(path, FILE_IN_THE_WAY)),
                    _ => Err(error),
                },
            });
        }
        made
    }

    async fn set_directory_attributes(&self, path: &RemotePath, metadata: &Metadata) {
        let kept = Attributes {
            permissions: metadata.mode,
            times: metadata.modified.map(|modified| (modified, modified)),
            ..Attributes::default()
        };
        if let Err(error) = self.wait_done(self.setstat(path, &kept)).await {
            tracing::debug!("cannot set mode or time of `{path}`: {error}");
        }
    }

    async fn read_link(&self, path: &RemotePath) -> Result<Vec<u8>> {
        Ok(SftpSession::read_link(self, path).await?.into())
    }

    async fn symlink(&self, target: &[u8], path: &RemotePath) -> Result<()> {
        SftpSession::symlink(self, target, path).await
    }

    async fn rename_over(&self, from: &RemotePath, to: &RemotePath) -> Result<()> {
        SftpSession::rename_over(self, from, to).await
    }

    fn aside(path: &RemotePath) -> Option<RemotePath> {
        Some(aside(path))
    }

    async fn move_back(&self, aside: &RemotePath, path: &RemotePath) -> Result<()> {
        self.rename(None, aside, path).await
    }

    async fn remove(&self, path: &RemotePath) -> Result<()> {
        SftpSession::remove(self, path).await
    }

    async fn remove_dir(&self, path: &RemotePath) -> Result<()> {
        SftpSession::remove_dir(self, path).await
    }
}
