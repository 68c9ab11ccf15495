//! The files that are sent in an upload, wherever they are.

use std::path::PathBuf;

use crate::sftp::error::Result;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::path::RemotePath;
use crate::sftp::transfer::file_transfer::FileTransfer;
use crate::sftp::transfer::peer::Peer;
use crate::sftp::transfer::upload::Upload;
use crate::sftp::transfer::upload::stripe_sender::StripeSender;

/// A filesystem from which files are sent to a server.
pub(crate) trait UploadSource: Filesystem + Sized {
    /// The end of a transfer that has it.
    type Peer: Peer;
    /// Permission bits that a new file takes over.
    const MODE_MASK: u32;

    /// The filesystem of that end.
    fn of(peer: &Self::Peer) -> &Self;
    /// A path of it, if it is that of this machine.
    fn local(path: &Self::Path) -> Option<&PathBuf>;
    /// Refuses a file that cannot be opened.
    fn check_readable(
        transfer: &FileTransfer<'_, Upload<Self>>,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Reads a file, of which `most` bytes at most are taken.
    fn read_small(
        transfer: &FileTransfer<'_, Upload<Self>>,
        most: u64,
    ) -> impl Future<Output = Result<Vec<u8>>> + Send;
    /// Sends a file from `start` on. Returns its length.
    fn stream(
        transfer: &FileTransfer<'_, Upload<Self>>,
        start: u64,
        sender: &mut StripeSender<'_>,
    ) -> impl Future<Output = Result<u64>> + Send;
    /// Checksums of the first `length` bytes of the file and of its copy.
    fn checksums(
        transfer: &FileTransfer<'_, Upload<Self>>,
        copy: &RemotePath,
        length: u64,
    ) -> impl Future<Output = Result<(String, String)>> + Send;
}
