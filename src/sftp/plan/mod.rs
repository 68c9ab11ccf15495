//! Plans: the files that a transfer copies, with source and target of each.
//!
//! | module | what it holds |
//! |---|---|
//! | `paths` | paths of a request, checked and resolved |
//! | `planner`, `file_planner`, `target_look` | makes the plan; plans of single files; their targets, looked at before |
//! | `tree`, `pattern`, `omitted` | listed trees, wildcards, and the matches that these leave out |
//! | `exclusion` | what is passed over in a tree |
//! | `tree_planner`, `mirror_planner` | plans of trees and of mirrors |
//! | `listed`, `unchanged` | target trees as they are; files whose copies are the same already |
//! | `removals`, `approval`, `clearing` | entries that a mirror removes, the approval of many, and how they go |
//! | `report` | a plan in words |
//! | `destination`, `directories` | canonical targets under the policy; directories created for them |

pub(super) mod approval;
pub(super) mod clearing;
pub(super) mod destination;
mod directories;
pub(super) mod exclusion;
mod file_planner;
mod listed;
mod mirror_planner;
mod omitted;
pub(super) mod paths;
mod pattern;
pub(super) mod planner;
pub(super) mod removals;
pub(super) mod report;
mod target_look;
pub(super) mod tree;
mod tree_planner;
pub(super) mod unchanged;

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use crate::error::{Error, FailedFile};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::plan::omitted::OmittedMatches;
use crate::sftp::plan::removals::Removals;

/// Everything that a transfer copies.
pub(crate) struct TransferPlan<S: Filesystem, T: Filesystem> {
    pub(crate) files: Vec<FilePlan<S, T>>,
    pub(crate) links: Vec<FilePlan<S, T>>,
    /// New directories with their final metadata, set once nothing is written into them any more.
    pub(crate) directories: Vec<(T::Path, Metadata)>,
    pub(crate) left_out: Vec<FailedFile>,
    /// True if a source is a named pipe. It is left out.
    pub(crate) has_pipe: bool,
    /// Most entries that may be listed.
    pub(crate) most_entries: usize,
    /// True if targets are written in place, even where the server refuses to say what they are.
    pub(crate) in_place: bool,
    /// Files whose destination may not be written.
    pub(crate) refused: Vec<(String, Error)>,
    /// Number of files and links that are left out, because their copies are the same.
    pub(crate) unchanged: usize,
    /// The entries of a mirror's target that are removed.
    pub(crate) removals: Option<Removals<T>>,
    /// Number of entries that were removed because they were in the way.
    pub(crate) removed: usize,
    /// Entries that may not be removed.
    pub(crate) kept: Vec<(String, Error)>,
    /// Token that approves of the removals, where they take one.
    pub(crate) token: Option<String>,
    /// Destinations as messages show them, one for each planned entry.
    pub(crate) destinations: Vec<String>,
    /// Matches that patterns leave out: base, pattern and depth of each.
    pub(crate) omitted: Vec<(S::Path, String, Option<usize>, OmittedMatches)>,
}

/// A file or symbolic link to copy.
pub(crate) struct FilePlan<S: Filesystem, T: Filesystem> {
    pub(crate) from: S::Path,
    pub(crate) to: T::Path,
    /// Metadata of the source when it was listed.
    pub(crate) metadata: Metadata,
    /// State of the target at that time.
    pub(crate) target_state: TargetState,
    /// True if the target is the very path that the user named: only then is a symbolic link there
    /// followed.
    pub(crate) is_named_by_user: bool,
    /// Index of its destination in [`TransferPlan::destinations`].
    pub(crate) destination_index: usize,
}

/// State of a target, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TargetState {
    Absent,
    /// A file, not a symbolic link.
    File(Metadata),
    Link,
    Unknown,
}

impl TargetState {
    pub(crate) fn in_directory(is_new: bool) -> Self {
        if is_new { Self::Absent } else { Self::Unknown }
    }
}

impl<S: Filesystem, T: Filesystem> TransferPlan<S, T> {
    /// Creates an empty plan.
    pub(crate) fn new(most_entries: usize, in_place: bool) -> Self {
        Self {
            files: Vec::new(),
            links: Vec::new(),
            directories: Vec::new(),
            left_out: Vec::new(),
            has_pipe: false,
            most_entries,
            in_place,
            refused: Vec::new(),
            unchanged: 0,
            removals: None,
            removed: 0,
            kept: Vec::new(),
            token: None,
            destinations: Vec::new(),
            omitted: Vec::new(),
        }
    }
}

impl<S: Filesystem, T: Filesystem> TransferPlan<S, T> {
    /// Gives each target to the first of several sources.
    pub(crate) fn keep_apart(&mut self) {
        let mut filled: HashMap<T::Path, S::Path> = HashMap::new();
        let left_out = &mut self.left_out;
        let mut is_first = |file: &FilePlan<S, T>| match filled.entry(file.to.clone()) {
            Entry::Vacant(free) => {
                free.insert(file.from.clone());
                true
            }
            Entry::Occupied(taken) => {
                if *taken.get() != file.from {
                    left_out.push(FailedFile {
                        file: S::shown(&file.from),
                        error: format!(
                            "its target is that of `{}` as well: give one of them another",
                            S::shown(taken.get())
                        ),
                    });
                }
                false
            }
        };
        self.files.retain(&mut is_first);
        self.links.retain(&mut is_first);
    }

    /// Describes the matches of patterns that nothing copies, a sentence for each pattern.
    pub(crate) fn untaken(&mut self) -> Vec<String> {
        if self.omitted.is_empty() {
            return Vec::new();
        }
        let mut taken: HashSet<Vec<u8>> = HashSet::new();
        for file in self.files.iter().chain(&self.links) {
            let path = S::bytes(&file.from);
            let ends = path.iter().enumerate();
            let ends = ends.filter(|(_, byte)| matches!(byte, b'/' | b'\\'));
            taken.extend(ends.map(|(end, _)| path[..end].to_vec()));
            taken.insert(path.to_vec());
        }
        let mut notes = Vec::new();
        for (base, pattern, depth, mut omitted) in self.omitted.drain(..) {
            omitted.retain(|path| !taken.contains(&*S::bytes(&S::join(&base, path))));
            notes.extend(omitted.described(&pattern, depth));
        }
        notes
    }
}
