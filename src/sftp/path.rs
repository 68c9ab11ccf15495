//! Paths on a server: always with `/`, whatever this machine uses.

use std::fmt;
use std::path::{Component, Path};

/// A path on a server. A relative one starts at the user's home directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemotePath(String);

impl RemotePath {
    /// A path as a user writes it; a leading `~/` is the home directory, where SFTP sessions begin.
    pub fn new(path: &str) -> Self {
        let path = match path.strip_prefix('~') {
            Some("") => ".",
            Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
            _ => path,
        };
        Self(if path.is_empty() {
            ".".to_owned()
        } else {
            path.to_owned()
        })
    }

    /// The path as the server is told it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the user marked it as a directory.
    pub fn names_directory(&self) -> bool {
        self.0.ends_with('/')
    }

    /// The entry `name` in this directory.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let separator = if self.names_directory() { "" } else { "/" };
        Self(format!("{}{separator}{name}", self.0))
    }

    /// This directory's entry at a local relative path.
    #[must_use]
    pub fn join_local(&self, relative: &Path) -> Self {
        relative
            .components()
            .fold(self.clone(), |path, component| match component {
                Component::Normal(name) => path.join(&name.to_string_lossy()),
                _ => path,
            })
    }

    /// The last component.
    pub fn file_name(&self) -> Option<&str> {
        let name = self.0.trim_end_matches('/').rsplit('/').next()?;
        (!matches!(name, "" | "." | "..")).then_some(name)
    }

    /// The entry `name` beside this one.
    #[must_use]
    pub fn with_file_name(&self, name: &str) -> Self {
        self.parent()
            .map_or_else(|| Self::new(name), |parent| parent.join(name))
    }

    /// The directory that holds this entry; `None` for the root and the home directory.
    pub fn parent(&self) -> Option<Self> {
        let path = self.0.trim_end_matches('/');
        match path.rsplit_once('/') {
            Some(("", _)) if path.len() > 1 => Some(Self("/".to_owned())),
            Some((parent, _)) if !parent.is_empty() => Some(Self(parent.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_end_at_the_root_and_at_home() {
        let parent = |path: &str| {
            RemotePath::new(path)
                .parent()
                .map(|parent| parent.to_string())
        };
        assert_eq!(parent("/a/b/"), Some("/a".into()));
        assert_eq!(parent("/a"), Some("/".into()));
        assert_eq!(parent("/"), None);
        assert_eq!(parent("a/b"), Some("a".into()));
        assert_eq!(parent("a"), None);
    }

    #[test]
    fn tilde_is_the_home_directory() {
        assert_eq!(RemotePath::new("~/a").as_str(), "a");
        assert_eq!(RemotePath::new("~").as_str(), ".");
        assert_eq!(RemotePath::new("~other/a").as_str(), "~other/a");
    }

    #[test]
    fn joins_and_names() {
        assert_eq!(RemotePath::new("/a/").join("b").as_str(), "/a/b");
        assert_eq!(
            RemotePath::new("/a").join_local(Path::new("b/c")).as_str(),
            "/a/b/c"
        );
        assert_eq!(RemotePath::new("/a/b/").file_name(), Some("b"));
        assert_eq!(RemotePath::new("/a/..").file_name(), None);
    }
}
