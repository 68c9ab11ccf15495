//! The two sides of a transfer, alike: this machine's files and a server's.

use std::collections::VecDeque;
use std::fmt::Display;
use std::hash::Hash;
use std::io;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::facts::Facts;
use super::path::{RemotePath, local_of};
use super::session::Session;
use crate::config::expand_home;

const LINK_IN_THE_WAY: &str = "a symbolic link is in the way, which is not followed";
const FILE_IN_THE_WAY: &str = "a file is in the way";

/// Files of this machine or of a server. Paths below a root are local ones for both.
pub(super) trait Side: Sync {
    /// A path as this side has it.
    type Path: Clone + Eq + Hash + Send + Sync + 'static;

    /// A path as a user writes it.
    fn path(text: &str) -> Self::Path;
    /// That path as a pattern.
    fn pattern(text: &str) -> String;
    /// Whether the user marked it as a directory.
    fn names_directory(text: &str) -> bool;
    /// The path `below` a directory.
    fn join(directory: &Self::Path, below: &Path) -> Self::Path;
    /// The directory that holds it.
    fn parent(path: &Self::Path) -> Option<Self::Path>;
    /// Its last component.
    fn file_name(path: &Self::Path) -> Option<PathBuf>;
    /// The path for people.
    fn shown(path: &Self::Path) -> String;

    /// What is there, links followed; `None` if nothing is.
    fn facts(&self, path: &Self::Path) -> impl Future<Output = io::Result<Option<Facts>>> + Send;
    /// What a directory holds, links not followed.
    fn list(
        &self,
        path: &Self::Path,
    ) -> impl Future<Output = io::Result<Vec<(PathBuf, Facts)>>> + Send;
    /// Makes a directory and whatever is missing above it. Says whether it was missing.
    fn make_root(&self, path: &Self::Path) -> impl Future<Output = io::Result<bool>> + Send;
    /// Makes directories, each after the one that holds it. Says of each whether it was missing.
    /// A link is not taken for a directory: it may lead out of the tree.
    fn make_directories(
        &self,
        paths: &[Self::Path],
    ) -> impl Future<Output = Vec<io::Result<bool>>> + Send;
}

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

    fn file_name(path: &PathBuf) -> Option<PathBuf> {
        path.file_name().map(PathBuf::from)
    }

    fn shown(path: &PathBuf) -> String {
        path.display().to_string()
    }

    async fn facts(&self, path: &PathBuf) -> io::Result<Option<Facts>> {
        found(tokio::fs::metadata(path).await)
    }

    async fn list(&self, path: &PathBuf) -> io::Result<Vec<(PathBuf, Facts)>> {
        let path = path.clone();
        blocking(move || {
            let entries = std::fs::read_dir(&path)?.map(|entry| {
                let entry = entry?;
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

/// A server, over a session of its.
impl Side for Session {
    type Path = RemotePath;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text)
    }

    fn pattern(text: &str) -> String {
        RemotePath::new(text).to_string()
    }

    fn names_directory(text: &str) -> bool {
        text.ends_with('/')
    }

    fn join(directory: &RemotePath, below: &Path) -> RemotePath {
        directory.join_local(below)
    }

    fn parent(path: &RemotePath) -> Option<RemotePath> {
        path.parent()
    }

    fn file_name(path: &RemotePath) -> Option<PathBuf> {
        path.file_name().map(local_of)
    }

    fn shown(path: &RemotePath) -> String {
        path.to_string()
    }

    async fn facts(&self, path: &RemotePath) -> io::Result<Option<Facts>> {
        Session::facts(self, path).await
    }

    async fn list(&self, path: &RemotePath) -> io::Result<Vec<(PathBuf, Facts)>> {
        let entries = self.entries(path).await?.into_iter();
        Ok(entries
            .map(|(name, facts)| (local_of(&name), facts))
            .collect())
    }

    async fn make_root(&self, path: &RemotePath) -> io::Result<bool> {
        let mut missing = VecDeque::new();
        let mut next = Some(path.clone());
        while let Some(directory) = next {
            match Session::facts(self, &directory).await? {
                Some(facts) if facts.is_directory() => break,
                Some(_) => return Err(in_the_way(&directory, FILE_IN_THE_WAY)),
                None => {
                    next = directory.parent();
                    missing.push_front(directory);
                }
            }
        }
        let missing = Vec::from(missing);
        for (made, directory) in self
            .make_directories(&missing)
            .await
            .into_iter()
            .zip(&missing)
        {
            made.map_err(|error| {
                io::Error::new(error.kind(), format!("cannot make `{directory}`: {error}"))
            })?;
        }
        Ok(!missing.is_empty())
    }

    async fn make_directories(&self, paths: &[RemotePath]) -> Vec<io::Result<bool>> {
        let asked: Vec<_> = paths.iter().map(|path| self.make_directory(path)).collect();
        let mut made = Vec::with_capacity(paths.len());
        for (path, asked) in paths.iter().zip(asked) {
            made.push(match self.done(asked).await {
                Ok(()) => Ok(true),
                Err(error) => match self.own_facts(path).await {
                    Ok(Some(facts)) if facts.is_directory() => Ok(false),
                    Ok(Some(facts)) if facts.kind == super::facts::Kind::Link => {
                        Err(in_the_way(path, LINK_IN_THE_WAY))
                    }
                    Ok(Some(_)) => Err(in_the_way(path, FILE_IN_THE_WAY)),
                    _ => Err(error),
                },
            });
        }
        made
    }
}

fn in_the_way(path: &impl Display, what: &str) -> io::Error {
    io::Error::other(format!("`{path}`: {what}"))
}

fn found(metadata: io::Result<std::fs::Metadata>) -> io::Result<Option<Facts>> {
    match metadata {
        Ok(metadata) => Ok(Some(Facts::from(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Does what touches the disk on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
