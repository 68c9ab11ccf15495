//! Paths on a server: always with `/`, whatever this machine uses, and any bytes between.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// A path on a server. A relative one starts at the user's home directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemotePath(Vec<u8>);

impl RemotePath {
    /// A path as a user writes it; a leading `~/` is the home directory, where SFTP sessions begin.
    pub fn new(path: &str) -> Self {
        let path = match path.strip_prefix('~') {
            Some("") => ".",
            Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
            _ => path,
        };
        Self::of_bytes(path.as_bytes())
    }

    /// A path as a server sends it.
    pub(crate) fn of_bytes(path: &[u8]) -> Self {
        Self(if path.is_empty() { b"." } else { path }.to_vec())
    }

    /// Its bytes, as sent to the server.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns whether it starts at the root.
    pub(crate) fn is_absolute(&self) -> bool {
        self.0.starts_with(b"/")
    }

    /// Returns whether the user marked it as a directory.
    pub fn names_directory(&self) -> bool {
        self.0.ends_with(b"/")
    }

    /// The entry `name` in this directory.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        let separator: &[u8] = if self.names_directory() { b"" } else { b"/" };
        Self([&self.0, separator, name].concat())
    }

    /// The entry at a relative path in this directory; an empty one is the directory itself.
    #[must_use]
    pub fn below(&self, below: &[u8]) -> Self {
        if below.is_empty() {
            self.clone()
        } else {
            self.join(below)
        }
    }

    /// This directory's entry at a local relative path.
    #[must_use]
    pub fn join_local(&self, relative: &Path) -> Self {
        relative
            .components()
            .fold(self.clone(), |path, component| match component {
                Component::Normal(name) => path.join(&bytes_of(name)),
                _ => path,
            })
    }

    /// The last component.
    pub fn file_name(&self) -> Option<&[u8]> {
        let name = trimmed(&self.0).rsplit(|byte| *byte == b'/').next()?;
        (!matches!(name, b"" | b"." | b"..")).then_some(name)
    }

    /// The entry `name` beside this one.
    #[must_use]
    pub fn with_file_name(&self, name: &[u8]) -> Self {
        self.parent()
            .map_or_else(|| Self::of_bytes(name), |parent| parent.join(name))
    }

    /// The directory that holds this entry; `None` for the root and the home directory.
    pub fn parent(&self) -> Option<Self> {
        let path = trimmed(&self.0);
        let slash = path.iter().rposition(|byte| *byte == b'/')?;
        match &path[..slash] {
            b"" if path.len() > 1 => Some(Self(b"/".to_vec())),
            b"" => None,
            parent => Some(Self(parent.to_vec())),
        }
    }
}

fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/');
    &path[..end.map_or(0, |end| end + 1)]
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// Bytes of a local name, as sent to a server.
pub(crate) fn bytes_of(name: &OsStr) -> Cow<'_, [u8]> {
    #[cfg(unix)]
    return Cow::Borrowed(std::os::unix::ffi::OsStrExt::as_bytes(name));
    #[cfg(not(unix))]
    return Cow::Owned(name.to_string_lossy().into_owned().into_bytes());
}

/// A server's name or path as a local one.
pub(crate) fn local_of(name: &[u8]) -> PathBuf {
    #[cfg(unix)]
    return PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
    #[cfg(not(unix))]
    return PathBuf::from(String::from_utf8_lossy(name).into_owned());
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
        assert_eq!(RemotePath::new("~/a").as_bytes(), b"a");
        assert_eq!(RemotePath::new("~").as_bytes(), b".");
        assert_eq!(RemotePath::new("~other/a").as_bytes(), b"~other/a");
    }

    #[test]
    fn joins_and_names() {
        assert_eq!(RemotePath::new("/a/").join(b"b").as_bytes(), b"/a/b");
        let joined = RemotePath::new("/a").join_local(Path::new("b/c"));
        assert_eq!(joined.as_bytes(), b"/a/b/c");
        assert_eq!(RemotePath::new("/a/b/").file_name(), Some(&b"b"[..]));
        assert_eq!(RemotePath::new("/a/..").file_name(), None);
        assert_eq!(RemotePath::new("/").file_name(), None);
    }

    #[cfg(unix)]
    #[test]
    fn any_bytes_make_a_name() {
        let path = RemotePath::new("/a").join(b"\xFFb");
        assert_eq!(path.file_name(), Some(&b"\xFFb"[..]));
        assert_eq!(path.to_string(), "/a/\u{FFFD}b");
        let local = local_of(b"\xFFb");
        assert_eq!(RemotePath::new("/a").join_local(&local), path);
    }
}
