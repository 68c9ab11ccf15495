//! States of paths, as far as a way back to them takes.

use serde::{Deserialize, Serialize};

use crate::sftp::file_snapshot::FileSnapshot;
use crate::sftp::filesystem::metadata::Metadata;

/// The state of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum PathState {
    /// Nothing.
    Absent,
    /// A file.
    File(FileFacts),
    /// A directory.
    #[serde(rename_all = "camelCase")]
    Directory {
        /// Its permission bits.
        mode: Option<u32>,
    },
    /// A symbolic link.
    #[serde(rename_all = "camelCase")]
    Link {
        /// The path that it says.
        target: String,
    },
}

/// Length, content and attributes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileFacts {
    /// Length of its content.
    pub size: u64,
    /// SHA-256 of its content, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Modification time in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<u32>,
    /// Permission bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// User and group, by their numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<(u32, u32)>,
}

impl FileFacts {
    /// Describes a file whose content is not known.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.length,
            sha256: None,
            modified: metadata.modified,
            mode: metadata.mode,
            owner: metadata.owner,
        }
    }

    /// Returns whether another description is of the same content: by the checksums, or else by length and time.
    pub fn is_same_content(&self, other: &Self) -> bool {
        let is_same = match (&self.sha256, &other.sha256) {
            (Some(own), Some(other)) => own == other,
            _ => self.modified.is_some() && self.modified == other.modified,
        };
        self.size == other.size && is_same
    }
}

impl PathState {
    /// The state of a file with this content.
    pub fn of_content(size: u64, sha256: String) -> Self {
        let facts = FileFacts {
            size,
            sha256: Some(sha256),
            ..FileFacts::default()
        };
        Self::File(facts)
    }

    /// Returns whether another state is the same, apart from modes and owners.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(own), Self::File(other)) => own.is_same_content(other),
            (Self::Directory { .. }, Self::Directory { .. }) => true,
            _ => self == other,
        }
    }

    /// The state in a few words: of a file the SHA-256, where it is known. `None` where nothing is.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::File(facts) => Some(match &facts.sha256 {
                Some(sha256) => sha256.clone(),
                None => format!("a file of {} bytes", facts.size),
            }),
            Self::Directory { .. } => Some("a directory".to_owned()),
            Self::Link { target } => Some(format!("a link to `{target}`")),
        }
    }
}

impl From<&FileSnapshot> for PathState {
    fn from(file: &FileSnapshot) -> Self {
        let Some(metadata) = &file.metadata else {
            return Self::Absent;
        };
        Self::File(FileFacts {
            size: file.content.len() as u64,
            sha256: file.sha256(),
            ..FileFacts::of(metadata)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64, sha256: Option<&str>, modified: Option<u32>) -> PathState {
        PathState::File(FileFacts {
            size,
            sha256: sha256.map(ToOwned::to_owned),
            modified,
            ..FileFacts::default()
        })
    }

    #[test]
    fn contents_are_the_same_by_checksum_or_else_by_length_and_time() {
        let left = file(3, Some("a"), Some(9));
        assert!(left.is_same(&file(3, Some("a"), None)));
        assert!(!left.is_same(&file(3, Some("b"), Some(9))));
        assert!(left.is_same(&file(3, None, Some(9))));
        assert!(!left.is_same(&file(4, None, Some(9))));
        assert!(!file(3, None, None).is_same(&file(3, None, None)));
        assert!(!left.is_same(&PathState::Absent));
    }
}
