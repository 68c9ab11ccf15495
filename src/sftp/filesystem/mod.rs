//! The two sides of a transfer, alike: this machine's files and a server's.

pub(crate) mod entry_limit;
pub(crate) mod free_space;
pub(crate) mod local;
pub(crate) mod local_entry;
pub(crate) mod metadata;
pub(crate) mod roots;

use std::borrow::Cow;
use std::fmt::Display;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::Metadata;

pub(crate) const LINK_IN_THE_WAY: &str = "a symbolic link is in the way, which is not followed";
pub(crate) const FILE_IN_THE_WAY: &str = "a file is in the way";

/// Files of this machine or of a server. Paths below a root are local ones for both.
pub(crate) trait Filesystem: Sync {
    /// A path as this side has it.
    type Path: Clone + Eq + Hash + Send + Sync + 'static;

    /// A path as a user writes it.
    fn path(text: &str) -> Self::Path;
    /// That path as a pattern.
    fn pattern(text: &str) -> String;
    /// Whether the user marked it as a directory.
    fn names_directory(text: &str) -> bool;
    /// The path `below` a directory.
    fn join(directory: &Self::Path, below: &Path) -> Self::Path;
    /// The directory that holds it.
    fn parent(path: &Self::Path) -> Option<Self::Path>;
    /// Its last component's bytes.
    fn file_name(path: &Self::Path) -> Option<Cow<'_, [u8]>>;
    /// The entry of that name beside it.
    fn beside(path: &Self::Path, name: &[u8]) -> Self::Path;
    /// Its bytes.
    fn bytes(path: &Self::Path) -> Cow<'_, [u8]>;
    /// The path for people.
    fn shown(path: &Self::Path) -> String;

    /// What is there, links followed; `None` if nothing is.
    fn stat(&self, path: &Self::Path) -> impl Future<Output = Result<Option<Metadata>>> + Send;
    /// What is there itself, be it a link.
    fn lstat(&self, path: &Self::Path) -> impl Future<Output = Result<Option<Metadata>>> + Send;
    /// Where a link leads in the end.
    fn real_path(&self, path: &Self::Path) -> impl Future<Output = Result<Self::Path>> + Send;
    /// What a directory holds, links not followed, and not more than `limit` allows.
    fn read_dir(
        &self,
        path: &Self::Path,
        limit: &Arc<EntryLimit>,
    ) -> impl Future<Output = Result<Vec<(PathBuf, Metadata)>>> + Send;
    /// Makes a directory and whatever is missing above it. Says whether it was missing.
    fn create_dir_all(&self, path: &Self::Path) -> impl Future<Output = Result<bool>> + Send;
    /// Makes directories, each after the one that holds it. Says of each whether it was missing.
    /// A link is not taken for a directory: it may lead out of the tree.
    fn create_dirs(&self, paths: &[Self::Path]) -> impl Future<Output = Vec<Result<bool>>> + Send;
    /// Gives a directory its mode and time, as far as that goes.
    fn set_directory_attributes(
        &self,
        path: &Self::Path,
        metadata: &Metadata,
    ) -> impl Future<Output = ()> + Send;
    /// What a link says.
    fn read_link(&self, path: &Self::Path) -> impl Future<Output = Result<Vec<u8>>> + Send;
    /// Makes a link that says `target`.
    fn symlink(&self, target: &[u8], path: &Self::Path) -> impl Future<Output = Result<()>> + Send;
    /// Renames `from` over `to`.
    fn rename_over(
        &self,
        from: &Self::Path,
        to: &Self::Path,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Where a replacement that was cut may have left what was at `path`.
    fn aside(_path: &Self::Path) -> Option<Self::Path> {
        None
    }
    /// Moves it back to a name that is free.
    fn move_back(
        &self,
        _aside: &Self::Path,
        _path: &Self::Path,
    ) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
    /// Removes a file.
    fn remove(&self, path: &Self::Path) -> impl Future<Output = Result<()>> + Send;
}

pub(crate) fn in_the_way(path: &impl Display, what: &str) -> SftpError {
    SftpError::failure(format!("`{path}`: {what}"))
}

/// Does what touches the disk on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await?
}
