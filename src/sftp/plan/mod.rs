//! What a transfer is going to do: every file with its way, and the directories made for them.

pub(crate) mod destination;
pub(crate) mod directories;
pub(crate) mod omitted;
pub(crate) mod paths;
pub(crate) mod pattern;
pub(crate) mod planner;
pub(crate) mod tree;

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use crate::error::{Error, FailedFile};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::plan::omitted::OmittedMatches;

/// The ways of one direction.
pub(crate) struct TransferPlan<S: Filesystem, T: Filesystem> {
    pub(crate) files: Vec<FilePlan<S, T>>,
    pub(crate) links: Vec<FilePlan<S, T>>,
    /// Directories that were made, and what they are to be once nothing is written into them any more.
    pub(crate) directories: Vec<(T::Path, Metadata)>,
    pub(crate) left_out: Vec<FailedFile>,
    /// The most entries that are listed for it.
    pub(crate) most_entries: usize,
    /// Whether targets are written in place, without asking what they are where that is refused.
    pub(crate) in_place: bool,
    /// Files that may not be written where they would go.
    pub(crate) refused: Vec<(String, Error)>,
    /// Where what is copied lies in the end, for people: one for each entry that was planned.
    pub(crate) places: Vec<String>,
    /// What patterns match and do not take: the base, the pattern, its depth.
    pub(crate) omitted: Vec<(S::Path, String, Option<usize>, OmittedMatches)>,
}

/// From where to where a file goes.
pub(crate) struct FilePlan<S: Filesystem, T: Filesystem> {
    pub(crate) from: S::Path,
    pub(crate) to: T::Path,
    /// What the source was when it was found.
    pub(crate) metadata: Metadata,
    /// What was at the target then.
    pub(crate) target_state: TargetState,
    /// Whether the target is the very path that the user named: only then is a link there followed.
    pub(crate) is_named_by_user: bool,
    /// The number of the place that it belongs to.
    pub(crate) place: usize,
}

/// What is known to be at a target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TargetState {
    Absent,
    /// A file itself, no link.
    File(Metadata),
    Unknown,
}

impl TargetState {
    pub(crate) fn in_directory(is_new: bool) -> Self {
        if is_new { Self::Absent } else { Self::Unknown }
    }
}

impl<S: Filesystem, T: Filesystem> TransferPlan<S, T> {
    /// An empty plan.
    pub(crate) fn new(most_entries: usize, in_place: bool) -> Self {
        Self {
            files: Vec::new(),
            links: Vec::new(),
            directories: Vec::new(),
            left_out: Vec::new(),
            most_entries,
            in_place,
            refused: Vec::new(),
            places: Vec::new(),
            omitted: Vec::new(),
        }
    }
}

impl<S: Filesystem, T: Filesystem> TransferPlan<S, T> {
    /// Leaves each target that two sources would fill to the first.
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

    /// What patterns match and nothing takes, a sentence for each pattern.
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
