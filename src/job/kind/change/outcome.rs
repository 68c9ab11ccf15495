//! The outcome of a change of a file, and the answer about it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::edit::Diff;
use crate::job::answer::{AnswerText, ShownOutput};
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::kind::command::{CommandOutcome, Exit};
use crate::job::kind::{Results, hide_passwords};
use crate::job::printed::{Printed, shorten};
use crate::job::status::Status;

/// Digits of a hash that an answer shows. As many are enough to tell contents apart, and are taken back.
const DIGITS_SHOWN: usize = 16;

/// A change of a file, so far while it runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileChanged {
    /// The file; where a symbolic link was given, what that leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_file: Option<String>,
    /// The SHA-256 before; absent if there was no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256_before: Option<String>,
    /// The SHA-256 afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256_after: Option<String>,
    /// Lines that only the new content has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<usize>,
    /// Lines that only the old content has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_removed: Option<usize>,
    /// The unified diff, or its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Set if the old content is back, because the check failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_back: Option<bool>,
    /// Set if it was only shown what would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<bool>,
    /// Notes for the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The outcome of a change, with that of its check.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChangeOutcome {
    /// The check.
    #[serde(flatten)]
    pub(super) check: CommandOutcome,
    /// The change.
    #[serde(flatten)]
    pub change: FileChanged,
}

impl Results for ChangeOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            check: CommandOutcome::take(record)?,
            change: take(record)?,
        })
    }

    fn printed(&self) -> Option<&Printed> {
        self.check.printed()
    }

    fn printed_mut(&mut self) -> Option<&mut Printed> {
        self.check.printed_mut()
    }

    fn exit(&self) -> Option<&Exit> {
        self.check.exit()
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let FileChanged {
            changed_file,
            diff,
            notes,
            ..
        } = &mut self.change;
        let mut texts = self.check.texts();
        texts.extend(changed_file.iter_mut().chain(diff).chain(notes));
        texts
    }

    fn shorten(&mut self) {
        self.check.shorten();
        if let Some(diff) = &mut self.change.diff {
            hide_passwords(diff);
            shorten(diff);
        }
    }
}

impl FileChanged {
    /// Takes over the lines in which the contents differ.
    pub(super) fn set_diff(&mut self, diff: Diff) {
        self.lines_added = Some(diff.added);
        self.lines_removed = Some(diff.removed);
        self.diff = Some(diff.text).filter(|text| !text.is_empty());
    }

    /// The deed done to the file, or planned.
    fn verb(&self) -> &'static str {
        match (&self.sha256_before, self.planned == Some(true)) {
            (None, false) => "created",
            (None, true) => "would create",
            (Some(_), false) => "changed",
            (Some(_), true) => "would change",
        }
    }

    fn path(&self) -> &str {
        self.changed_file.as_deref().unwrap_or_default()
    }

    /// Hashes before and after.
    fn hashes(&self) -> String {
        let [before, after] = [&self.sha256_before, &self.sha256_after].map(|hash| {
            let hash = hash.as_deref().unwrap_or("none");
            hash[..hash.len().min(DIGITS_SHOWN)].to_owned()
        });
        format!("sha256 {before} -> {after}")
    }

    fn done(&self) -> String {
        let path = self.path();
        if self.sha256_before == self.sha256_after && self.notes.is_empty() {
            return format!("`{path}` is so already, {}", self.hashes());
        }
        let [added, removed] =
            [self.lines_added, self.lines_removed].map(Option::unwrap_or_default);
        let verb = self.verb();
        format!(
            "{verb} `{path}`: +{added} -{removed} lines, {}",
            self.hashes()
        )
    }
}

impl ChangeOutcome {
    /// The answer's text about a change that has ended.
    pub(super) fn text(&self, job: &Header, shown: &ShownOutput) -> String {
        let change = &self.change;
        let reason = job.error.as_deref().unwrap_or(job.status.name());
        let headline = match job.status {
            Status::Completed => change.done(),
            Status::Failed => reason.to_owned(),
            status => format!("{status}: {reason}"),
        };
        let mut text = AnswerText::of(job, headline);
        for note in &change.notes {
            text.note(note);
        }
        if job.status == Status::Crashed && change.changed_file.is_some() {
            text.note(format!(
                "`{}` has the old content or the new one whole: {}; undo puts the old one back.",
                change.path(),
                change.hashes()
            ));
        }
        if job.status == Status::Completed {
            if self.check.exit.code.is_some() {
                text.note("The check passed.");
            }
            if let Some(diff) = &change.diff {
                text.line(diff);
            }
        }
        if !shown.is_empty() {
            text.separate("check of task");
            text.output(shown);
        }
        text.end()
    }
}
