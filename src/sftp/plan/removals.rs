//! Removals: the entries of a target tree that a mirror removes.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use icu_normalizer::DecomposingNormalizerBorrowed;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::hex::digits;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::path::bytes_of;
use crate::sftp::plan::listed::{ListedEntry, ListedTree};

/// Most entries that are removed without the token of a plan.
const MOST_UNASKED: usize = 20;

/// Hexadecimal digits of a token.
const TOKEN_DIGITS: usize = 16;

/// The entries of one target tree that are to be removed.
pub(crate) struct Removals<T: Filesystem> {
    /// The tree's root, and its canonical path.
    pub(crate) root: T::Path,
    pub(crate) real_root: T::Path,
    /// Files before directories, and inner directories before outer ones.
    pub(crate) entries: Vec<TreeRemoval>,
}

/// An entry to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeRemoval {
    /// Its path below the root.
    pub(crate) path: PathBuf,
    pub(crate) is_directory: bool,
    /// Length of a file.
    pub(crate) length: u64,
    /// True if it is in the way of something that is copied.
    pub(crate) is_in_the_way: bool,
    /// A source entry whose name differs only by case or encoding: some filesystems take it for this one.
    pub(crate) twin: Option<PathBuf>,
}

/// The source of a mirror, by paths below its root.
pub(crate) struct MirroredSource<'a> {
    /// True for directories.
    pub(crate) entries: HashMap<&'a Path, bool>,
    /// Entries of which it is not known what is there.
    pub(crate) unknown: HashSet<&'a Path>,
    /// Names of hidden files at the target that the transfer itself needs.
    pub(crate) needed: HashSet<PathBuf>,
}

impl MirroredSource<'_> {
    /// Finds what is to be removed of a target tree. A link in the place of a directory stays if it
    /// `follows` links. `may_remove` is asked for each entry.
    pub(crate) fn removals(
        &self,
        listed: &ListedTree,
        follows: bool,
        mut may_remove: impl FnMut(&Path) -> bool,
    ) -> Vec<TreeRemoval> {
        let conflicts: HashSet<&Path> = listed
            .entries
            .iter()
            .filter(|(path, entry)| self.is_in_the_way(path, **entry, follows))
            .map(|(path, _)| path.as_path())
            .collect();
        let untouchable = listed.untouchable.iter().map(PathBuf::as_path);
        let untouchable: HashSet<&Path> = untouchable.collect();
        let folded = self.folded();
        let mut removals = Vec::new();
        // Directories that keep something.
        let mut holding: HashSet<&Path> = untouchable
            .iter()
            .flat_map(|path| path.ancestors())
            .collect();
        for (path, entry) in &listed.entries {
            if self.entries.contains_key(path.as_path()) && !conflicts.contains(path.as_path()) {
                continue;
            }
            let is_kept = untouchable.contains(path.as_path())
                || *entry == ListedEntry::Special
                || self.needed.contains(path)
                || path.ancestors().any(|above| self.unknown.contains(above))
                || !may_remove(path);
            if is_kept {
                holding.extend(path.ancestors());
                continue;
            }
            let twin = folded.get(&fold(path)).filter(|twin| *twin != path);
            removals.push(TreeRemoval {
                path: path.clone(),
                is_directory: *entry == ListedEntry::Directory,
                length: match entry {
                    ListedEntry::File(metadata) => metadata.length,
                    _ => 0,
                },
                is_in_the_way: path.ancestors().any(|above| conflicts.contains(above)),
                twin: twin.map(|twin| twin.to_path_buf()),
            });
        }
        removals.retain(|removal| !(removal.is_directory && holding.contains(&*removal.path)));
        removals.sort_by_cached_key(TreeRemoval::order);
        removals
    }

    /// Returns whether an entry keeps one of the source from being copied to its place.
    fn is_in_the_way(&self, path: &Path, entry: ListedEntry, follows: bool) -> bool {
        match (self.entries.get(path), entry) {
            (None, _) | (Some(true), ListedEntry::Directory) => false,
            (Some(true), ListedEntry::Link) => !follows,
            (Some(true), _) | (Some(false), ListedEntry::Directory) => true,
            (Some(false), _) => false,
        }
    }

    /// The source's entries by their folded paths.
    fn folded(&self) -> HashMap<String, &Path> {
        let paths = self.entries.keys();
        paths.map(|path| (fold(path), *path)).collect()
    }
}

/// A path as filesystems compare it that ignore case, or write accents in their own way.
fn fold(path: &Path) -> String {
    let path = path.to_string_lossy();
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&path);
    decomposed.to_lowercase()
}

impl TreeRemoval {
    /// Files come first, and directories before those that hold them.
    fn order(&self) -> ((bool, usize), PathBuf) {
        (self.rank(), self.path.clone())
    }

    /// Its place in the order; those with the same can be removed at once.
    pub(crate) fn rank(&self) -> (bool, usize) {
        let height = usize::MAX - self.path.components().count();
        (
            self.is_directory,
            if self.is_directory { height } else { 0 },
        )
    }

    /// Its digest, by which approved removals are known.
    pub(crate) fn digest(&self) -> String {
        let kind = [b"f", b"d"][usize::from(self.is_directory)];
        let path = bytes_of(self.path.as_os_str());
        digits(&Sha256::digest([&kind[..], &path].concat())[..8])
    }
}

/// Returns the token of a plan with these removals at `place`.
pub(crate) fn token(place: &str, removals: &[TreeRemoval]) -> String {
    let mut digest = Sha256::new();
    digest.update(place);
    for removal in removals {
        digest.update([0]);
        digest.update(removal.digest());
    }
    digits(&digest.finalize())[..TOKEN_DIGITS].to_owned()
}

/// Returns whether these removals take the token of a plan.
pub(crate) fn needs_token(removals: &[TreeRemoval]) -> bool {
    removals.len() > MOST_UNASKED
}

/// Refuses these removals for want of the token of their plan. `given` is another one.
pub(crate) fn refuse(root: &str, removals: &[TreeRemoval], given: Option<&str>) -> Error {
    let count = removals.len();
    let problem = match given {
        None => format!(
            "is missing: the mirror would delete {count} entries below `{root}`, and more than {MOST_UNASKED} \
             take the token of a plan; call with dryRun: true and pass the token of its answer"
        ),
        Some(_) => format!(
            "is not that of what the mirror would delete now ({count} entries below `{root}`); call with \
             dryRun: true again"
        ),
    };
    Error::invalid("token", problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::filesystem::metadata::{FileType, Metadata};

    const FILE: ListedEntry = ListedEntry::File(Metadata {
        file_type: FileType::File,
        length: 0,
        mode: None,
        owner: None,
        modified: None,
    });

    fn listed(entries: &[(&str, ListedEntry)], untouchable: &[&str]) -> ListedTree {
        ListedTree {
            entries: entries
                .iter()
                .map(|(path, entry)| (path.into(), *entry))
                .collect(),
            untouchable: untouchable.iter().map(PathBuf::from).collect(),
            is_missing: false,
        }
    }

    fn source<'a>(entries: &[(&'a str, bool)]) -> MirroredSource<'a> {
        MirroredSource {
            entries: entries
                .iter()
                .map(|(path, is_directory)| (Path::new(*path), *is_directory))
                .collect(),
            unknown: HashSet::new(),
            needed: HashSet::new(),
        }
    }

    fn removed(source: &MirroredSource<'_>, listed: &ListedTree) -> Vec<String> {
        let removals = source.removals(listed, false, |path| !path.ends_with("forbidden"));
        let shown = removals.iter().map(|removal| removal.path.display());
        shown.map(|path| path.to_string()).collect()
    }

    #[test]
    fn everything_else_goes_and_inner_directories_before_outer_ones() {
        use ListedEntry::{Directory, Link};
        let there = listed(
            &[
                ("kept", FILE),
                ("dir", Directory),
                ("dir/kept", FILE),
                ("dir/old", FILE),
                ("gone", Directory),
                ("gone/deep", Directory),
                ("gone/deep/file", FILE),
                ("link", Link),
            ],
            &[],
        );
        let source = source(&[("kept", false), ("dir", true), ("dir/kept", false)]);
        assert_eq!(
            removed(&source, &there),
            ["dir/old", "gone/deep/file", "link", "gone/deep", "gone"]
        );
    }

    #[test]
    fn a_directory_stays_that_holds_something_that_stays() {
        use ListedEntry::{Directory, Special};
        let there = listed(
            &[
                ("a", Directory),
                ("a/pipe", Special),
                ("a/file", FILE),
                ("b", Directory),
                ("b/forbidden", FILE),
                ("c", Directory),
                ("c/file", FILE),
                ("d", Directory),
                ("d/.x.part", FILE),
                ("e", Directory),
                ("e/unread", Directory),
            ],
            &["c/excluded", "e/unread"],
        );
        let mut source = source(&[]);
        source.needed.insert("d/.x.part".into());
        assert_eq!(removed(&source, &there), ["a/file", "c/file"]);
        source.unknown.insert(Path::new("c"));
        assert_eq!(removed(&source, &there), ["a/file"]);
    }

    #[test]
    fn what_is_in_the_way_goes_with_everything_in_it() {
        use ListedEntry::{Directory, Link};
        let there = listed(
            &[
                ("now-file", Directory),
                ("now-file/x", FILE),
                ("now-dir", FILE),
                ("linked", Link),
                ("other", FILE),
                ("README", FILE),
            ],
            &[],
        );
        let source = source(&[
            ("now-file", false),
            ("now-dir", true),
            ("linked", true),
            ("readme", false),
        ]);
        let removals = source.removals(&there, false, |_| true);
        let in_the_way = removals.iter().filter(|removal| removal.is_in_the_way);
        let in_the_way: Vec<_> = in_the_way.map(|removal| removal.path.as_path()).collect();
        let expected = ["linked", "now-dir", "now-file/x", "now-file"].map(Path::new);
        assert_eq!(in_the_way, expected);
        let twin = removals.iter().find_map(|removal| removal.twin.as_deref());
        assert_eq!(twin, Some(Path::new("readme")));
        let following = source.removals(&there, true, |_| true);
        assert!(
            following
                .iter()
                .all(|removal| removal.path != Path::new("linked"))
        );
    }

    #[test]
    fn a_token_is_bound_to_the_place_and_to_every_entry() {
        let there = listed(&[("a", FILE), ("b", FILE)], &[]);
        let removals = source(&[]).removals(&there, false, |_| true);
        let whole = token("web1 /srv", &removals);
        assert_eq!(whole, token("web1 /srv", &removals));
        assert_ne!(whole, token("web2 /srv", &removals));
        assert_ne!(whole, token("web1 /srv", &removals[..1]));
        let there = listed(&[("a", FILE), ("b", ListedEntry::Directory)], &[]);
        assert_ne!(
            whole,
            token("web1 /srv", &source(&[]).removals(&there, false, |_| true))
        );
    }
}
