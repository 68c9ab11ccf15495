//! Trees with the checksums of their files, for comparisons.
//!
//! | module | what it holds |
//! |---|---|
//! | `by_shell` | a tree as its server's shell tells it, in one round trip |
//! | `by_walk` | a tree that is listed and read from here: of this machine, or of a server without a shell |

mod by_shell;
mod by_walk;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use crate::error::{Error, FileFailure};
use crate::sftp::error::SftpError;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::path::{RemotePath, bytes_of, local_of};
use crate::sftp::plan::exclusion::Exclusion;
use crate::sftp::plan::paths::{resolve_local, resolve_remote};
use crate::sftp::request::TransferOptions;
use crate::sftp::session::SftpSession;
use crate::sftp::session::parking::ReturningSession;
use crate::ssh::Pool;

/// A place of a tree or file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreePlace {
    /// A path on this machine.
    Here(String),
    /// A path on a server.
    Server {
        /// Alias of the server.
        alias: String,
        /// The path.
        path: String,
    },
}

/// A tree with everything below it, by paths below its root; the root's is empty. Nothing is there if it has
/// no entries.
#[derive(Clone, Debug, Default)]
pub struct TreeDigest {
    /// The entries.
    pub entries: BTreeMap<Vec<u8>, DigestEntry>,
    /// Notes for the user on what could not be listed or read.
    pub notes: Vec<String>,
}

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestEntry {
    /// Its type and content.
    pub content: EntryContent,
    /// Permission bits.
    pub mode: Option<u32>,
    /// User and group, by their numbers.
    pub owner: Option<(u32, u32)>,
    /// User and group, by their names.
    pub owner_names: Option<String>,
}

/// Type and content of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EntryContent {
    /// A file.
    File {
        /// Its length in bytes.
        size: u64,
        /// Its SHA-256, in hexadecimal digits; `None` if it was not read.
        sha256: Option<String>,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Link(Vec<u8>),
    /// A device, a pipe or the like.
    Special,
}

impl DigestEntry {
    fn of(content: EntryContent, metadata: Option<&Metadata>) -> Self {
        Self {
            content,
            mode: metadata.and_then(|metadata| metadata.mode),
            owner: metadata.and_then(|metadata| metadata.owner),
            owner_names: None,
        }
    }
}

/// Access to trees of this machine and of servers.
#[derive(Clone, Copy)]
pub struct TreeAccess<'a> {
    /// Connections that only read.
    pub pool: &'a Pool,
    /// Local directories that files are confined to.
    pub roots: &'a Roots,
    /// Longest wait for a connection.
    pub patience: Duration,
    /// The time that a server may take to read a tree.
    pub limit: Duration,
    /// Most entries of a tree.
    pub max_entries: usize,
    /// Patterns of what is passed over, by the rules of gitignore.
    pub ignore: &'a [String],
}

impl TreeAccess<'_> {
    /// Refuses rules that cannot be read.
    pub fn check_ignore(ignore: &[String]) -> Result<(), Error> {
        exclusion(ignore).map(drop)
    }

    /// Lists a tree with the checksums of its files: by the server's shell, or else over SFTP.
    pub async fn digest(self, place: &TreePlace) -> Result<TreeDigest, Error> {
        let exclusion = exclusion(self.ignore)?;
        let limit = EntryLimit::new(self.max_entries, 0);
        match place {
            TreePlace::Here(path) => {
                let tree = by_walk::LocalTree::within(self.roots);
                let listed = async {
                    let root = LocalFilesystem::path(&resolve_local(path)?);
                    by_walk::digest(&tree, &root, &exclusion, limit).await
                };
                listed.await.map_err(|error| error.on_file(path))
            }
            TreePlace::Server { alias, path } => {
                if let Some(told) = by_shell::digest(self, alias, path, &exclusion).await? {
                    return Ok(told);
                }
                let session = self.session(alias).await?;
                let listed = async {
                    let root = resolve_remote(&session, self.pool, alias, path).await?;
                    let root = RemotePath::new(&root);
                    by_walk::digest(&*session, &root, &exclusion, limit).await
                };
                let listed = timeout(self.limit, listed).await;
                let listed = listed.map_err(|_| self.timed_out(alias, path))?;
                listed.map_err(|error| on_server(&error, alias, path))
            }
        }
    }

    /// The error of a tree whose reading took too long.
    fn timed_out(self, alias: &str, path: &str) -> Error {
        let seconds = self.limit.as_secs_f64();
        let reason = format!(
            "it took longer than {seconds} s, and was stopped; compare a part of it, or set ignore"
        );
        unlisted(FileFailure::Other, alias, path, &reason)
    }

    /// Reads at most `most` bytes of a file of a tree, and returns them with every path that it is known by.
    pub async fn content(
        self,
        place: &TreePlace,
        below: &[u8],
        most: usize,
    ) -> Result<(Vec<u8>, Vec<String>), Error> {
        let below = local_of(below);
        match place {
            TreePlace::Here(path) => {
                let files = LocalFilesystem::within(self.roots);
                let read = async {
                    let root = LocalFilesystem::path(&resolve_local(path)?);
                    read(&files, &root, &below, most).await
                };
                read.await.map_err(|error| error.on_file(path))
            }
            TreePlace::Server { alias, path } => {
                let session = self.session(alias).await?;
                let read = async {
                    let root = resolve_remote(&session, self.pool, alias, path).await?;
                    read(&*session, &RemotePath::new(&root), &below, most).await
                };
                read.await.map_err(|error| on_server(&error, alias, path))
            }
        }
    }

    async fn session(self, alias: &str) -> Result<ReturningSession, Error> {
        let mut session = SftpSession::take_or_open(self.pool, alias, self.patience).await?;
        session.set_limits(session.fetch_limits().await);
        Ok(session.into())
    }
}

async fn read<F: Filesystem>(
    files: &F,
    root: &F::Path,
    below: &Path,
    most: usize,
) -> Result<(Vec<u8>, Vec<String>), SftpError> {
    let path = F::below(root, below);
    let real = files.real_path(&path).await?;
    // Opening a pipe would block: it may have taken the file's place.
    let metadata = files.lstat(&real).await?;
    let metadata = metadata.ok_or_else(|| SftpError::NotFound("No such file".to_owned()))?;
    metadata.check_kind(&F::shown(&real))?;
    let content = files.read_beginning(&real, most).await?;
    let names = [path, real].map(|path| match F::shown(&path) {
        absolute if absolute.starts_with('/') => absolute,
        relative => format!("~/{relative}"),
    });
    Ok((content, names.into()))
}

fn exclusion(ignore: &[String]) -> Result<Exclusion, Error> {
    let options = TransferOptions {
        exclude: ignore.to_vec(),
        ..TransferOptions::default()
    };
    Exclusion::of(&options)
}

/// Returns whether the rules cover an entry or a directory above it.
fn is_covered(exclusion: &Exclusion, path: &[u8], is_directory: bool) -> bool {
    let path = local_of(path);
    let above = path.ancestors().skip(1);
    let mut above = above.filter(|path| !path.as_os_str().is_empty());
    exclusion.covers(&path, is_directory) || above.any(|path| exclusion.covers(path, true))
}

fn on_server(error: &SftpError, alias: &str, path: &str) -> Error {
    error.on_file(&format!("{alias}:{path}"))
}

fn unlisted(failure: FileFailure, alias: &str, path: &str, reason: &str) -> Error {
    Error::File {
        path: format!("{alias}:{path}"),
        failure,
        reason: reason.to_owned(),
    }
}

/// A path below a root, in bytes.
fn bytes(path: &Path) -> Vec<u8> {
    bytes_of(path.as_os_str()).into_owned()
}
