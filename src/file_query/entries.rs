//! The entries of a directory or a tree, and their order.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::sftp::Metadata;

/// The order of a list of files.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SortKey {
    /// By name.
    #[default]
    Name,
    /// The largest first.
    Size,
    /// The newest first.
    Time,
}

/// An entry of a directory or of a tree below it.
#[derive(Clone, Debug)]
pub(super) struct FoundEntry {
    /// Its path below the directory.
    pub(super) below: Vec<u8>,
    pub(super) metadata: Metadata,
    /// The size of its tree, if that was measured.
    pub(super) tree_size: Option<u64>,
}

impl FoundEntry {
    pub(super) fn new(below: Vec<u8>, metadata: Metadata) -> Self {
        Self {
            below,
            metadata,
            tree_size: None,
        }
    }

    fn size(&self) -> u64 {
        self.tree_size.unwrap_or(self.metadata.length)
    }
}

/// The entries of a tree, as far as they are shown.
#[derive(Debug, Default)]
pub(super) struct FoundEntries {
    pub(super) shown: Vec<FoundEntry>,
    /// All that were found.
    pub(super) total: usize,
    /// Directories in it that cannot be read.
    pub(super) unreadable: usize,
    /// Set if not all of the tree was looked at.
    pub(super) is_partial: bool,
}

impl FoundEntries {
    /// The only entry, which is no directory.
    pub(super) fn of_one(entry: FoundEntry) -> Self {
        Self {
            shown: vec![entry],
            total: 1,
            ..Self::default()
        }
    }
}

impl SortKey {
    /// Compares two entries.
    pub(super) fn order(self, one: &FoundEntry, other: &FoundEntry) -> Ordering {
        let by_name = || one.below.cmp(&other.below);
        match self {
            Self::Name => by_name(),
            Self::Size => other.size().cmp(&one.size()).then_with(by_name),
            Self::Time => {
                let (first, second) = (one.metadata.modified, other.metadata.modified);
                second.cmp(&first).then_with(by_name)
            }
        }
    }
}
