//! Filesystems: this machine's and a server's, behind one trait.
//!
//! | module | what it holds |
//! |---|---|
//! | `metadata`, `entry_limit` | type and attributes of a file; limit on listings |
//! | `local`, `local_entry`, `roots` | this machine's files, and the directories that they are confined to |

pub(super) mod entry_limit;
pub(super) mod local;
mod local_entry;
pub(super) mod metadata;
pub(super) mod roots;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::Metadata;
use crate::ssh::Pool;

pub(crate) const LINK_IN_THE_WAY: &str = "a symbolic link is in the way, which is not followed";
pub(crate) const FILE_IN_THE_WAY: &str = "a file is in the way";

/// A server whose shell may be asked about its files.
#[derive(Clone, Copy)]
pub(crate) struct ServerShell<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) alias: &'a str,
}

/// A filesystem, of this machine or of a server. Paths below a root are local ones for both.
pub(crate) trait Filesystem: Sync {
    /// A path on it.
    type Path: Clone + Eq + Hash + Send + Sync + 'static;

    /// Parses a path as a user writes it.
    fn path(text: &str) -> Self::Path;
    /// Expands such a path where it is a pattern.
    fn pattern(text: &str) -> String;
    /// Returns whether the user marked it as a directory.
    fn names_directory(text: &str) -> bool;
    /// The path of `below` in a directory.
    fn join(directory: &Self::Path, below: &Path) -> Self::Path;
    /// The path of `below` in a tree; an empty one is the root itself.
    fn below(root: &Self::Path, below: &Path) -> Self::Path {
        if below.as_os_str().is_empty() {
            root.clone()
        } else {
            Self::join(root, below)
        }
    }
    /// The parent directory.
    fn parent(path: &Self::Path) -> Option<Self::Path>;
    /// Bytes of the last component.
    fn file_name(path: &Self::Path) -> Option<Cow<'_, [u8]>>;
    /// The path of a sibling of that name.
    fn beside(path: &Self::Path, name: &[u8]) -> Self::Path;
    /// Bytes of a path.
    fn bytes(path: &Self::Path) -> Cow<'_, [u8]>;
    /// The path as messages show it.
    fn shown(path: &Self::Path) -> String;

    /// Metadata of a path, symbolic links followed; `None` if nothing is there.
    fn stat(&self, path: &Self::Path) -> impl Future<Output = Result<Option<Metadata>>> + Send;
    /// Metadata of a path itself; a symbolic link is not followed.
    fn lstat(&self, path: &Self::Path) -> impl Future<Output = Result<Option<Metadata>>> + Send;
    /// The canonical path.
    fn real_path(&self, path: &Self::Path) -> impl Future<Output = Result<Self::Path>> + Send;
    /// Lists a directory up to `limit`; symbolic links are not followed.
    fn read_dir(
        &self,
        path: &Self::Path,
        limit: &Arc<EntryLimit>,
    ) -> impl Future<Output = Result<Vec<(PathBuf, Metadata)>>> + Send;
    /// The first bytes of a file, at most `most`.
    fn read_beginning(
        &self,
        path: &Self::Path,
        most: usize,
    ) -> impl Future<Output = Result<Vec<u8>>> + Send;
    /// SHA-256 of each of these files, given with their lengths; `None` for one that cannot be read. Returns
    /// `None` if this is a server without a shell that computes them.
    fn sha256_of_all(
        &self,
        files: &[(Self::Path, u64)],
        shell: Option<ServerShell<'_>>,
    ) -> impl Future<Output = Result<Option<Vec<Option<String>>>>> + Send;
    /// Returns whether whole filesystems may be flushed to disk.
    fn may_flush(&self) -> bool;
    /// Writes the filesystems of these new files to disk. Returns whether that is certain.
    fn flush(
        &self,
        files: &[Self::Path],
        shell: Option<ServerShell<'_>>,
    ) -> impl Future<Output = bool> + Send;
    /// Syncs a file to disk.
    fn sync(&self, path: &Self::Path) -> impl Future<Output = Result<()>> + Send;
    /// Creates a directory and its missing parents. Returns those that it made, the outermost first.
    fn create_dir_all(
        &self,
        path: &Self::Path,
    ) -> impl Future<Output = Result<Vec<Self::Path>>> + Send;
    /// Creates directories, given with parents first. Returns for each whether it was missing. A
    /// symbolic link does not count as a directory: it may lead out of the tree.
    fn create_dirs(&self, paths: &[Self::Path]) -> impl Future<Output = Vec<Result<bool>>> + Send;
    /// Sets a directory's mode and modification time as far as possible.
    fn set_directory_attributes(
        &self,
        path: &Self::Path,
        metadata: &Metadata,
    ) -> impl Future<Output = ()> + Send;
    /// The target of a symbolic link.
    fn read_link(&self, path: &Self::Path) -> impl Future<Output = Result<Vec<u8>>> + Send;
    /// Creates a symbolic link to `target`.
    fn symlink(&self, target: &[u8], path: &Self::Path) -> impl Future<Output = Result<()>> + Send;
    /// Renames `from` over `to`, replacing it.
    fn rename_over(
        &self,
        from: &Self::Path,
        to: &Self::Path,
    ) -> impl Future<Output = Result<()>> + Send;
    /// The path at which an interrupted replacement may have left the file of `path`.
    fn aside(_path: &Self::Path) -> Option<Self::Path> {
        None
    }
    /// Moves it back to its name, which is free.
    fn move_back(
        &self,
        _aside: &Self::Path,
        _path: &Self::Path,
    ) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
    /// Removes a file.
    fn remove(&self, path: &Self::Path) -> impl Future<Output = Result<()>> + Send;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Self::Path) -> impl Future<Output = Result<()>> + Send;
}

/// One of the files of each directory: a directory lies on one filesystem.
pub(crate) fn one_of_each_directory<F: Filesystem>(files: &[F::Path]) -> Vec<&F::Path> {
    let mut seen = HashSet::new();
    let mut first = |file: &&F::Path| seen.insert(F::parent(file));
    files.iter().filter(|file| first(file)).collect()
}

pub(crate) fn in_the_way(path: &impl Display, what: &str) -> SftpError {
    SftpError::failure(format!("`{path}`: {what}"))
}
