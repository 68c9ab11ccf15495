//! Local directories that transfers are confined to, and the one that is closed to them.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::fs::blocking;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::local_entry::LocalEntry;

/// Directories, symbolic links resolved. If there are none, every path is inside. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    inside: Arc<[PathBuf]>,
    /// This program's own files: secrets and rules, which no server may get or give.
    own: Option<Arc<Path>>,
    /// The same, also for transfers that start far from them: a hard link may lie anywhere.
    linked: Option<Arc<Path>>,
}

impl Roots {
    /// Confines transfers to these directories. A missing one is kept as it is: nothing can lie in it
    /// yet.
    pub fn new(directories: &[PathBuf]) -> Self {
        Self {
            inside: directories.iter().map(|path| resolved(path)).collect(),
            own: None,
            linked: None,
        }
    }

    /// Closes the directory `own`.
    #[must_use]
    pub fn without(self, own: &Path) -> Self {
        let own: Arc<Path> = resolved(own).into();
        Self {
            own: Some(Arc::clone(&own)),
            linked: Some(own),
            ..self
        }
    }

    /// Narrows it to a transfer that starts at these paths: far from this program's own files, these
    /// need not be looked for at every file.
    #[must_use]
    pub fn around(&self, bases: &[PathBuf]) -> Self {
        let is_near = |own: &Path| {
            let mut reals = bases.iter().map(|base| real(base));
            reals.any(|real| real.is_ok_and(|real| own.starts_with(&real) || real.starts_with(own)))
        };
        Self {
            inside: Arc::clone(&self.inside),
            own: self.own.clone().filter(|own| is_near(own)),
            linked: self.linked.clone(),
        }
    }

    /// Refuses a path that resolves to the outside. A file that does not exist yet counts as lying where
    /// it would be created.
    pub fn check(&self, path: &Path) -> Result<(), Error> {
        match real(path) {
            Ok(real) if self.is_own(&real) => Err(own(path)),
            _ if self.inside.is_empty() => Ok(()),
            Ok(real) if self.root_of(&real).is_some() => Ok(()),
            _ => Err(self.outside(path)),
        }
    }

    /// The directories that transfers are confined to; none if they may go anywhere.
    pub fn directories(&self) -> &[PathBuf] {
        &self.inside
    }

    /// Returns true if transfers may touch this path, or something below it.
    pub fn leads_to(&self, path: &Path) -> bool {
        real(path).is_ok_and(|real| {
            let holds_root = || self.inside.iter().any(|root| root.starts_with(&real));
            let is_inside = self.inside.is_empty() || self.root_of(&real).is_some();
            !self.is_own(&real) && (is_inside || holds_root())
        })
    }

    fn is_own(&self, real: &Path) -> bool {
        self.own.as_ref().is_some_and(|own| real.starts_with(own))
    }

    /// The entry of a path that may lie anywhere but among this program's own files.
    fn anywhere(&self, path: &Path, follows: bool) -> Result<LocalEntry> {
        if self.own.is_some() {
            self.check(path)?;
        }
        Ok(LocalEntry::anywhere(path, follows).closed_to(self.linked.clone()))
    }

    /// Checks a path without blocking.
    pub(crate) async fn check_file(&self, path: &Path) -> Result<()> {
        if self.inside.is_empty() && self.own.is_none() {
            return Ok(());
        }
        let (roots, path) = (self.clone(), path.to_owned());
        blocking(move || Ok(roots.check(&path)?)).await
    }

    /// The entry at a path itself; a symbolic link is not followed.
    pub(crate) fn entry(&self, path: &Path) -> Result<LocalEntry> {
        if self.inside.is_empty() {
            return self.anywhere(path, false);
        }
        let absolute = std::path::absolute(path)?;
        match (absolute.parent(), absolute.file_name()) {
            (Some(parent), Some(name)) => self.beneath(&real(parent)?.join(name), path),
            _ => self.followed(path),
        }
    }

    /// The entry that a path resolves to.
    pub(crate) fn followed(&self, path: &Path) -> Result<LocalEntry> {
        if self.inside.is_empty() {
            return self.anywhere(path, true);
        }
        self.beneath(&real(path)?, path)
    }

    /// Creates a directory and its missing parents.
    pub(crate) fn create_dir_all(&self, path: &Path) -> Result<()> {
        if self.inside.is_empty() {
            self.check(path)?;
            return Ok(std::fs::create_dir_all(path)?);
        }
        let whole = real(path)?;
        let root = self.root_of(&whole).ok_or_else(|| self.outside(path))?;
        std::fs::create_dir_all(root)?;
        let mut at = root.clone();
        for name in whole.strip_prefix(root).unwrap_or(Path::new("")) {
            at.push(name);
            match self.beneath(&at, path)?.create_dir() {
                Ok(()) | Err(SftpError::AlreadyExists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The entry of a path in which every symbolic link is resolved.
    fn beneath(&self, whole: &Path, asked: &Path) -> Result<LocalEntry> {
        let root = self.root_of(whole);
        let root = root.ok_or_else(|| self.outside(asked))?;
        if self.is_own(whole) {
            return Err(own(asked).into());
        }
        let below = whole.strip_prefix(root).unwrap_or(Path::new(""));
        Ok(LocalEntry::beneath(root, below)?.closed_to(self.linked.clone()))
    }

    /// The root that holds such a path; of several the outermost, whose own path no symbolic link
    /// inside another can change.
    fn root_of(&self, whole: &Path) -> Option<&PathBuf> {
        let holding = self.inside.iter().filter(|root| whole.starts_with(root));
        holding.min_by_key(|root| root.as_os_str().len())
    }

    fn outside(&self, path: &Path) -> Error {
        Error::OutsideRoots {
            path: path.display().to_string(),
            roots: self
                .inside
                .iter()
                .map(|root| root.display().to_string())
                .collect(),
        }
    }
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn own(path: &Path) -> Error {
    Error::OwnFile {
        path: path.display().to_string(),
    }
}

/// Resolves every symbolic link of a path as far as it exists; the rest has to be plain names.
fn real(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut there = absolute.as_path();
    loop {
        match there.canonicalize() {
            Ok(real) => {
                return Ok(missing
                    .iter()
                    .rev()
                    .fold(real, |path, name| path.join(name)));
            }
            // A dangling symbolic link: where a file would be created is not known.
            Err(error) if there.is_symlink() => return Err(error),
            Err(error) => {
                let (Some(Component::Normal(name)), Some(parent)) =
                    (there.components().next_back(), there.parent())
                else {
                    return Err(error);
                };
                missing.push(name.to_owned());
                there = parent;
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn links_and_dots_do_not_lead_out() {
        let directory = tempfile::tempdir().unwrap();
        let (inside, outside) = (directory.path().join("in"), directory.path().join("out"));
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("away")).unwrap();
        std::os::unix::fs::symlink(outside.join("none"), inside.join("dangling")).unwrap();
        let roots = Roots::new(std::slice::from_ref(&inside));
        for good in ["", "sub", "sub/new", "new/deep/file", "sub/../x"] {
            assert!(roots.check(&inside.join(good)).is_ok(), "{good}");
        }
        for bad in [
            "..",
            "away",
            "away/file",
            "away/new",
            "dangling",
            "../out/file",
            "no/../../out",
        ] {
            assert!(roots.check(&inside.join(bad)).is_err(), "{bad}");
        }
        assert!(Roots::default().check(&outside).is_ok());
    }
}
