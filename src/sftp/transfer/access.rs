//! Hard links, access lists and labels of replaced files, which SFTP does not tell. The server's shell
//! is asked once for all of them, as soon as one is needed.

use std::collections::{BTreeSet, HashMap};

use tokio::sync::{OnceCell, Semaphore};

use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::path::RemotePath;
use crate::ssh::Pool;
use crate::ssh::script::access::{self, Listed};

/// Access lists copied at once; each takes a channel.
const COPIES: usize = 2;

/// Features of a file that a new one in its place would lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileExtras {
    None,
    /// That many hard links.
    Names(u64),
    /// An access list or label, or a default list of the directory that the file does not have.
    Access,
}

impl FileExtras {
    /// The reason for which it cannot be replaced.
    pub(crate) fn obstacle(self) -> Option<String> {
        match self {
            Self::Names(count) => Some(format!(
                "it has {count} names (hard links), which all have the new content"
            )),
            Self::None | Self::Access => None,
        }
    }
}

fn directory(path: &RemotePath) -> RemotePath {
    path.parent().unwrap_or_else(|| RemotePath::new("."))
}

/// A file that is replaced, and the one that takes its place.
pub(crate) struct ReplacedFile<'a> {
    /// The path as it is listed.
    pub(crate) path: &'a RemotePath,
    pub(crate) old: &'a Metadata,
    /// The path with every symbolic link resolved.
    pub(crate) target: &'a RemotePath,
    pub(crate) new: &'a RemotePath,
}

/// The files that may be replaced, and the shell's answer on them once it is asked.
pub(crate) struct AccessLists {
    paths: Vec<RemotePath>,
    listed: OnceCell<HashMap<Vec<u8>, Listed>>,
    copies: Semaphore,
}

impl AccessLists {
    pub(crate) fn new(paths: Vec<RemotePath>) -> Self {
        Self {
            paths,
            listed: OnceCell::new(),
            copies: Semaphore::new(COPIES),
        }
    }

    async fn of(
        &self,
        pool: &Pool,
        alias: &str,
        path: &RemotePath,
        old: &Metadata,
    ) -> Option<Listed> {
        let listed = self.listed.get_or_init(|| async {
            let parents = self.paths.iter().map(directory);
            let all: BTreeSet<_> = self.paths.iter().cloned().chain(parents).collect();
            let all: Vec<_> = all.iter().map(|path| path.as_bytes().to_vec()).collect();
            access::list(pool, alias, &all).await.unwrap_or_default()
        });
        let listed = listed.await;
        let mut found = listed.get(path.as_bytes())?.clone();
        // A session confined to a directory sees other files than a shell does.
        if found.size != old.length || old.owner.is_some_and(|owner| owner != found.owner) {
            return None;
        }
        let parent = listed.get(directory(path).as_bytes());
        found.has_list |= parent.is_some_and(|parent| parent.has_list);
        // A new file inherits the label type of its directory.
        let inherited = parent.and_then(|parent| parent.label_type.as_ref());
        found.has_label &= inherited.is_none() || inherited != found.label_type.as_ref();
        Some(found)
    }

    /// The features of the file at `path` that a new one would lack.
    pub(crate) async fn extras(
        &self,
        pool: &Pool,
        alias: &str,
        path: &RemotePath,
        old: &Metadata,
    ) -> FileExtras {
        match self.of(pool, alias, path, old).await {
            Some(Listed { links, .. }) if links > 1 => FileExtras::Names(links),
            Some(listed) if listed.has_list || listed.has_label => FileExtras::Access,
            _ => FileExtras::None,
        }
    }

    /// Copies access list and label of the old file to the new one. Returns whether that succeeded.
    pub(crate) async fn copy_access(
        &self,
        pool: &Pool,
        alias: &str,
        files: &ReplacedFile<'_>,
    ) -> bool {
        let listed = self.of(pool, alias, files.path, files.old).await;
        let has_list = listed.is_some_and(|listed| listed.has_list);
        let (target, new) = (files.target.as_bytes(), files.new.as_bytes());
        let _permit = self.copies.acquire().await.ok();
        access::copy(pool, alias, target, new, has_list).await
    }
}
