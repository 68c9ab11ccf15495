//! A target of a file, looked at before it is planned.

use crate::sftp::error::Result;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::plan::destination::Destination;

/// The answers to the questions about a target.
pub(crate) struct TargetLook<T: Filesystem> {
    /// Metadata with symbolic links followed.
    pub(super) followed: Result<Option<Metadata>>,
    /// Metadata of the entry itself.
    pub(super) own: Result<Option<Metadata>>,
    /// True if its parent is a directory.
    pub(super) has_parent: bool,
    /// True if an interrupted replacement may have left the file aside.
    pub(super) is_aside: bool,
    pub(super) destination: Destination<T>,
}
