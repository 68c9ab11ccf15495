//! Reports of plans, for users who want to see them before anything is changed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::FileType;
use crate::sftp::plan::{FilePlan, TargetState, TransferPlan};
use crate::sftp::versions::LONGEST_VERSION;
use crate::store::MOST_VERSION_BYTES;
use crate::text::{beginning, in_bytes};

/// Most entries that a report names.
const NAMED: usize = 50;
/// Longest path that it shows.
const LONGEST_PATH: usize = 1024;

/// The changes that a transfer would make.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// Files and links that do not exist there.
    pub create: usize,
    /// Files and links that do.
    pub replace: usize,
    /// Files and links that are left out, because their copies are the same.
    pub unchanged: usize,
    /// Entries that are deleted.
    pub delete: usize,
    /// Bytes to be copied.
    pub bytes: u64,
    /// Files of which no version is kept before they are replaced or deleted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_undo: usize,
    /// The first of them, a line each.
    pub lines: Vec<String>,
    /// The token that approves of what is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl PlanReport {
    /// Describes a plan.
    pub(crate) fn of<S: Filesystem, T: Filesystem>(plan: &TransferPlan<S, T>) -> Self {
        let all = || plan.files.iter().chain(&plan.links);
        let is_new = |file: &FilePlan<S, T>| matches!(file.target_state, TargetState::Absent);
        let line = |word: &str, file: &FilePlan<S, T>| {
            let what = match file.metadata.file_type {
                FileType::Link => "link".to_owned(),
                _ => in_bytes(file.metadata.length),
            };
            format!("{word} {} ({what})", path(&T::shown(&file.to)))
        };
        let removals = plan.removals.iter().flat_map(|removals| {
            let shown = move |below| path(&T::shown(&T::join(&removals.root, below)));
            let entries = removals.entries.iter();
            entries.map(move |removal| {
                let slash = if removal.is_directory { "/" } else { "" };
                format!("delete {}{slash}", shown(&removal.path))
            })
        });
        let replaced = all().filter(|file| !is_new(file));
        let created = all().filter(|file| is_new(file));
        let lines = removals
            .chain(first_in_order(replaced.map(|file| line("replace", file))))
            .chain(first_in_order(created.map(|file| line("create", file))));
        let create = all().filter(|file| is_new(file)).count();
        Self {
            create,
            replace: plan.files.len() + plan.links.len() - create,
            unchanged: plan.unchanged,
            delete: plan
                .removals
                .as_ref()
                .map_or(0, |removals| removals.entries.len()),
            bytes: plan
                .files
                .iter()
                .fold(0, |sum, file| sum.saturating_add(file.metadata.length)),
            without_undo: without_undo(plan),
            lines: lines.take(NAMED).collect(),
            token: plan.token.clone(),
        }
    }

    /// The number of changes.
    pub fn changes(&self) -> usize {
        self.create + self.replace + self.delete
    }

    /// The numbers in a line, where `moved` is the word for what a transfer does.
    pub fn headline(&self, moved: &str) -> String {
        format!(
            "dry run, nothing was changed: would have {moved} {}: {} new, {} replaced, {} unchanged, {} deleted",
            in_bytes(self.bytes),
            self.create,
            self.replace,
            self.unchanged,
            self.delete
        )
    }

    /// The lines below it.
    pub fn further_lines(&self) -> Vec<String> {
        let mut lines = self.lines.clone();
        let further = self.changes() - self.lines.len().min(self.changes());
        if further > 0 {
            lines.push(format!("and {further} more"));
        }
        if self.without_undo > 0 {
            lines.push(format!(
                "there is no undo for {} of the replaced or deleted files: {} a file and {} a task are kept",
                self.without_undo,
                in_bytes(LONGEST_VERSION),
                in_bytes(MOST_VERSION_BYTES)
            ));
        }
        if let Some(token) = &self.token {
            lines.push(format!(
                "to delete these {} entries, call with mirror: true and token: \"{token}\"",
                self.delete
            ));
        }
        lines
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The number of replaced or removed files that are too large to be kept, alone or all together.
fn without_undo<S: Filesystem, T: Filesystem>(plan: &TransferPlan<S, T>) -> usize {
    let removals = plan.removals.iter().flat_map(|removals| &removals.entries);
    let removed = removals.map(|removal| removal.length);
    let replaced = plan.files.iter().map(|file| match file.target_state {
        TargetState::File(metadata) => metadata.length,
        _ => 0,
    });
    let mut room = MOST_VERSION_BYTES;
    let is_kept = |length: u64| {
        let left = room
            .checked_sub(length)
            .filter(|_| length <= LONGEST_VERSION);
        room = left.unwrap_or(room);
        left.is_some()
    };
    let kept = removed.chain(replaced).map(is_kept);
    kept.filter(|is_kept| !is_kept).count()
}

/// The first lines in the order of the alphabet, as many as are named at most.
fn first_in_order(lines: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut first = BTreeSet::new();
    for line in lines {
        first.insert(line);
        if first.len() > NAMED {
            first.pop_last();
        }
    }
    first
}

/// A path as a line shows it.
fn path(shown: &str) -> String {
    let shown = beginning(shown, LONGEST_PATH);
    if shown.contains(char::is_control) {
        format!("{shown:?}")
    } else {
        shown.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_are_named_in_their_order() {
        let lines = (0..2 * NAMED)
            .rev()
            .map(|number| format!("create /f{number:03}"));
        let first: Vec<_> = first_in_order(lines).into_iter().collect();
        assert_eq!(first.len(), NAMED);
        assert_eq!(
            (&*first[0], &*first[NAMED - 1]),
            ("create /f000", "create /f049")
        );
    }
}
