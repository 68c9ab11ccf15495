//! What a transfer is going to do: every file with its way, and the directories made for them.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use super::facts::Facts;
use super::omitted::Omitted;
use super::side::Side;
use crate::error::{Error, FailedFile};

/// The ways of one direction.
pub(super) struct Plan<S: Side, T: Side> {
    pub(super) files: Vec<Way<S, T>>,
    pub(super) links: Vec<Way<S, T>>,
    /// Directories that were made, and what they are to be once nothing is written into them any more.
    pub(super) directories: Vec<(T::Path, Facts)>,
    pub(super) left_out: Vec<FailedFile>,
    /// The most entries that are listed for it.
    pub(super) most_entries: usize,
    /// Whether targets are written in place, without asking what they are where that is refused.
    pub(super) in_place: bool,
    /// Files that may not be written where they would go.
    pub(super) refused: Vec<(String, Error)>,
    /// Where what is copied lies in the end, for people: one for each entry that was planned.
    pub(super) places: Vec<String>,
    /// What patterns match and do not take: the base, the pattern, its depth.
    pub(super) omitted: Vec<(S::Path, String, Option<usize>, Omitted)>,
}

/// From where to where a file goes.
pub(super) struct Way<S: Side, T: Side> {
    pub(super) from: S::Path,
    pub(super) to: T::Path,
    /// What the source was when it was found.
    pub(super) facts: Facts,
    /// What was at the target then.
    pub(super) there: There,
    /// Whether the target is the very path that the user named: only then is a link there followed.
    pub(super) is_named: bool,
    /// The number of the place that it belongs to.
    pub(super) place: usize,
}

/// What is known to be at a target.
#[derive(Clone, Copy, Debug)]
pub(super) enum There {
    Nothing,
    /// A file itself, no link.
    File(Facts),
    Unknown,
}

impl There {
    pub(super) fn in_directory(is_new: bool) -> Self {
        if is_new { Self::Nothing } else { Self::Unknown }
    }
}

impl<S: Side, T: Side> Plan<S, T> {
    /// An empty plan.
    pub(super) fn new(most_entries: usize, in_place: bool) -> Self {
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

impl<S: Side, T: Side> Plan<S, T> {
    /// Leaves each target that two sources would fill to the first.
    pub(super) fn keep_apart(&mut self) {
        let mut filled: HashMap<T::Path, S::Path> = HashMap::new();
        let left_out = &mut self.left_out;
        let mut is_first = |way: &Way<S, T>| match filled.entry(way.to.clone()) {
            Entry::Vacant(free) => {
                free.insert(way.from.clone());
                true
            }
            Entry::Occupied(taken) => {
                if *taken.get() != way.from {
                    left_out.push(FailedFile {
                        file: S::shown(&way.from),
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
    pub(super) fn untaken(&mut self) -> Vec<String> {
        if self.omitted.is_empty() {
            return Vec::new();
        }
        let mut taken: HashSet<Vec<u8>> = HashSet::new();
        for way in self.files.iter().chain(&self.links) {
            let path = S::bytes(&way.from);
            let ends = path.iter().enumerate();
            let ends = ends.filter(|(_, byte)| matches!(byte, b'/' | b'\\'));
            taken.extend(ends.map(|(end, _)| path[..end].to_vec()));
            taken.insert(path.to_vec());
        }
        let mut notes = Vec::new();
        for (base, pattern, depth, mut omitted) in self.omitted.drain(..) {
            omitted.retain(|path| !taken.contains(&*S::bytes(&S::join(&base, path))));
            notes.extend(omitted.told(&pattern, depth));
        }
        notes
    }
}
