//! This machine's files.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::entry_limit::EntryLimit;
use super::facts::Facts;
use super::path::{bytes_of, local_of};
use super::side::{FILE_IN_THE_WAY, LINK_IN_THE_WAY, Side, blocking, in_the_way};
use crate::config::expand_home;

/// This machine.
pub(super) struct Local;

impl Side for Local {
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

    async fn facts(&self, path: &PathBuf) -> io::Result<Option<Facts>> {
        found(tokio::fs::metadata(path).await)
    }

    async fn own_facts(&self, path: &PathBuf) -> io::Result<Option<Facts>> {
        found(tokio::fs::symlink_metadata(path).await)
    }

    async fn real_path(&self, path: &PathBuf) -> io::Result<PathBuf> {
        tokio::fs::canonicalize(path).await
    }

    async fn list(
        &self,
        path: &PathBuf,
        limit: &Arc<EntryLimit>,
    ) -> io::Result<Vec<(PathBuf, Facts)>> {
        let (path, limit) = (path.clone(), Arc::clone(limit));
        blocking(move || {
            let entries = std::fs::read_dir(&path)?.map(|entry| {
                let entry = entry?;
                limit.take_entry()?;
                limit.take_path(entry.file_name().len())?;
                Ok((entry.file_name().into(), Facts::from(&entry.metadata()?)))
            });
            entries.collect()
        })
        .await
    }

    async fn make_root(&self, path: &PathBuf) -> io::Result<bool> {
        if let Some(facts) = self.facts(path).await? {
            return if facts.is_directory() {
                Ok(false)
            } else {
                Err(in_the_way(&path.display(), FILE_IN_THE_WAY))
            };
        }
        tokio::fs::create_dir_all(path).await.map(|()| true)
    }

    async fn make_directories(&self, paths: &[PathBuf]) -> Vec<io::Result<bool>> {
        let paths = paths.to_vec();
        let made = blocking(move || Ok(paths.iter().map(|path| make(path)).collect()));
        made.await.unwrap_or_else(|error| vec![Err(error)])
    }

    async fn end_directory(&self, path: &PathBuf, facts: &Facts) {
        let (directory, facts) = (path.clone(), *facts);
        let ended = blocking(move || {
            let directory = File::open(&directory)?;
            let mode = facts.mode.map(|mode| mode & 0o777);
            set(&directory, mode, facts.modified)
        });
        if let Err(error) = ended.await {
            tracing::debug!("cannot set what `{}` is: {error}", path.display());
        }
    }

    async fn read_link(&self, path: &PathBuf) -> io::Result<Vec<u8>> {
        let target = tokio::fs::read_link(path).await?;
        Ok(bytes_of(target.as_os_str()).into_owned())
    }

    async fn make_link(&self, target: &[u8], path: &PathBuf) -> io::Result<()> {
        let (target, path) = (local_of(target), path.clone());
        blocking(move || make_link(&target, &path)).await
    }

    async fn replace(&self, from: &PathBuf, to: &PathBuf) -> io::Result<()> {
        tokio::fs::rename(from, to).await
    }

    async fn remove(&self, path: &PathBuf) -> io::Result<()> {
        tokio::fs::remove_file(path).await
    }
}

fn make(path: &Path) -> io::Result<bool> {
    let Err(error) = std::fs::create_dir(path) else {
        return Ok(true);
    };
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(false),
        Ok(metadata) if metadata.is_symlink() => Err(in_the_way(&path.display(), LINK_IN_THE_WAY)),
        Ok(_) => Err(in_the_way(&path.display(), FILE_IN_THE_WAY)),
        Err(_) => Err(error),
    }
}

/// Sets what is given of an open file or directory.
pub(super) fn set(file: &File, mode: Option<u32>, modified: Option<u32>) -> io::Result<()> {
    if let Some(mode) = mode {
        set_mode(file, mode)?;
    }
    match modified {
        Some(modified) => file.set_modified(UNIX_EPOCH + Duration::from_secs(modified.into())),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn make_link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "is a symbolic link, which this system does not keep",
    ))
}

fn found(metadata: io::Result<std::fs::Metadata>) -> io::Result<Option<Facts>> {
    match metadata {
        Ok(metadata) => Ok(Some(Facts::from(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
