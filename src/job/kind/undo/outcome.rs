//! The outcome of an undo, and the answer about it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::job::answer::AnswerText;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::kind::Results;
use crate::job::status::Status;

/// Paths that an answer names.
const PATHS_NAMED: usize = 20;
/// Paths that a record names.
const PATHS_RECORDED: usize = 200;

/// The outcome of an undo, so far while it runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoOutcome {
    /// The first paths of the task that is undone.
    #[serde(default)]
    pub(super) undone: Vec<UndonePath>,
    /// The number of all its files and links, by what was done.
    #[serde(default)]
    pub(super) undone_files: UndoCounts,
    /// The number of all its directories.
    #[serde(default)]
    pub(super) undone_directories: UndoCounts,
    /// Set if it was only shown what would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) planned: Option<bool>,
    /// A note for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// Numbers of paths by what was done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoCounts {
    restored: usize,
    removed: usize,
    left: usize,
    stay: usize,
    failed: usize,
}

/// A path of a task that is undone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndonePath {
    /// The server.
    pub(super) alias: String,
    /// True if it is a path of this machine.
    #[serde(default)]
    pub(super) is_here: bool,
    pub(super) path: String,
    /// True for a directory that the task made or removed.
    #[serde(default)]
    pub(super) is_directory: bool,
    pub(super) action: UndoAction,
    /// The reason for which it is not put back, or something to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// The action on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UndoAction {
    /// The old state is put back.
    Restore,
    /// It is removed: there was nothing.
    Remove,
    /// Nothing: it is as it was.
    Leave,
    /// Nothing: it is a directory with something else in it.
    Stay,
    /// Nothing, for a reason.
    Fail,
}

impl UndoAction {
    const ALL: [Self; 5] = [
        Self::Restore,
        Self::Remove,
        Self::Leave,
        Self::Stay,
        Self::Fail,
    ];

    /// The fate of paths, before or behind their names or number.
    fn fate(self, is_planned: bool) -> &'static str {
        match (self, is_planned) {
            (Self::Restore, false) => "restored",
            (Self::Restore, true) => "to restore",
            (Self::Remove, false) => "removed",
            (Self::Remove, true) => "to remove",
            (Self::Leave, _) => "as before already",
            (Self::Stay, _) => "left, not being empty",
            (Self::Fail, false) => "not put back",
            (Self::Fail, true) => "that cannot be put back",
        }
    }
}

impl UndoCounts {
    fn of(&mut self, action: UndoAction) -> &mut usize {
        match action {
            UndoAction::Restore => &mut self.restored,
            UndoAction::Remove => &mut self.removed,
            UndoAction::Leave => &mut self.left,
            UndoAction::Stay => &mut self.stay,
            UndoAction::Fail => &mut self.failed,
        }
    }

    fn total(self) -> usize {
        self.restored + self.removed + self.left + self.stay + self.failed
    }

    /// The numbers in words, where `nouns` are those for one and for several.
    fn words(mut self, nouns: [&str; 2], is_planned: bool) -> Vec<String> {
        let words = UndoAction::ALL.into_iter().filter_map(|action| {
            let count = *self.of(action);
            let noun = nouns[usize::from(count > 1)];
            (count > 0).then(|| format!("{count} {noun} {}", action.fate(is_planned)))
        });
        words.collect()
    }
}

impl Results for UndoOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let paths = self.undone.iter_mut();
        paths
            .flat_map(|path| std::iter::once(&mut path.path).chain(&mut path.reason))
            .chain(&mut self.note)
            .collect()
    }

    fn progress(&self) -> Option<String> {
        Some(format!("{} files done", self.total()))
    }
}

impl UndoOutcome {
    /// Adds a path. Those that could not be put back are named before others.
    pub(super) fn add(&mut self, path: UndonePath) {
        let counts = if path.is_directory {
            &mut self.undone_directories
        } else {
            &mut self.undone_files
        };
        *counts.of(path.action) += 1;
        if self.undone.len() < PATHS_RECORDED {
            self.undone.push(path);
        } else if path.action == UndoAction::Fail {
            let mut others = self.undone.iter_mut().rev();
            if let Some(other) = others.find(|other| other.action != UndoAction::Fail) {
                *other = path;
            }
        }
    }

    /// The number of paths.
    pub(super) fn total(&self) -> usize {
        self.undone_files.total() + self.undone_directories.total()
    }

    /// The number of paths that could not be put back.
    pub(super) fn failures(&self) -> usize {
        self.undone_files.failed + self.undone_directories.failed
    }

    /// The answer's text about an undo that has ended.
    pub(super) fn text(&self, job: &Header) -> String {
        let is_planned = self.planned == Some(true);
        let mut counts = self.undone_files.words(["file", "files"], is_planned);
        let directories = self.undone_directories;
        counts.extend(directories.words(["directory", "directories"], is_planned));
        let counts = counts.join(", ");
        let headline = match (job.status, &job.error) {
            (Status::Completed, _) | (_, None) if is_planned => {
                format!("dry run, nothing was changed: {counts}")
            }
            (Status::Completed, _) | (_, None) => counts,
            (status, Some(error)) if counts.is_empty() => format!("{status}: {error}"),
            (status, Some(error)) => format!("{status}: {error}; {counts}"),
        };
        let mut text = AnswerText::of(job, headline);
        for path in self.named() {
            text.note(path.line(is_planned));
        }
        let total = self.total();
        if total > PATHS_NAMED {
            text.note(format!("and {} more", total - PATHS_NAMED));
        }
        if let Some(note) = &self.note {
            text.note(note.clone());
        }
        text.end()
    }

    /// The paths that an answer names: first those that could not be put back.
    fn named(&self) -> impl Iterator<Item = &UndonePath> {
        let is_failed = |path: &&UndonePath| path.action == UndoAction::Fail;
        let failed = self.undone.iter().filter(is_failed);
        let others = self.undone.iter().filter(move |path| !is_failed(path));
        failed.chain(others).take(PATHS_NAMED)
    }
}

impl UndonePath {
    fn line(&self, is_planned: bool) -> String {
        let side = if self.is_here {
            "here".to_owned()
        } else {
            format!("on `{}`", self.alias)
        };
        let reason = self.reason.iter().map(|reason| format!(": {reason}"));
        format!(
            "{} `{}` {side}{}",
            self.action.fate(is_planned),
            self.path,
            reason.collect::<String>()
        )
    }
}
