//! Metadata of a file, here or on a server.

use std::fs;
use std::time::UNIX_EPOCH;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::wire::Attributes;

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A block or character device.
    Device,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// Anything else.
    Other,
}

impl FileType {
    /// The word for a file that is neither copied nor replaced.
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

/// The type of a file and the attributes that a copy of it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Its type.
    pub file_type: FileType,
    /// In bytes.
    pub length: u64,
    /// Permission bits, without the file type.
    pub mode: Option<u32>,
    /// User and group, by their numbers.
    pub owner: Option<(u32, u32)>,
    /// Seconds since 1970; the protocol has 32 bits for them (section 5).
    pub modified: Option<u32>,
}

impl Metadata {
    /// Placeholder for the metadata of a symbolic link, which nobody needs.
    pub(crate) const LINK: Self = Self {
        file_type: FileType::Link,
        length: 0,
        mode: None,
        owner: None,
        modified: None,
    };

    /// Returns whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// Refuses anything but a file, directory or symbolic link.
    pub(crate) fn check_kind(&self, shown: &str) -> Result<()> {
        match self.file_type.special() {
            Some(what) => Err(SftpError::NotAFile(format!(
                "`{shown}` is {what}, not a file"
            ))),
            None => Ok(()),
        }
    }
}

impl From<&Attributes> for Metadata {
    fn from(attributes: &Attributes) -> Self {
        let file_type = match attributes.permissions.map(|mode| mode & 0o170_000) {
            // A server that omits permissions omits the type as well.
            None | Some(0 | 0o100_000) => FileType::File,
            Some(0o040_000) => FileType::Directory,
            Some(0o120_000) => FileType::Link,
            Some(0o020_000 | 0o060_000) => FileType::Device,
            Some(0o010_000) => FileType::Pipe,
            Some(0o140_000) => FileType::Socket,
            Some(_) => FileType::Other,
        };
        Self {
            file_type,
            length: attributes.size.unwrap_or(0),
            mode: attributes.permissions.map(|mode| mode & 0o7777),
            owner: attributes.owner,
            modified: attributes.times.map(|(_, modified)| modified),
        }
    }
}

impl From<&fs::Metadata> for Metadata {
    fn from(metadata: &fs::Metadata) -> Self {
        let file_type = match metadata.file_type() {
            file_type if file_type.is_file() => FileType::File,
            file_type if file_type.is_dir() => FileType::Directory,
            file_type if file_type.is_symlink() => FileType::Link,
            file_type => special(file_type),
        };
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            file_type,
            length: metadata.len(),
            mode: mode_of(metadata),
            owner: owner_of(metadata),
            modified: modified.and_then(|time| u32::try_from(time.as_secs()).ok()),
        }
    }
}

#[cfg(unix)]
fn special(file_type: fs::FileType) -> FileType {
    use std::os::unix::fs::FileTypeExt;
    match file_type {
        file_type if file_type.is_char_device() || file_type.is_block_device() => FileType::Device,
        file_type if file_type.is_fifo() => FileType::Pipe,
        file_type if file_type.is_socket() => FileType::Socket,
        _ => FileType::Other,
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> FileType {
    FileType::Other
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere files have no numbers of owners"
)]
fn owner_of(metadata: &fs::Metadata) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.uid(), metadata.gid()))
}

#[cfg(not(unix))]
fn owner_of(_: &fs::Metadata) -> Option<(u32, u32)> {
    None
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere files have no permission bits"
)]
fn mode_of(metadata: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode_of(_: &fs::Metadata) -> Option<u32> {
    None
}
