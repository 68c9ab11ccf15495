//! The plan of an undo: what is to be done with each path, judged before anything is changed.

use std::collections::HashMap;
use std::path::Path;

use super::outcome::{UndoAction, UndonePath};
use crate::error::Error;
use crate::sftp::{KeptVersion, PathState, VersionSide, WriteCheck};
use crate::store::ContentPlace;

/// A version that a task has left, and what is to be done with its path.
pub(super) struct PlannedPath {
    /// The place of its content.
    pub(super) content: ContentPlace,
    pub(super) version: KeptVersion,
    pub(super) action: Result<UndoAction, Error>,
    /// Something to know about the action.
    pub(super) note: Option<String>,
    /// True once the undo has come to it.
    pub(super) is_done: bool,
}

impl PlannedPath {
    /// Returns whether the task made or removed a directory.
    pub(super) fn is_directory(&self) -> bool {
        let is_directory = |state: &PathState| matches!(state, PathState::Directory { .. });
        is_directory(&self.version.before) || is_directory(&self.version.after)
    }

    /// The path as the record names it.
    pub(super) fn shown(&self) -> UndonePath {
        let (action, reason) = match &self.action {
            Ok(UndoAction::Fail) => {
                let reason = "its old content was not kept";
                (UndoAction::Fail, Some(reason.to_owned()))
            }
            Ok(action) => (*action, self.note.clone()),
            Err(error) => (UndoAction::Fail, Some(error.to_string())),
        };
        UndonePath {
            alias: self.version.side.alias.clone(),
            is_here: self.version.side.endpoint.is_none(),
            path: self.version.path.clone(),
            is_directory: self.is_directory(),
            action,
            reason,
        }
    }
}

/// A directory that was put back, and the mode that it had.
pub(super) struct RestoredDirectory {
    pub(super) side: VersionSide,
    pub(super) path: String,
    pub(super) mode: Option<u32>,
}

/// Rules on what an undo may do.
pub(super) struct UndoRules {
    pub(super) may_write: WriteCheck,
    pub(super) may_remove: WriteCheck,
    /// True if paths are put back that were changed since.
    pub(super) force: bool,
}

impl UndoRules {
    /// Judges a version by what is at its path now, and by the names that the path has.
    pub(super) fn action(
        &self,
        (content, version): (&ContentPlace, &KeptVersion),
        now: &PathState,
        names: &[String],
    ) -> Result<UndoAction, Error> {
        let is_of_server = version.side.endpoint.is_some();
        if is_of_server {
            (self.may_write)(names)?;
        }
        let is_as_left = now.is_same(&version.after);
        if !is_as_left && now.is_same(&version.before) {
            return Ok(UndoAction::Leave);
        }
        if !is_as_left && !self.force {
            return Err(Error::ChangedSince {
                path: version.path.clone(),
                left: version.after.shown(),
                actual: now.shown(),
            });
        }
        let action = match &version.before {
            PathState::File(_) if !content.has_content() => return Ok(UndoAction::Fail),
            PathState::Absent => UndoAction::Remove,
            _ => UndoAction::Restore,
        };
        if is_of_server && action == UndoAction::Remove {
            (self.may_remove)(names)?;
        }
        Ok(action)
    }
}

/// The states of paths as they are once what was planned so far is done.
#[derive(Default)]
pub(super) struct PlannedStates(HashMap<String, PathState>);

impl PlannedStates {
    /// The state of a path then; `None` where it is as it is now.
    pub(super) fn of(&self, path: &str) -> Option<PathState> {
        if let Some(planned) = self.0.get(path) {
            return Some(planned.clone());
        }
        // A directory that is made anew is empty, and nothing is below anything else.
        let mut above = Path::new(path).ancestors().skip(1);
        let is_new = above.any(|above| {
            above
                .to_str()
                .is_some_and(|above| self.0.contains_key(above))
        });
        is_new.then_some(PathState::Absent)
    }

    pub(super) fn set(&mut self, version: &KeptVersion) {
        self.0.insert(version.path.clone(), version.before.clone());
    }
}
