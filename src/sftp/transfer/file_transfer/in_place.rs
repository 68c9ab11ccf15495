//! Files written in place, because they cannot be replaced: a backup is kept here until the new content
//! is whole.

use std::path::Path;
use std::sync::atomic::Ordering;

use crate::fs::blocking;
use crate::hex::digits;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::path::local_of;
use crate::sftp::transfer::backup::{self, BackupKey, FileBackup, OldFile};
use crate::sftp::transfer::context::unless_cancelled;
use crate::sftp::transfer::file_transfer::{
    FileTransfer, PartFileOf, TargetPath, TransferDirection,
};

/// Most lost connections while one file is written in place: it begins anew after each.
const MOST_LOSSES: u32 = 5;

impl<D: TransferDirection> FileTransfer<'_, D> {
    /// Writes the target itself. `adopted` is the backup of an earlier try.
    pub(crate) async fn copy_in_place(
        &self,
        part: PartFileOf<D>,
        adopted: Option<FileBackup>,
        reason: Option<String>,
    ) -> Result<u64> {
        let (context, shown) = (self.context, D::Target::shown(&part.target));
        self.set_arrived(0);
        self.state.set_in_place_begun(adopted.is_some());
        let beside = part.path.clone();
        let part = part.in_place();
        let backup = if adopted.is_some() {
            adopted
        } else {
            let backup = unless_cancelled(context, self.back_up(&part)).await?;
            self.check_backup(backup).await?
        };
        // Also of one that another task has left: this one's undo is to find it.
        self.keep_backup(&part, backup.as_ref()).await?;
        match self.overwrite(&part).await {
            Ok(length) => {
                self.discard(backup).await;
                if context.resume {
                    // An earlier try may have left one.
                    let _ = self.target().remove(&beside).await;
                }
                if let Some(reason) = reason {
                    context
                        .notes
                        .add(format!("`{shown}` was written in place: {reason}"));
                }
                Ok(length)
            }
            // The backup is left to the next attempt.
            Err(error) if error.is_connection_lost() => {
                if self.state.losses.fetch_add(1, Ordering::Relaxed) < MOST_LOSSES {
                    return Err(error);
                }
                Err(SftpError::failure(format!(
                    "{error}, again and again while it was written in place, from its beginning each time"
                )))
            }
            Err(error) => {
                let error = D::explain(self, &part, error).await;
                self.set_arrived(0);
                let error = self.put_back(&part, backup, error).await;
                Err(match reason {
                    Some(reason) if !matches!(error, SftpError::Cancelled(_)) => {
                        error.reworded(format!("{error} (written in place: {reason})"))
                    }
                    _ => error,
                })
            }
        }
    }

    async fn overwrite(&self, part: &PartFileOf<D>) -> Result<u64> {
        let filled = D::fill(self, part, 0);
        // The server handles requests in order, so what is under way cannot overtake what is sent
        // later.
        let length = if D::IS_UPLOAD {
            unless_cancelled(self.context, filled).await?
        } else {
            filled.await?
        };
        match self.check(&part.path, length).await {
            // Some servers take files away once they are closed.
            Err(SftpError::NotFound(_)) => {
                self.context.notes.add(format!(
                    "the server took `{}` away when it was closed, so that it could not be read back",
                    D::Target::shown(&part.target)
                ));
            }
            checked => checked?,
        }
        Ok(length)
    }

    /// Backs up the target; `None` where the server does not say whether it exists.
    async fn back_up(&self, part: &PartFileOf<D>) -> Result<Option<FileBackup>> {
        let key = self.key(&part.target).await;
        let length = part.old.map_or(0, |old| old.length);
        let (backups, begun_for) = (self.context.backups.clone(), key.clone());
        let new_backup = blocking(move || backup::begin(&backups, &begun_for, length)).await?;
        let existed = if part.old.is_some() || part.is_unknown {
            match D::save_old_content(self, part, new_backup.content()?).await {
                Ok(()) => true,
                Err(SftpError::NotFound(_)) => false,
                Err(error) if error.is_connection_lost() => return Err(error),
                Err(error) if part.is_unknown && error.leaves_open() => {
                    self.context.notes.add(format!(
                        "the server does not tell what `{}` was before, so that nothing of it is kept",
                        D::Target::shown(&part.target)
                    ));
                    return Ok(None);
                }
                Err(error) if length == 0 && error.is_refusal() => true,
                Err(error) => {
                    let reason = format!(
                        "its old content cannot be kept until the new is whole, so that it is not written in place: {error}"
                    );
                    return Err(error.reworded(reason));
                }
            }
        } else {
            false
        };
        let old = OldFile {
            existed,
            mode: part.old.and_then(|old| old.mode),
            modified: part.old.and_then(|old| old.modified),
        };
        blocking(move || backup::finish(new_backup, key, old).map(Some)).await
    }

    /// Restores the old content. Returns the error, with what became of that.
    async fn put_back(
        &self,
        part: &PartFileOf<D>,
        backup: Option<FileBackup>,
        error: SftpError,
    ) -> SftpError {
        let in_place_begun = self.state.in_place_begun();
        let Some(backup) = backup else {
            let known = if in_place_begun {
                "; what it held before is not known"
            } else {
                ""
            };
            return error.reworded(format!("{error}{known}"));
        };
        let outcome = match backup.record.size {
            _ if !in_place_begun => Ok(""),
            Some(_) => self
                .restore_old_content(part, &backup)
                .await
                .map(|()| "; its old content was put back"),
            None => match self.target().remove(&part.target).await {
                Err(error) if !error.is_not_found() => Err(error),
                _ => Ok(""),
            },
        };
        match outcome {
            Ok(done) => {
                self.discard(Some(backup)).await;
                error.reworded(format!("{error}{done}"))
            }
            Err(again) if again.is_connection_lost() => again,
            Err(again) => error.reworded(format!(
                "{error}; its old content could not be put back ({again})"
            )),
        }
    }

    pub(super) async fn discard(&self, backup: Option<FileBackup>) {
        let Some(backup) = backup else { return };
        let content = backup.location();
        if let Err(error) = blocking(move || Ok::<_, SftpError>(backup.discard()?)).await {
            let note =
                format!("`{content}` is not needed any more and could not be removed: {error}");
            self.context.notes.add(note);
        }
    }

    async fn restore_old_content(&self, part: &PartFileOf<D>, backup: &FileBackup) -> Result<()> {
        backup::check(backup)?;
        D::restore_old_content(self, part, backup.content()?, &backup.record).await
    }

    /// The backup that an earlier attempt did not come to restore.
    pub(crate) async fn adopt_backup(&self, part: &PartFileOf<D>) -> Result<Option<FileBackup>> {
        let backups = self.context.backups;
        if backups.is_empty() {
            return Ok(None);
        }
        let key = self.key(&part.target).await;
        let backups = backups.clone();
        let found = blocking(move || backup::find(&backups, &key)).await?;
        if let Some(backup) = &found {
            self.context.notes.add(format!(
                "an earlier transfer had begun to write `{}` in place and was cut; its old content was still kept in `{}`",
                D::Target::shown(&part.target),
                backup.location()
            ));
        }
        Ok(found)
    }

    async fn key(&self, target: &TargetPath<D>) -> BackupKey {
        let context = self.context;
        let server = || {
            context
                .pool
                .server(context.alias)
                .map(|server| server.endpoint())
        };
        let path = self.real(target).await;
        BackupKey {
            endpoint: D::IS_UPLOAD.then(|| server().unwrap_or_else(|_| context.alias.to_owned())),
            path: D::Target::shown(&path),
            path_bytes: digits(&D::Target::bytes(&path)),
            source: D::Source::shown(&self.plan.from),
            transfer: context.token.to_owned(),
        }
    }

    /// The target's canonical path as far as it can be had, so that every transfer finds the same.
    async fn real(&self, target: &TargetPath<D>) -> TargetPath<D> {
        let directory = D::Target::parent(target).unwrap_or_else(|| D::Target::path("."));
        let real = self.target().real_path(&directory).await;
        match (real, D::Target::file_name(target)) {
            (Ok(real), Some(name)) => D::Target::join(&real, Path::new(&local_of(&name))),
            _ => target.clone(),
        }
    }
}
