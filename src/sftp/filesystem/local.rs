//! This machine's files.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::config::expand_home;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::local_entry::LocalEntry;
use crate::sftp::filesystem::metadata::{Facts, Kind};
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::filesystem::{FILE_IN_THE_WAY, LINK_IN_THE_WAY, Side, blocking, in_the_way};
use crate::sftp::path::{bytes_of, local_of};

/// This machine, as far as transfers may touch it.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    roots: Roots,
}

impl Local {
    pub(crate) fn within(roots: &Roots) -> Self {
        Self {
            roots: roots.clone(),
        }
    }

    /// Does what touches the entry at a path itself on a thread that may wait.
    async fn at<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(LocalEntry) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (roots, path) = (self.roots.clone(), path.to_owned());
        blocking(move || work(roots.entry(&path)?)).await
    }

    /// The same for the entry that a path leads to in the end.
    async fn behind<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(LocalEntry) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (roots, path) = (self.roots.clone(), path.to_owned());
        blocking(move || work(roots.followed(&path)?)).await
    }
}

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
        absent(self.behind(path, |entry| entry.facts()).await)
    }

    async fn own_facts(&self, path: &PathBuf) -> io::Result<Option<Facts>> {
        absent(self.at(path, |entry| entry.facts()).await)
    }

    async fn real_path(&self, path: &PathBuf) -> io::Result<PathBuf> {
        tokio::fs::canonicalize(path).await
    }

    async fn list(
        &self,
        path: &PathBuf,
        limit: &Arc<EntryLimit>,
    ) -> io::Result<Vec<(PathBuf, Facts)>> {
        let limit = Arc::clone(limit);
        self.behind(path, move |entry| entry.list(&limit)).await
    }

    async fn make_root(&self, path: &PathBuf) -> io::Result<bool> {
        if let Some(facts) = self.facts(path).await? {
            return if facts.is_directory() {
                Ok(false)
            } else {
                Err(in_the_way(&path.display(), FILE_IN_THE_WAY))
            };
        }
        let (roots, path) = (self.roots.clone(), path.clone());
        blocking(move || roots.make_directories(&path).map(|()| true)).await
    }

    async fn make_directories(&self, paths: &[PathBuf]) -> Vec<io::Result<bool>> {
        let (roots, paths) = (self.roots.clone(), paths.to_vec());
        let made = blocking(move || Ok(paths.iter().map(|path| make(&roots, path)).collect()));
        made.await.unwrap_or_else(|error| vec![Err(error)])
    }

    async fn end_directory(&self, path: &PathBuf, facts: &Facts) {
        let facts = *facts;
        let ended = self.at(path, move |entry| {
            let mode = facts.mode.map(|mode| mode & 0o777);
            set(&entry.open_directory()?, mode, facts.modified)
        });
        if let Err(error) = ended.await {
            tracing::debug!("cannot set what `{}` is: {error}", path.display());
        }
    }

    async fn read_link(&self, path: &PathBuf) -> io::Result<Vec<u8>> {
        self.at(path, |entry| entry.read_link()).await
    }

    async fn make_link(&self, target: &[u8], path: &PathBuf) -> io::Result<()> {
        let target = local_of(target);
        self.at(path, move |entry| entry.make_link(&target)).await
    }

    async fn replace(&self, from: &PathBuf, to: &PathBuf) -> io::Result<()> {
        let (roots, to) = (self.roots.clone(), to.clone());
        self.at(from, move |from| from.rename_over(&roots.entry(&to)?))
            .await
    }

    async fn remove(&self, path: &PathBuf) -> io::Result<()> {
        self.at(path, |entry| entry.remove()).await
    }
}

fn make(roots: &Roots, path: &Path) -> io::Result<bool> {
    let entry = roots.entry(path)?;
    let Err(error) = entry.make_directory() else {
        return Ok(true);
    };
    match entry.facts() {
        Ok(Some(facts)) if facts.is_directory() => Ok(false),
        Ok(Some(facts)) if facts.kind == Kind::Link => {
            Err(in_the_way(&path.display(), LINK_IN_THE_WAY))
        }
        Ok(Some(_)) => Err(in_the_way(&path.display(), FILE_IN_THE_WAY)),
        _ => Err(error),
    }
}

/// Sets what is given of an open file or directory.
pub(crate) fn set(file: &File, mode: Option<u32>, modified: Option<u32>) -> io::Result<()> {
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

/// Nothing is where the directory is missing that would hold it.
fn absent(facts: io::Result<Option<Facts>>) -> io::Result<Option<Facts>> {
    match facts {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        facts => facts,
    }
}
