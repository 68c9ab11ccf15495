//! Directory trees, of this machine or of a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::sftp::error::Result;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::plan::exclusion::Exclusion;
use crate::sftp::wire::LONGEST_PATH;
use crate::text::beginning;

/// Reason to leave out an entry whose name would land it elsewhere.
pub(crate) const LEADS_OUT: &str = "has a name that leads out of its directory";

/// Directories listed at once: on a far connection, each takes two round trips.
const LISTINGS: usize = 64;

/// A tree's contents, as paths below its root. Symbolic links are listed and not followed.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Directories, parents first, without the root.
    pub(crate) directories: Vec<(PathBuf, Metadata)>,
    pub(crate) files: Vec<(PathBuf, Metadata)>,
    pub(crate) links: Vec<PathBuf>,
    /// Entries that cannot be copied, with the reason.
    pub(crate) left_out: Vec<(PathBuf, String)>,
    /// Entries that are passed over, and nothing below them is listed.
    pub(crate) excluded: Vec<PathBuf>,
}

/// Bounds of a walk through a tree.
pub(crate) struct WalkBounds<'a> {
    /// Most directories above an entry.
    pub(crate) depth: Option<usize>,
    /// The directories that are entered, where not all are.
    pub(crate) entered: Option<&'a BTreeMap<&'a Path, Option<Metadata>>>,
    /// Entries beyond it are an error.
    pub(crate) limit: EntryLimit,
    pub(crate) exclusion: &'a Exclusion,
}

/// Walks a tree.
pub(crate) async fn walk<S: Filesystem>(
    filesystem: &S,
    root: &S::Path,
    bounds: WalkBounds<'_>,
) -> Result<Tree> {
    let WalkBounds {
        depth,
        entered,
        limit,
        exclusion,
    } = bounds;
    let limit = Arc::new(limit);
    let root_length = S::bytes(root).len();
    let list = async |below: PathBuf| {
        let here = S::below(root, &below);
        let listed = async {
            let entries = filesystem.read_dir(&here, &limit).await?;
            let learnt = exclusion.learn(filesystem, &here, &below, &entries).await;
            learnt.map(|()| entries)
        };
        (listed.await, below)
    };
    let mut tree = Tree::default();
    let mut waiting = vec![PathBuf::new()];
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < LISTINGS
            && let Some(directory) = waiting.pop()
        {
            under_way.push(list(directory));
        }
        let Some((listed, below)) = under_way.next().await else {
            return Ok(tree);
        };
        match listed {
            Ok(entries) => {
                for (name, metadata) in entries {
                    let path = below.join(&name);
                    if exclusion.covers(&path, metadata.is_directory()) {
                        tree.excluded.push(path);
                        continue;
                    }
                    if root_length + 1 + below.as_os_str().len() + 1 + name.as_os_str().len()
                        > LONGEST_PATH
                    {
                        tree.leave_out_long(&below, &name);
                        continue;
                    }
                    limit.take_path(below.as_os_str().len())?;
                    if let Some(directory) = tree.add(&below, &name, metadata, depth)
                        && entered.is_none_or(|entered| entered.contains_key(&*directory))
                    {
                        waiting.push(directory);
                    }
                }
            }
            // Without a readable root there is nothing to copy; a lost connection ends everything.
            Err(error)
                if below.as_os_str().is_empty()
                    || error.is_connection_lost()
                    || limit.is_exceeded() =>
            {
                return Err(error);
            }
            Err(error) => tree.left_out.push((below, error.to_string())),
        }
    }
}

/// Bytes reported of a name in a path that is too long.
const TOLD_NAME: usize = 64;

impl Tree {
    /// Leaves out an entry whose path is too long for any system, and reports the beginning of its
    /// name.
    fn leave_out_long(&mut self, directory: &Path, name: &Path) {
        let name = beginning(&name.to_string_lossy(), TOLD_NAME).into_owned();
        let reason = format!("has a path of more than {LONGEST_PATH} bytes");
        self.left_out.push((directory.join(name), reason));
    }

    /// Every path, directories last.
    pub(crate) fn everything(&self) -> impl Iterator<Item = &Path> {
        let directories = self.directories.iter().map(|(path, _)| path.as_path());
        self.paths().chain(directories)
    }

    /// Every path that is not a directory.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let files = self.files.iter().map(|(path, _)| path);
        let left_out = self.left_out.iter().map(|(path, _)| path);
        files
            .chain(&self.links)
            .chain(left_out)
            .map(PathBuf::as_path)
    }

    /// Adds an entry. Returns a directory that is to be listed in turn.
    fn add(
        &mut self,
        directory: &Path,
        name: &Path,
        metadata: Metadata,
        depth: Option<usize>,
    ) -> Option<PathBuf> {
        let path = directory.join(name);
        // A server may send a name that would land elsewhere.
        if name.file_name() != Some(name.as_os_str()) {
            self.left_out.push((path, LEADS_OUT.to_owned()));
            return None;
        }
        match metadata.file_type {
            FileType::Directory => {
                self.directories.push((path.clone(), metadata));
                let may_enter = depth.is_none_or(|depth| path.components().count() <= depth);
                return may_enter.then_some(path);
            }
            FileType::File => self.files.push((path, metadata)),
            FileType::Link => self.links.push(path),
            kind => {
                let what = kind.special().unwrap_or_default();
                self.left_out.push((path, format!("is {what}, not a file")));
            }
        }
        None
    }
}
