//! Target trees as they are before anything is copied into them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::sftp::error::Result;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::filesystem::{FILE_IN_THE_WAY, LINK_IN_THE_WAY, in_the_way};
use crate::sftp::plan::TargetState;
use crate::sftp::plan::tree::Tree;

/// An entry of a listed tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ListedEntry {
    Directory,
    File(Metadata),
    Link,
    /// A device, pipe or socket.
    Special,
}

/// A listed target tree, by paths below its root.
#[derive(Debug, Default)]
pub(crate) struct ListedTree {
    pub(crate) entries: HashMap<PathBuf, ListedEntry>,
    /// Entries that are passed over, and directories that could not be listed.
    pub(crate) untouchable: Vec<PathBuf>,
    /// True if the root does not exist.
    pub(crate) is_missing: bool,
}

impl ListedTree {
    /// A tree whose root does not exist.
    pub(crate) fn missing() -> Self {
        Self {
            is_missing: true,
            ..Self::default()
        }
    }

    /// The state of a file's or link's target.
    pub(crate) fn state(&self, path: &Path) -> TargetState {
        match self.entries.get(path) {
            None => TargetState::Absent,
            Some(ListedEntry::File(metadata)) => TargetState::File(*metadata),
            Some(ListedEntry::Link) => TargetState::Link,
            // It is in the way.
            Some(ListedEntry::Directory | ListedEntry::Special) => TargetState::Unknown,
        }
    }

    /// The reason why no file can take a path.
    pub(crate) fn obstacle(&self, path: &Path) -> Option<&'static str> {
        match self.entries.get(path)? {
            ListedEntry::Directory => Some("its target is a directory"),
            ListedEntry::Special => Some("its target is a device, pipe or socket, not a file"),
            ListedEntry::File(_) | ListedEntry::Link => None,
        }
    }

    /// Returns whether a directory is there; an error if something else is.
    pub(crate) fn directory(&self, path: &Path, shown: &str) -> Result<bool> {
        match self.entries.get(path) {
            None => Ok(false),
            Some(ListedEntry::Directory) => Ok(true),
            Some(ListedEntry::Link) => Err(in_the_way(&shown, LINK_IN_THE_WAY)),
            Some(_) => Err(in_the_way(&shown, FILE_IN_THE_WAY)),
        }
    }
}

impl From<Tree> for ListedTree {
    fn from(tree: Tree) -> Self {
        let mut entries = HashMap::new();
        let mut untouchable = tree.excluded;
        for (path, _) in tree.left_out {
            untouchable.push(path.clone());
            entries.insert(path, ListedEntry::Special);
        }
        let directories = tree.directories.into_iter();
        entries.extend(directories.map(|(path, _)| (path, ListedEntry::Directory)));
        let files = tree.files.into_iter();
        entries.extend(files.map(|(path, metadata)| (path, ListedEntry::File(metadata))));
        let links = tree.links.into_iter();
        entries.extend(links.map(|path| (path, ListedEntry::Link)));
        Self {
            entries,
            untouchable,
            is_missing: false,
        }
    }
}
