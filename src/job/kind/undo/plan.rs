//! The plan of an undo: what is to be done with each file.

use super::outcome::{UndoAction, UndoneFile};
use crate::error::Error;
use crate::guard::Guard;
use crate::sftp::{FileSnapshot, KeptVersion, LocatedFile, RemoteFiles};

/// The largest file that is compared.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A version that a task has left, and what is to be done with its file.
pub(super) struct PlannedFile {
    /// The version's name.
    pub(super) name: String,
    pub(super) version: KeptVersion,
    pub(super) action: Result<UndoAction, Error>,
}

impl PlannedFile {
    /// Judges a version by its file.
    pub(super) async fn of(
        name: String,
        version: KeptVersion,
        files: &RemoteFiles<'_>,
        guard: &Guard,
        force: bool,
    ) -> Self {
        let action = judge(&version, files, guard, force).await;
        Self {
            name,
            version,
            action,
        }
    }

    /// The file as the record names it.
    pub(super) fn shown(&self) -> UndoneFile {
        let (action, reason) = match &self.action {
            Ok(UndoAction::Fail) => {
                let reason = "its old content was too large to be kept";
                (UndoAction::Fail, Some(reason.to_owned()))
            }
            Ok(action) => (*action, None),
            Err(error) => (UndoAction::Fail, Some(error.to_string())),
        };
        UndoneFile {
            alias: self.version.alias.clone(),
            path: self.version.path.clone(),
            action,
            reason,
        }
    }
}

async fn judge(
    version: &KeptVersion,
    files: &RemoteFiles<'_>,
    guard: &Guard,
    force: bool,
) -> Result<UndoAction, Error> {
    let file = files.locate(&version.path).await?;
    let now = files.state(&file, LARGEST).await?;
    action(version, &now, &file, guard, force)
}

/// The action on a file that is so now.
pub(super) fn action(
    version: &KeptVersion,
    now: &FileSnapshot,
    file: &LocatedFile,
    guard: &Guard,
    force: bool,
) -> Result<UndoAction, Error> {
    let hash = now.sha256();
    let before = version.before.as_ref();
    let is_as_left = hash == version.after;
    if !is_as_left && hash.as_ref() == before.map(|before| &before.sha256) {
        return Ok(UndoAction::Leave);
    }
    if !is_as_left && !force {
        return Err(Error::ChangedSince {
            path: version.path.clone(),
            left: version.after.clone(),
            actual: hash,
        });
    }
    match before {
        Some(before) if before.is_kept() => Ok(UndoAction::Restore),
        Some(_) => Ok(UndoAction::Fail),
        None => {
            guard.removal_check()(file.names())?;
            Ok(UndoAction::Remove)
        }
    }
}
