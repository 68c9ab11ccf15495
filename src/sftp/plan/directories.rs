//! Directories of a tree, created at its target.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::sftp::error::Result;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::plan::destination::Destination;
use crate::sftp::plan::listed::ListedTree;

/// Outcome of creating a tree's directories. Paths are relative to the tree's root.
pub(crate) struct CreatedDirectories<T: Filesystem> {
    new: HashSet<PathBuf>,
    /// New directories, with the metadata of their sources.
    pub(crate) kept: Vec<(PathBuf, Metadata)>,
    refused: HashMap<PathBuf, String>,
    /// Symbolic links to directories that are followed.
    linked: HashMap<PathBuf, Destination<T>>,
}

impl<T: Filesystem> CreatedDirectories<T> {
    /// Returns whether an entry's parent directory is new.
    pub(crate) fn is_new(&self, path: &Path) -> bool {
        path.parent()
            .is_some_and(|parent| self.is_new_directory(parent))
    }

    /// Returns whether a directory was missing.
    pub(crate) fn is_new_directory(&self, path: &Path) -> bool {
        self.new.contains(path)
    }

    /// The reason why an entry has no parent directory.
    pub(crate) fn refusal(&self, path: &Path) -> Option<&str> {
        let mut above = path.ancestors().skip(1);
        above.find_map(|above| self.refused.get(above).map(String::as_str))
    }

    /// Directories that could not be created, with the reason; only the outermost of each branch.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&Path, &str)> {
        let refused = self.refused.iter();
        refused.map(|(path, reason)| (path.as_path(), reason.as_str()))
    }

    /// The last symbolic link on the way to an entry, and the rest of the path.
    pub(crate) fn linked<'p>(&self, path: &'p Path) -> Option<(&Destination<T>, &'p Path)> {
        let mut above = path.ancestors().skip(1);
        above.find_map(|above| Some((self.linked.get(above)?, path.strip_prefix(above).ok()?)))
    }
}

/// The place of directories that are created, with what is known of it.
pub(crate) struct DirectoryPlace<'a, T: Filesystem> {
    pub(crate) target: &'a T,
    pub(crate) root: &'a T::Path,
    pub(crate) root_is_new: bool,
    /// The tree there, if it was listed.
    pub(crate) listed: Option<&'a ListedTree>,
    /// True if symbolic links to directories are followed.
    pub(crate) follows: bool,
    /// True if nothing is created: missing directories count as created.
    pub(crate) dry_run: bool,
}

/// Creates the directories `below` a root, parents first. Nothing is created behind a symbolic link that is
/// not followed.
pub(crate) async fn create<T: Filesystem>(
    place: DirectoryPlace<'_, T>,
    below: &BTreeMap<&Path, Option<Metadata>>,
) -> Result<CreatedDirectories<T>> {
    let DirectoryPlace {
        target,
        root,
        root_is_new,
        follows,
        ..
    } = place;
    let mut created = CreatedDirectories {
        new: HashSet::new(),
        kept: Vec::new(),
        refused: HashMap::new(),
        linked: HashMap::new(),
    };
    if root_is_new {
        created.new.insert(PathBuf::new());
    }
    // In a new directory nothing is in the way; elsewhere a level has to be looked at before the next.
    let level = |path: &Path| {
        if root_is_new {
            0
        } else {
            path.components().count()
        }
    };
    let mut levels: BTreeMap<usize, Vec<&Path>> = BTreeMap::new();
    for path in below.keys() {
        levels.entry(level(path)).or_default().push(path);
    }
    for mut paths in levels.into_values() {
        paths.retain(|path| created.refusal(path).is_none());
        let there: Vec<_> = paths.iter().map(|path| T::join(root, path)).collect();
        let known = paths.iter().zip(&there).map(|(path, there)| {
            let listed = place.listed.filter(|_| created.linked(path).is_none())?;
            match listed.directory(path, &T::shown(there)) {
                Ok(false) => place.dry_run.then_some(Ok(true)),
                Ok(true) => Some(Ok(false)),
                Err(error) => Some(Err(error)),
            }
        });
        let mut known: Vec<_> = known.collect();
        if place.dry_run {
            // A directory behind a followed link is taken for one that exists.
            let unknown = known.iter_mut().filter(|known| known.is_none());
            unknown.for_each(|known| *known = Some(Ok(false)));
        }
        let unknown = there
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none());
        let unknown: Vec<_> = unknown.map(|(there, _)| there.clone()).collect();
        let mut asked = target.create_dirs(&unknown).await.into_iter();
        let outcomes: Vec<_> = known
            .into_iter()
            .map_while(|known| known.or_else(|| asked.next()))
            .collect();
        for ((path, there), outcome) in paths.into_iter().zip(there).zip(outcomes) {
            match outcome {
                Ok(true) => {
                    created.new.insert(path.to_owned());
                    let metadata = below.get(path).copied().flatten();
                    created
                        .kept
                        .extend(metadata.map(|metadata| (path.to_owned(), metadata)));
                }
                Ok(false) => {}
                Err(error) if error.is_connection_lost() => return Err(error),
                Err(_) if follows && is_directory(target, &there).await? => {
                    let linked = Destination::of(target, &there).await?;
                    created.linked.insert(path.to_owned(), linked);
                }
                Err(error) => {
                    created.refused.insert(path.to_owned(), error.to_string());
                }
            }
        }
    }
    Ok(created)
}

async fn is_directory<T: Filesystem>(target: &T, path: &T::Path) -> Result<bool> {
    let metadata = target.stat(path).await?;
    Ok(metadata.is_some_and(|metadata| metadata.is_directory()))
}
