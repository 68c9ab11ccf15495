//! The work of a change: read, compare, keep, replace, check.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use super::outcome::{ChangeOutcome, FileChanged};
use super::request::{ChangeRequest, ChangeTool, NewContent};
use super::standing::{BegunChange, LARGEST, StandingContent, access};
use crate::edit::Diff;
use crate::error::{Error, FileFailure};
use crate::file_query::holds_private_key;
use crate::fs::blocking;
use crate::job::ending::Ending;
use crate::job::kind::Outcome;
use crate::job::kind::command::Run;
use crate::job::kind::context::Context;
use crate::job::status::Status;
use crate::sftp::{
    ExpectedContent, FileSnapshot, KeptVersion, LONGEST_VERSION, LocatedFile, MayWrite, PathState,
    RemoteFiles, ReplaceOptions, VersionSide, sha256,
};
use crate::ssh::Bound;
use crate::ssh::command::CommandText;
use crate::text::in_bytes;
use crate::time::Timestamp;

/// Most bytes of a diff that an answer shows.
const DIFF_BYTES: usize = 8 * 1024;
/// The time that a check may take.
const CHECK_TIME: Duration = Duration::from_secs(60);
/// Mode of a new file in a new directory, where the server is not asked.
const NEW_FILE: u32 = 0o644;

/// Changes a file.
pub(super) async fn run(
    context: &Context<'_>,
    request: &ChangeRequest,
    wanted: &Arc<NewContent>,
) -> (Ending, ChangeOutcome) {
    let may_write = || match request.tool {
        ChangeTool::ServerAuthorizeKey => context.guard.keys_check(),
        _ => context.guard.write_check(),
    };
    let work = ChangeWork {
        context,
        request,
        may_write: &may_write,
    };
    let prepared = tokio::select! {
        prepared = work.prepare(wanted) => prepared,
        () = context.cancel().cancelled() => {
            let ending = Ending::of(Status::Cancelled, "nothing was changed");
            return (ending, ChangeOutcome::default());
        }
    };
    match prepared {
        Err(error) => (error.into(), ChangeOutcome::default()),
        Ok(prepared) if request.dry_run || prepared.is_done() => {
            let mut outcome = prepared.outcome();
            outcome.change.planned = request.dry_run.then_some(true);
            (Ending::completed(), outcome)
        }
        Ok(prepared) => Box::pin(work.carry_out(prepared)).await,
    }
}

struct ChangeWork<'a> {
    context: &'a Context<'a>,
    request: &'a ChangeRequest,
    may_write: &'a MayWrite<'a>,
}

/// A change that is known in all its parts.
struct PreparedChange<'a> {
    files: RemoteFiles<'a>,
    file: LocatedFile,
    old: FileSnapshot,
    new: Bytes,
    diff: Diff,
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
    /// Directories that are to be made, the outermost first.
    directories: Vec<String>,
    /// Keeps other changes of the file by this process away.
    _lock: OwnedMutexGuard<()>,
}

impl PreparedChange<'_> {
    /// Returns whether the file is as it is to be.
    fn is_done(&self) -> bool {
        let has = self.old.metadata;
        let has_mode = |mode| has.is_some_and(|has| has.mode == Some(mode));
        let has_owner = |owner| has.is_some_and(|has| has.owner == Some(owner));
        has.is_some()
            && self.old.content == self.new
            && self.mode.is_none_or(has_mode)
            && self.owner.is_none_or(has_owner)
    }

    fn is_kept(&self) -> bool {
        self.old.content.len() as u64 <= LONGEST_VERSION
    }

    fn after(&self) -> ExpectedContent {
        ExpectedContent::File {
            size: self.new.len() as u64,
            sha256: sha256(&self.new),
        }
    }

    fn outcome(&self) -> ChangeOutcome {
        let mut change = FileChanged {
            changed_file: Some(self.old.path.clone()),
            sha256_before: self.old.sha256(),
            sha256_after: Some(sha256(&self.new)),
            ..FileChanged::default()
        };
        change.set_diff(self.diff.clone());
        if !self.is_kept() {
            change.notes.push(format!(
                "There is no undo: the old content is larger than {}.",
                in_bytes(LONGEST_VERSION)
            ));
        }
        ChangeOutcome {
            change,
            ..ChangeOutcome::default()
        }
    }
}

impl<'a> ChangeWork<'a> {
    async fn prepare(&self, wanted: &Arc<NewContent>) -> Result<PreparedChange<'a>, Error> {
        let Self {
            context,
            request,
            may_write,
        } = *self;
        let alias = &context.job.alias;
        let files = RemoteFiles::open(access(
            context,
            context.pool,
            alias,
            may_write,
            context.cancel(),
        ))
        .await?;
        let file = files.locate(&request.path).await?;
        let lock = context.lock_file(alias, &file.path()).await;
        let old = files.state(&file, LARGEST).await?;
        request.check_hash(alias, &old)?;
        let may_show = self.may_show(&file, &old)?;
        let (path, wanted, before) = (request.path.clone(), Arc::clone(wanted), old.clone());
        let (new, diff) = blocking(move || {
            let new = wanted.of(&path, &before)?;
            let mut diff = Diff::of(&before.content, &new, DIFF_BYTES);
            if !may_show {
                diff.text.clear();
            }
            Ok::<_, Error>((new, diff))
        })
        .await?;
        let directories = self.missing_directories(&files, &file, &old).await?;
        let owner = match &request.owner {
            Some(owner) => Some(files.owner(owner, &file, &old).await?),
            None => None,
        };
        Ok(PreparedChange {
            files,
            file,
            old,
            new: new.into(),
            diff,
            mode: request.mode,
            owner,
            directories,
            _lock: lock,
        })
    }

    /// Returns whether the old content may be shown. Files that hold keys are not edited, since that would tell
    /// what is in them; they may be replaced.
    fn may_show(&self, file: &LocatedFile, old: &FileSnapshot) -> Result<bool, Error> {
        if !old.exists() {
            return Ok(true);
        }
        let holds_key = holds_private_key(&old.content);
        match self.context.guard.may_read(file.names(), holds_key) {
            Err(refusal) if self.request.tool == ChangeTool::FileEdit => Err(refusal),
            judged => Ok(judged.is_ok()),
        }
    }

    async fn missing_directories(
        &self,
        files: &RemoteFiles<'_>,
        file: &LocatedFile,
        old: &FileSnapshot,
    ) -> Result<Vec<String>, Error> {
        if old.exists() {
            return Ok(Vec::new());
        }
        let missing = files.missing_directories(file).await?;
        match missing.first() {
            Some(first) if !self.request.create_dirs => Err(Error::File {
                path: self.request.path.clone(),
                failure: FileFailure::NotFound,
                reason: format!("the directory `{first}` is missing; createDirs: true makes it"),
            }),
            _ => Ok(missing),
        }
    }

    async fn carry_out(&self, mut prepared: PreparedChange<'_>) -> (Ending, ChangeOutcome) {
        let mut outcome = prepared.outcome();
        if let Err(error) = self.keep(&mut prepared).await {
            return (error.into(), ChangeOutcome::default());
        }
        self.context.publish(Outcome::Change(outcome.clone()));
        let (before, after) = (prepared.old.expected(), prepared.after());
        let begun = BegunChange {
            context: self.context,
            may_write: self.may_write,
            file: &prepared.file,
            old: &prepared.old,
            before: &before,
            after: &after,
            directories: &prepared.directories,
        };
        match self.replace(&prepared, &before).await {
            Ok(notes) => outcome.change.notes.extend(notes),
            Err(error) => {
                let ending = self.explain(&begun, error).await;
                return (ending, outcome);
            }
        }
        let Some(check) = &self.request.check else {
            return (Ending::completed(), outcome);
        };
        let run = Run {
            text: CommandText::Line(check),
            limit: Some(self.check_time()),
            bound: Bound::default(),
            responder: None,
        };
        let (ending, checked) = run.execute(self.context).await;
        outcome.check = checked;
        if ending.status == Status::Completed {
            return (ending, outcome);
        }
        (
            self.take_back(&begun, ending, &mut outcome.change).await,
            outcome,
        )
    }

    /// Keeps the old file durably before it is replaced.
    async fn keep(&self, prepared: &mut PreparedChange<'_>) -> Result<(), Error> {
        if !prepared.old.exists() && prepared.mode.is_none() {
            let PreparedChange { files, file, .. } = &*prepared;
            prepared.mode = Some(if prepared.directories.is_empty() {
                let metadata = files.new_file_metadata(file).await?;
                metadata.mode.unwrap_or(NEW_FILE)
            } else {
                NEW_FILE
            });
        }
        let (prepared, old) = (&*prepared, &prepared.old);
        let (context, alias) = (self.context, &self.context.job.alias);
        let endpoint = Some(context.pool.server(alias)?.endpoint());
        let version = |path: &str, before, after| KeptVersion {
            task: context.job.id.to_string(),
            side: VersionSide {
                alias: alias.clone(),
                endpoint: endpoint.clone(),
            },
            path: path.to_owned(),
            kept_at: Timestamp::now(),
            before,
            after,
        };
        let pack = context.versions.pack(context.job.id.as_str());
        for directory in &prepared.directories {
            let made = PathState::Directory { mode: None };
            pack.note(version(directory, PathState::Absent, made))
                .await?;
        }
        let new = PathState::of_content(prepared.new.len() as u64, sha256(&prepared.new));
        let is_kept = old.exists() && prepared.is_kept();
        let old_content = is_kept.then(|| old.content.clone());
        let version = version(&old.path, PathState::from(old), new);
        pack.keep(version, old_content).await
    }

    /// Replaces the file, or creates it.
    async fn replace(
        &self,
        prepared: &PreparedChange<'_>,
        before: &ExpectedContent,
    ) -> Result<Vec<String>, Error> {
        let PreparedChange {
            files,
            file,
            new,
            mode,
            owner,
            ..
        } = prepared;
        let replacement = ReplaceOptions {
            expected: Some(before),
            mode: *mode,
            owner: *owner,
            ..ReplaceOptions::default()
        };
        let notes = files.write_atomic(&file.path(), new, replacement).await?;
        if let Some(owner) = owner {
            let there = files.stat(&file.path()).await?;
            if there.is_some_and(|there| there.owner != Some(*owner)) {
                return Err(Error::File {
                    path: self.request.path.clone(),
                    failure: FileFailure::PermissionDenied,
                    reason: "the server does not let it have that owner".to_owned(),
                });
            }
        }
        Ok(notes)
    }

    /// The ending of a change that failed, with the content that stands. What was changed nevertheless is
    /// taken back.
    async fn explain(&self, begun: &BegunChange<'_>, error: Error) -> Ending {
        if let Error::File {
            failure: FileFailure::Changed,
            ..
        } = error
        {
            self.discard().await;
            return Ending::from(Error::HashMismatch {
                path: self.request.path.clone(),
                expected: begun.old.sha256(),
                actual: begun.hash_now().await,
            });
        }
        let standing = begun.standing().await;
        let standing = match standing {
            Ok(StandingContent::New) => begun.put_back().await,
            standing => standing,
        };
        if standing
            .as_ref()
            .is_ok_and(|standing| *standing == StandingContent::Old)
        {
            self.discard().await;
        }
        let is_cancelled = self.context.cancel().is_cancelled();
        match (error, standing) {
            (_, Ok(StandingContent::Old)) if is_cancelled => {
                Ending::of(Status::Cancelled, "nothing was changed")
            }
            (error, Ok(StandingContent::Old)) => {
                Ending::from(error).explain(|error| format!("{error}; the file is as it was"))
            }
            (error, Ok(_)) => Ending::from(error)
                .explain(|error| format!("{error}; somebody else has changed the file meanwhile")),
            (error, Err(_)) => Ending::from(error).explain(|error| {
                format!("{error}; whether the old or the new content stands is not known, and undo puts the old one back")
            }),
        }
    }

    /// Puts the old content back after a check that failed. Returns the ending.
    async fn take_back(
        &self,
        begun: &BegunChange<'_>,
        check: Ending,
        change: &mut FileChanged,
    ) -> Ending {
        let reason = check.error.unwrap_or_default();
        let path = &begun.old.path;
        let words = match begun.put_back().await {
            Ok(_) => {
                self.discard().await;
                change.put_back = Some(true);
                change.sha256_after.clone_from(&change.sha256_before);
                let now = if begun.old.exists() {
                    "has its old content again"
                } else {
                    "is gone again"
                };
                format!("the check failed ({reason}); `{path}` {now}")
            }
            Err(error) => format!(
                "the check failed ({reason}), and the old content could not be put back ({error}): `{path}` has the new content, and undo puts the old one back"
            ),
        };
        if check.status == Status::Cancelled {
            return Ending::of(Status::Cancelled, words);
        }
        let failure = Error::File {
            path: path.clone(),
            failure: FileFailure::CheckFailed,
            reason,
        };
        Ending::from(failure).explain(|_| words)
    }

    /// The time that the check may take.
    fn check_time(&self) -> Duration {
        let configured = self.context.config.command_timeout;
        configured.map_or(CHECK_TIME, |limit| limit.min(CHECK_TIME))
    }

    /// Removes the version of a change that did not come about.
    async fn discard(&self) {
        let Context { versions, job, .. } = self.context;
        if let Err(error) = versions.discard(job.id.as_str()).await {
            tracing::warn!("a version that is not needed stays: {error}");
        }
    }
}
