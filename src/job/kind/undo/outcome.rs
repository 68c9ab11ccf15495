//! The outcome of an undo, and the answer about it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::job::answer::AnswerText;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::kind::Results;
use crate::job::status::Status;

/// Files that an answer names.
const FILES_NAMED: usize = 20;

/// The outcome of an undo, so far while it runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoOutcome {
    /// The files of the task that is undone.
    #[serde(default)]
    pub(super) undone: Vec<UndoneFile>,
    /// Set if it was only shown what would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) planned: Option<bool>,
}

/// A file of a task that is undone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoneFile {
    /// The server.
    pub(super) alias: String,
    pub(super) path: String,
    pub(super) action: UndoAction,
    /// The reason for which it is not put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// The action on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UndoAction {
    /// Its content, mode and owner are put back.
    Restore,
    /// It is removed: there was none.
    Remove,
    /// Nothing: it is as it was.
    Leave,
    /// Nothing, for a reason.
    Fail,
}

impl UndoAction {
    /// The fate of files, before or behind their names or number.
    fn fate(self, is_planned: bool) -> &'static str {
        match (self, is_planned) {
            (Self::Restore, false) => "restored",
            (Self::Restore, true) => "to restore",
            (Self::Remove, false) => "removed",
            (Self::Remove, true) => "to remove",
            (Self::Leave, _) => "as before already",
            (Self::Fail, false) => "not put back",
            (Self::Fail, true) => "that cannot be put back",
        }
    }
}

impl Results for UndoOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let files = self.undone.iter_mut();
        files
            .flat_map(|file| std::iter::once(&mut file.path).chain(&mut file.reason))
            .collect()
    }

    fn progress(&self) -> Option<String> {
        Some(format!("{} files done", self.undone.len()))
    }
}

impl UndoOutcome {
    /// The files on which something was done.
    pub(super) fn count(&self, action: UndoAction) -> usize {
        let files = self.undone.iter();
        files.filter(|file| file.action == action).count()
    }

    /// The answer's text about an undo that has ended.
    pub(super) fn text(&self, job: &Header) -> String {
        let is_planned = self.planned == Some(true);
        let counts = [
            UndoAction::Restore,
            UndoAction::Remove,
            UndoAction::Leave,
            UndoAction::Fail,
        ];
        let counts = counts.into_iter().filter_map(|action| {
            let count = self.count(action);
            let files = if count == 1 { "file" } else { "files" };
            (count > 0).then(|| format!("{count} {files} {}", action.fate(is_planned)))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        let headline = match (job.status, &job.error) {
            (Status::Completed, _) | (_, None) if is_planned => {
                format!("dry run, nothing was changed: {counts}")
            }
            (Status::Completed, _) | (_, None) => counts,
            (status, Some(error)) if counts.is_empty() => format!("{status}: {error}"),
            (status, Some(error)) => format!("{status}: {error}; {counts}"),
        };
        let mut text = AnswerText::of(job, headline);
        for file in self.undone.iter().take(FILES_NAMED) {
            let reason = file.reason.iter().map(|reason| format!(": {reason}"));
            text.note(format!(
                "{} `{}` on `{}`{}",
                file.action.fate(is_planned),
                file.path,
                file.alias,
                reason.collect::<String>()
            ));
        }
        if self.undone.len() > FILES_NAMED {
            text.note(format!("and {} more", self.undone.len() - FILES_NAMED));
        }
        text.end()
    }
}
