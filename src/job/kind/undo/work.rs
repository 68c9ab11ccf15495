//! The work of an undo: all files are judged first, then each is kept and put back.

use std::collections::HashMap;

use super::Undo;
use super::outcome::{UndoAction, UndoOutcome};
use super::plan::{PlannedFile, action};
use crate::error::Error;
use crate::job::ending::Ending;
use crate::job::kind::Outcome;
use crate::job::kind::change::{LARGEST, access, put_back};
use crate::job::kind::context::Context;
use crate::job::status::Status;
use crate::sftp::{
    FileBefore, FileSnapshot, FileType, KeptVersion, LocatedFile, Metadata, RemoteFiles,
};
use crate::ssh::Pool;
use crate::time::Timestamp;

/// Undoes a task.
pub(super) async fn run(undo: &Undo, context: &Context<'_>) -> (Ending, UndoOutcome) {
    let work = UndoWork { undo, context };
    let planned = tokio::select! {
        planned = work.plan() => planned,
        () = context.cancel().cancelled() => {
            let ending = Ending::of(Status::Cancelled, "nothing was changed");
            return (ending, UndoOutcome::default());
        }
    };
    let (pools, mut files) = match planned {
        Ok(planned) => planned,
        Err(error) => return (error.into(), UndoOutcome::default()),
    };
    if undo.dry_run {
        let outcome = UndoOutcome {
            undone: files.iter().map(PlannedFile::shown).collect(),
            planned: Some(true),
        };
        return (Ending::completed(), outcome);
    }
    if let Some(index) = files.iter().position(|file| file.action.is_err())
        && let Err(refusal) = files.swap_remove(index).action
    {
        return (refusal.into(), UndoOutcome::default());
    }
    Box::pin(work.carry_out(&pools, files)).await
}

struct UndoWork<'a> {
    undo: &'a Undo,
    context: &'a Context<'a>,
}

/// The connections to each server.
type Pools = HashMap<String, Pool>;

impl UndoWork<'_> {
    /// Judges every file of the task, the last one that it changed first.
    async fn plan(&self) -> Result<(Pools, Vec<PlannedFile>), Error> {
        let context = self.context;
        let mut versions = context.versions.of_task(&self.undo.undone_task).await?;
        versions.reverse();
        let mut pools = Pools::new();
        let mut planned = Vec::new();
        for (name, version) in versions {
            let alias = version.alias.clone();
            if !pools.contains_key(&alias) {
                pools.insert(alias.clone(), self.pool(&version).await?);
            }
            let may_write = || context.guard.write_check();
            let access = access(
                context,
                &pools[&alias],
                &alias,
                &may_write,
                context.cancel(),
            );
            let files = RemoteFiles::open(access).await?;
            let force = self.undo.force;
            let file = PlannedFile::of(name, version, &files, context.guard, force);
            planned.push(file.await);
        }
        if planned.is_empty() {
            let id = self.undo.undone_task.clone();
            return Err(Error::NothingToUndo { id });
        }
        Ok((pools, planned))
    }

    /// The connections to the server of a version. It has to be the one that the task changed.
    async fn pool(&self, version: &KeptVersion) -> Result<Pool, Error> {
        let Context {
            job, pool, guard, ..
        } = self.context;
        let endpoint = pool.server(&version.alias)?.endpoint();
        if endpoint != version.endpoint && !self.undo.force {
            return Err(Error::ChangedSince {
                path: format!("{}:{}", version.alias, version.path),
                left: Some(version.endpoint.clone()),
                actual: Some(endpoint),
            });
        }
        if version.alias == job.alias || self.undo.dry_run {
            return Ok((*pool).clone());
        }
        guard.may_change(&version.alias, super::TOOL)?;
        guard.checked(&version.alias, super::TOOL).await
    }

    /// Puts the files back, each kept before.
    async fn carry_out(&self, pools: &Pools, files: Vec<PlannedFile>) -> (Ending, UndoOutcome) {
        let mut outcome = UndoOutcome::default();
        let mut failure = None;
        for (number, mut file) in files.into_iter().enumerate() {
            if self.context.cancel().is_cancelled() {
                let what = "the undo was stopped; files that it did not come to are as they were";
                return (Ending::of(Status::Cancelled, what), outcome);
            }
            let pool = &pools[&file.version.alias];
            if !matches!(file.action, Ok(UndoAction::Leave | UndoAction::Fail)) {
                file.action = self.put_back(number, pool, &file).await;
            }
            outcome.undone.push(file.shown());
            self.context.publish(Outcome::Undo(outcome.clone()));
            if let Err(error) = file.action {
                failure.get_or_insert(error);
            }
        }
        let failures = outcome.count(UndoAction::Fail);
        let ending = match (failures, failure) {
            (0, _) => Ending::completed(),
            (_, Some(error)) if failures == outcome.undone.len() => error.into(),
            (failures, _) => {
                let what = format!(
                    "{failures} of {} files were not put back",
                    outcome.undone.len()
                );
                Ending::of(Status::Partial, what)
            }
        };
        (ending, outcome)
    }

    /// Puts a file back, if it is still so that this may be done.
    async fn put_back(
        &self,
        number: usize,
        pool: &Pool,
        planned: &PlannedFile,
    ) -> Result<UndoAction, Error> {
        let PlannedFile { name, version, .. } = planned;
        let context = self.context;
        let may_write = || context.guard.write_check();
        let access = access(context, pool, &version.alias, &may_write, context.cancel());
        let files = RemoteFiles::open(access).await?;
        let file = files.locate(&version.path).await?;
        let _lock = context.lock_file(&version.alias, &file.path()).await;
        let now = files.state(&file, LARGEST).await?;
        let action = action(version, &now, &file, context.guard, self.undo.force)?;
        if matches!(action, UndoAction::Leave | UndoAction::Fail) {
            return Ok(action);
        }
        let Some(old) = self.old(name, version, &file).await? else {
            return Ok(UndoAction::Fail);
        };
        self.keep(number, version, &now, &files, &file).await?;
        let expected = now.expected();
        put_back(&files, &file, &old, &expected, &version.directories).await?;
        Ok(action)
    }

    /// The file as it was; `None` where its content is not kept any more.
    async fn old(
        &self,
        name: &str,
        version: &KeptVersion,
        file: &LocatedFile,
    ) -> Result<Option<FileSnapshot>, Error> {
        let Some(before) = &version.before else {
            return Ok(Some(FileSnapshot {
                path: file.path(),
                metadata: None,
                content: Vec::new().into(),
            }));
        };
        let content = self.context.versions.content(name).await?;
        Ok(content.map(|content| FileSnapshot {
            path: file.path(),
            metadata: Some(Metadata {
                file_type: FileType::File,
                length: before.size,
                mode: before.mode,
                owner: before.owner,
                modified: None,
            }),
            content: content.into(),
        }))
    }

    /// Keeps a file as it is before it is put back, so that the undo can be undone.
    async fn keep(
        &self,
        number: usize,
        version: &KeptVersion,
        now: &FileSnapshot,
        files: &RemoteFiles<'_>,
        file: &LocatedFile,
    ) -> Result<(), Error> {
        let directories = if now.exists() {
            Vec::new()
        } else {
            files.missing_directories(file).await?
        };
        let kept = KeptVersion {
            task: self.context.job.id.to_string(),
            alias: version.alias.clone(),
            endpoint: version.endpoint.clone(),
            path: version.path.clone(),
            kept_at: Timestamp::now(),
            before: FileBefore::of(now),
            after: version.before.as_ref().map(|before| before.sha256.clone()),
            directories,
        };
        self.context
            .versions
            .keep(number, kept, now)
            .await
            .map(drop)
    }
}
