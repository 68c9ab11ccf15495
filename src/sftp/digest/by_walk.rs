//! A tree that is listed and read from here.

use futures_util::stream::{self, StreamExt};

use crate::sftp::digest::{DigestEntry, EntryContent, TreeDigest, bytes};
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::path::RemotePath;
use crate::sftp::plan::exclusion::Exclusion;
use crate::sftp::plan::tree::{WalkBounds, walk};
use crate::sftp::session::SftpSession;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::transfer::checksum::{local_sha256, read_sha256};

/// Files read at once.
const READ_AT_ONCE: usize = 8;

/// Most bytes that are read from a server; of further files, sizes are compared.
const MOST_FROM_SERVER: u64 = 256 * 1024 * 1024;

/// A filesystem whose files can be read.
pub(super) trait ReadableTree: Sync {
    type Files: Filesystem;
    /// Most bytes that are read in all.
    const MOST: u64;

    fn files(&self) -> &Self::Files;
    /// Computes the SHA-256 of the first `length` bytes of a file.
    fn sha256(
        &self,
        path: &<Self::Files as Filesystem>::Path,
        length: u64,
    ) -> impl Future<Output = Result<String>> + Send;
}

/// Files of this machine.
pub(super) struct LocalTree<'a> {
    roots: &'a Roots,
    files: LocalFilesystem,
}

impl<'a> LocalTree<'a> {
    pub(super) fn within(roots: &'a Roots) -> Self {
        Self {
            roots,
            files: LocalFilesystem::within(roots),
        }
    }
}

impl ReadableTree for LocalTree<'_> {
    type Files = LocalFilesystem;
    const MOST: u64 = u64::MAX;

    fn files(&self) -> &LocalFilesystem {
        &self.files
    }

    async fn sha256(&self, path: &std::path::PathBuf, length: u64) -> Result<String> {
        local_sha256(self.roots, path, length).await
    }
}

impl ReadableTree for SftpSession {
    type Files = SftpSession;
    const MOST: u64 = MOST_FROM_SERVER;

    fn files(&self) -> &SftpSession {
        self
    }

    async fn sha256(&self, path: &RemotePath, length: u64) -> Result<String> {
        let handle = self.open_read(path).await?;
        let open = RemoteFile::new(self, path, handle);
        read_sha256(self, &open.handle, length).await
    }
}

/// Lists a tree with the checksums of its files.
pub(super) async fn digest<T: ReadableTree>(
    tree: &T,
    root: &<T::Files as Filesystem>::Path,
    exclusion: &Exclusion,
    limit: EntryLimit,
) -> Result<TreeDigest> {
    let mut digest = TreeDigest::default();
    let Some(metadata) = tree.files().stat(root).await? else {
        return Ok(digest);
    };
    metadata.check_kind(&T::Files::shown(root))?;
    let mut files = Vec::new();
    if metadata.is_directory() {
        let entry = DigestEntry::of(EntryContent::Directory, Some(&metadata));
        digest.entries.insert(Vec::new(), entry);
        let bounds = WalkBounds {
            depth: None,
            entered: None,
            limit,
            exclusion,
        };
        let listed = walk(tree.files(), root, bounds).await?;
        for (path, metadata) in &listed.directories {
            let entry = DigestEntry::of(EntryContent::Directory, Some(metadata));
            digest.entries.insert(bytes(path), entry);
        }
        for path in &listed.links {
            let target = tree.files().read_link(&T::Files::join(root, path)).await?;
            let entry = DigestEntry::of(EntryContent::Link(target), None);
            digest.entries.insert(bytes(path), entry);
        }
        for (path, reason) in &listed.left_out {
            let entry = DigestEntry::of(EntryContent::Special, None);
            digest.entries.entry(bytes(path)).or_insert(entry);
            digest.notes.push(format!("`{}`: {reason}", path.display()));
        }
        for (path, metadata) in listed.files {
            files.push((bytes(&path), T::Files::join(root, &path), metadata));
        }
    } else {
        files.push((Vec::new(), root.clone(), metadata));
    }
    add_files(tree, files, &mut digest).await?;
    Ok(digest)
}

async fn add_files<T: ReadableTree>(
    tree: &T,
    files: Vec<(Vec<u8>, <T::Files as Filesystem>::Path, Metadata)>,
    digest: &mut TreeDigest,
) -> Result<()> {
    let mut left = T::MOST;
    let mut unread = 0;
    let reads = files.into_iter().map(|(name, path, metadata)| {
        let fits = metadata.length <= left && metadata.file_type == FileType::File;
        left = left.saturating_sub(metadata.length);
        async move {
            let sum = if fits {
                tree.sha256(&path, metadata.length).await.map(Some)
            } else {
                Ok(None)
            };
            (name, metadata, sum)
        }
    });
    let mut reads = stream::iter(reads).buffer_unordered(READ_AT_ONCE);
    while let Some((name, metadata, sum)) = reads.next().await {
        let sha256 = match sum {
            Err(error) if error.is_connection_lost() => return Err(error),
            Err(SftpError::NotFound(_)) => continue,
            sum => sum.ok().flatten(),
        };
        unread += usize::from(sha256.is_none());
        let size = metadata.length;
        let entry = DigestEntry::of(EntryContent::File { size, sha256 }, Some(&metadata));
        digest.entries.insert(name, entry);
    }
    if unread > 0 {
        let note = format!("{unread} files were not read: of these, sizes were compared");
        digest.notes.push(note);
    }
    Ok(())
}
