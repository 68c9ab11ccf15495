//! This machine's files.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::fs::{blocking, expand_home, flush_filesystem, set_mode};
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::local_entry::LocalEntry;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::filesystem::{
    FILE_IN_THE_WAY, Filesystem, LINK_IN_THE_WAY, ServerShell, in_the_way, one_of_each_directory,
};
use crate::sftp::path::{bytes_of, local_of};
use crate::sftp::transfer::checksum::sum;

/// Files whose checksums are computed before a cancellation is heard.
const SUMMED_AT_ONCE: usize = 16;

/// The files of this machine that transfers may touch.
#[derive(Clone, Debug)]
pub(crate) struct LocalFilesystem {
    roots: Roots,
}

impl LocalFilesystem {
    pub(crate) fn within(roots: &Roots) -> Self {
        Self {
            roots: roots.clone(),
        }
    }

    /// Runs blocking work on the entry at a path; a symbolic link is not followed.
    async fn at<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(LocalEntry) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (roots, path) = (self.roots.clone(), path.to_owned());
        blocking(move || work(roots.entry(&path)?)).await
    }

    /// Runs blocking work on the entry that a path resolves to.
    async fn behind<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(LocalEntry) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (roots, path) = (self.roots.clone(), path.to_owned());
        blocking(move || work(roots.followed(&path)?)).await
    }
}

impl Filesystem for LocalFilesystem {
    type Path = PathBuf;

    fn path(text: &str) -> PathBuf {
        expand_home(text)
    }

    fn pattern(text: &str) -> String {
        expand_home(text).to_string_lossy().into_owned()
    }

    fn names_directory(text: &str) -> bool {
        text.ends_with(['/', std::path::MAIN_SEPARATOR])
    }

    fn join(directory: &PathBuf, below: &Path) -> PathBuf {
        directory.join(below)
    }

    fn parent(path: &PathBuf) -> Option<PathBuf> {
        let parent = path.parent()?;
        (!parent.as_os_str().is_empty()).then(|| parent.to_owned())
    }

    fn file_name(path: &PathBuf) -> Option<Cow<'_, [u8]>> {
        path.file_name().map(bytes_of)
    }

    fn beside(path: &PathBuf, name: &[u8]) -> PathBuf {
        path.with_file_name(local_of(name))
    }

    fn bytes(path: &PathBuf) -> Cow<'_, [u8]> {
        bytes_of(path.as_os_str())
    }

    fn shown(path: &PathBuf) -> String {
        path.display().to_string()
    }

    async fn stat(&self, path: &PathBuf) -> Result<Option<Metadata>> {
        none_if_not_found(self.behind(path, |entry| entry.metadata()).await)
    }

    async fn lstat(&self, path: &PathBuf) -> Result<Option<Metadata>> {
        none_if_not_found(self.at(path, |entry| entry.metadata()).await)
    }

    async fn real_path(&self, path: &PathBuf) -> Result<PathBuf> {
        Ok(tokio::fs::canonicalize(path).await?)
    }

    async fn read_dir(
        &self,
        path: &PathBuf,
        limit: &Arc<EntryLimit>,
    ) -> Result<Vec<(PathBuf, Metadata)>> {
        let limit = Arc::clone(limit);
        self.behind(path, move |entry| entry.read_dir(&limit)).await
    }

    async fn read_beginning(&self, path: &PathBuf, most: usize) -> Result<Vec<u8>> {
        self.at(path, move |entry| {
            let mut content = Vec::new();
            let mut file = entry.open_read()?.take(most as u64);
            file.read_to_end(&mut content)?;
            Ok(content)
        })
        .await
    }

    async fn sha256_of_all(
        &self,
        files: &[(PathBuf, u64)],
        _: Option<ServerShell<'_>>,
    ) -> Result<Option<Vec<Option<String>>>> {
        let mut sums = Vec::new();
        for some in files.chunks(SUMMED_AT_ONCE) {
            let (roots, some) = (self.roots.clone(), some.to_vec());
            let sum_of = move |path: &Path| {
                let mut file = roots.followed(path).ok()?.open_read().ok()?;
                sum(&mut file).ok().map(|(_, sum)| sum)
            };
            let summed = blocking(move || {
                let summed = some.iter().map(|(path, _)| sum_of(path));
                Ok::<_, SftpError>(summed.collect::<Vec<_>>())
            });
            sums.extend(summed.await?);
        }
        Ok(Some(sums))
    }

    fn may_flush(&self) -> bool {
        cfg!(target_os = "linux")
    }

    async fn flush(&self, files: &[PathBuf], _: Option<ServerShell<'_>>) -> bool {
        let files = one_of_each_directory::<Self>(files).into_iter().cloned();
        let (roots, files) = (self.roots.clone(), files.collect::<Vec<_>>());
        let flushed = blocking(move || {
            let mut devices = HashSet::new();
            for file in &files {
                let file = roots.entry(file)?.open_read()?;
                if devices.insert(device(&file)?) && !flush_filesystem(&file)? {
                    return Ok(false);
                }
            }
            Ok::<_, SftpError>(true)
        });
        flushed.await.unwrap_or_else(|error| {
            tracing::debug!("no filesystem of this machine is flushed: {error}");
            false
        })
    }

    async fn sync(&self, path: &PathBuf) -> Result<()> {
        self.at(path, |entry| {
            // Its mode may not let it be written.
            let file = entry.open_write().or_else(|_| entry.open_read())?;
            Ok(file.sync_all()?)
        })
        .await
    }

    async fn create_dir_all(&self, path: &PathBuf) -> Result<Vec<PathBuf>> {
        if let Some(metadata) = self.stat(path).await? {
            return if metadata.is_directory() {
                Ok(Vec::new())
            } else {
                Err(in_the_way(&path.display(), FILE_IN_THE_WAY))
            };
        }
        let (roots, path) = (self.roots.clone(), path.clone());
        blocking(move || {
            let missing = path.ancestors().take_while(|above| !above.exists());
            let mut missing: Vec<_> = missing.map(Path::to_owned).collect();
            missing.retain(|above| !above.as_os_str().is_empty());
            missing.reverse();
            roots.create_dir_all(&path)?;
            Ok(missing)
        })
        .await
    }

    async fn create_dirs(&self, paths: &[PathBuf]) -> Vec<Result<bool>> {
        let (roots, paths) = (self.roots.clone(), paths.to_vec());
        let made = blocking(move || {
            Ok(paths
                .iter()
                .map(|path| create_one_dir(&roots, path))
                .collect())
        });
        made.await.unwrap_or_else(|error| vec![Err(error)])
    }

    async fn set_directory_attributes(&self, path: &PathBuf, metadata: &Metadata) {
        let metadata = *metadata;
        let ended = self.at(path, move |entry| {
            let mode = metadata.mode.map(|mode| mode & 0o777);
            set_attributes(&entry.open_directory()?, mode, metadata.modified)
        });
        if let Err(error) = ended.await {
            tracing::debug!("cannot set mode or time of `{}`: {error}", path.display());
        }
    }

    async fn read_link(&self, path: &PathBuf) -> Result<Vec<u8>> {
        self.at(path, |entry| entry.read_link()).await
    }

    async fn symlink(&self, target: &[u8], path: &PathBuf) -> Result<()> {
        let target = local_of(target);
        self.at(path, move |entry| entry.symlink(&target)).await
    }

    async fn rename_over(&self, from: &PathBuf, to: &PathBuf) -> Result<()> {
        let (roots, to) = (self.roots.clone(), to.clone());
        self.at(from, move |from| from.rename_over(&roots.entry(&to)?))
            .await
    }

    async fn remove(&self, path: &PathBuf) -> Result<()> {
        self.at(path, |entry| entry.remove()).await
    }

    async fn remove_dir(&self, path: &PathBuf) -> Result<()> {
        self.at(path, |entry| entry.remove_dir()).await
    }
}

/// The filesystem that a file is on.
#[cfg(unix)]
fn device(file: &File) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.dev())
}

#[cfg(not(unix))]
fn device(_: &File) -> Result<u64> {
    Ok(0)
}

fn create_one_dir(roots: &Roots, path: &Path) -> Result<bool> {
    let entry = roots.entry(path)?;
    let Err(error) = entry.create_dir() else {
        return Ok(true);
    };
    match entry.metadata() {
        Ok(Some(metadata)) if metadata.is_directory() => Ok(false),
        Ok(Some(metadata)) if metadata.file_type == FileType::Link => {
            Err(in_the_way(&path.display(), LINK_IN_THE_WAY))
        }
        Ok(Some(_)) => Err(in_the_way(&path.display(), FILE_IN_THE_WAY)),
        _ => Err(error),
    }
}

/// Sets mode and modification time of an open file or directory, where given.
pub(crate) fn set_attributes(file: &File, mode: Option<u32>, modified: Option<u32>) -> Result<()> {
    if let Some(mode) = mode {
        set_mode(file, mode)?;
    }
    match modified {
        Some(modified) => Ok(file.set_modified(UNIX_EPOCH + Duration::from_secs(modified.into()))?),
        None => Ok(()),
    }
}

/// Takes a missing parent directory for a missing entry.
fn none_if_not_found(metadata: Result<Option<Metadata>>) -> Result<Option<Metadata>> {
    match metadata {
        Err(SftpError::NotFound(_)) => Ok(None),
        metadata => metadata,
    }
}
