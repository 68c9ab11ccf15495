//! What is known of a file, on either side.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

use super::wire::Attributes;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    Other,
}

/// What a path is, and what a copy of it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) kind: Kind,
    /// In bytes.
    pub(super) length: u64,
    /// Permission bits, without the file type.
    pub(super) mode: Option<u32>,
    /// Seconds since 1970, as far as the protocol can say them.
    pub(super) modified: Option<u32>,
}

impl Facts {
    pub(super) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}

impl From<&Attributes> for Facts {
    fn from(attributes: &Attributes) -> Self {
        let kind = match attributes.permissions.map(|mode| mode & 0o170_000) {
            // A server without permissions tells no types either.
            None | Some(0 | 0o100_000) => Kind::File,
            Some(0o040_000) => Kind::Directory,
            Some(0o120_000) => Kind::Link,
            Some(_) => Kind::Other,
        };
        Self {
            kind,
            length: attributes.size.unwrap_or(0),
            mode: attributes.permissions.map(|mode| mode & 0o7777),
            modified: attributes.times.map(|(_, modified)| modified),
        }
    }
}

impl From<&Metadata> for Facts {
    fn from(metadata: &Metadata) -> Self {
        let kind = match metadata.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Directory,
            kind if kind.is_symlink() => Kind::Link,
            _ => Kind::Other,
        };
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            kind,
            length: metadata.len(),
            mode: mode_of(metadata),
            modified: modified.and_then(|time| u32::try_from(time.as_secs()).ok()),
        }
    }
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere files have no permission bits"
)]
fn mode_of(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode_of(_: &Metadata) -> Option<u32> {
    None
}
