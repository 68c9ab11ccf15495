//! What is known of a file, on either side.

use std::fs::{FileType, Metadata};
use std::io;
use std::time::UNIX_EPOCH;

use crate::sftp::wire::Attributes;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    Device,
    Pipe,
    Socket,
    Other,
}

impl Kind {
    /// What it is called, where it is nothing that is copied or replaced.
    pub(crate) fn special(self) -> Option<&'static str> {
        match self {
            Self::File | Self::Directory | Self::Link => None,
            Self::Device => Some("a device"),
            Self::Pipe => Some("a named pipe (FIFO)"),
            Self::Socket => Some("a socket"),
            Self::Other => Some("something else"),
        }
    }
}

/// What a path is, and what a copy of it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    /// In bytes.
    pub(crate) length: u64,
    /// Permission bits, without the file type.
    pub(crate) mode: Option<u32>,
    /// User and group, by their numbers.
    pub(crate) owner: Option<(u32, u32)>,
    /// Seconds since 1970, as far as the protocol can say them.
    pub(crate) modified: Option<u32>,
}

impl Facts {
    pub(crate) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// Refuses what is neither file, directory nor link.
    pub(crate) fn check_kind(&self, shown: &str) -> io::Result<()> {
        match self.kind.special() {
            Some(what) => Err(io::Error::other(format!("`{shown}` is {what}, not a file"))),
            None => Ok(()),
        }
    }
}

impl From<&Attributes> for Facts {
    fn from(attributes: &Attributes) -> Self {
        let kind = match attributes.permissions.map(|mode| mode & 0o170_000) {
            // A server without permissions tells no types either.
            None | Some(0 | 0o100_000) => Kind::File,
            Some(0o040_000) => Kind::Directory,
            Some(0o120_000) => Kind::Link,
            Some(0o020_000 | 0o060_000) => Kind::Device,
            Some(0o010_000) => Kind::Pipe,
            Some(0o140_000) => Kind::Socket,
            Some(_) => Kind::Other,
        };
        Self {
            kind,
            length: attributes.size.unwrap_or(0),
            mode: attributes.permissions.map(|mode| mode & 0o7777),
            owner: attributes.owner,
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
            kind => special(kind),
        };
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            kind,
            length: metadata.len(),
            mode: mode_of(metadata),
            owner: owner_of(metadata),
            modified: modified.and_then(|time| u32::try_from(time.as_secs()).ok()),
        }
    }
}

#[cfg(unix)]
fn special(kind: FileType) -> Kind {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        kind if kind.is_char_device() || kind.is_block_device() => Kind::Device,
        kind if kind.is_fifo() => Kind::Pipe,
        kind if kind.is_socket() => Kind::Socket,
        _ => Kind::Other,
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> Kind {
    Kind::Other
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere files have no numbers of owners"
)]
fn owner_of(metadata: &Metadata) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.uid(), metadata.gid()))
}

#[cfg(not(unix))]
fn owner_of(_: &Metadata) -> Option<(u32, u32)> {
    None
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
