//! The content that stands on the server, and the way back to the old one.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::error::{Error, FileFailure};
use crate::job::kind::context::Context;
use crate::sftp::{
    ExpectedContent, FileAccess, FileSnapshot, LocatedFile, MayWrite, RemoteFiles, ReplaceOptions,
};
use crate::ssh::{Pool, patience};

/// The largest file that is changed: it is held in memory, as it was and as it is to be.
pub(super) const LARGEST: u64 = 64 * 1024 * 1024;
/// First pause before a lost connection is replaced; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A change of a file that was begun, with what it takes to tell which content stands.
pub(super) struct BegunChange<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) may_write: &'a MayWrite<'a>,
    pub(super) file: &'a LocatedFile,
    pub(super) old: &'a FileSnapshot,
    pub(super) before: &'a ExpectedContent,
    pub(super) after: &'a ExpectedContent,
    /// Directories that were made for it.
    pub(super) directories: &'a [String],
}

/// The content that stands on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StandingContent {
    Old,
    New,
    /// Neither: somebody else has changed it.
    Other,
}

/// The access of a job to single files of its server.
pub(in crate::job::kind) fn access<'a>(
    context: &'a Context<'_>,
    pool: &'a Pool,
    alias: &'a str,
    may_write: &'a MayWrite<'a>,
    cancel: &'a CancellationToken,
) -> FileAccess<'a> {
    FileAccess {
        pool,
        alias,
        patience: patience(context.config.command_timeout),
        reconnect_patience: context.config.reconnect_patience,
        data: context.data,
        may_write,
        cancel,
    }
}

/// Puts the old file back, or removes it where there was none, if the file has the content `after`.
async fn put_back(
    files: &RemoteFiles<'_>,
    file: &LocatedFile,
    old: &FileSnapshot,
    after: &ExpectedContent,
    directories: &[String],
) -> Result<Vec<String>, Error> {
    let Some(metadata) = old.metadata else {
        files.remove_expected(file, after).await?;
        files.remove_empty_directories(directories).await;
        return Ok(Vec::new());
    };
    let replacement = ReplaceOptions {
        expected: Some(after),
        mode: metadata.mode,
        owner: metadata.owner,
        modified: metadata.modified,
    };
    files
        .write_atomic(&file.path(), &old.content, replacement)
        .await
}

/// Something to be done over a new connection, again where that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    Look,
    PutBack,
}

impl BegunChange<'_> {
    /// Puts the old file back over new connections, also where the job is being cancelled.
    pub(super) async fn put_back(&self) -> Result<StandingContent, Error> {
        self.persistently(Recovery::PutBack).await
    }

    /// Finds out which content stands.
    pub(super) async fn standing(&self) -> Result<StandingContent, Error> {
        self.persistently(Recovery::Look).await
    }

    /// The SHA-256 of the file as it is now, where it can be read.
    pub(super) async fn hash_now(&self) -> Option<String> {
        let never = CancellationToken::new();
        let access = access(
            self.context,
            self.context.pool,
            &self.context.job.alias,
            self.may_write,
            &never,
        );
        let files = RemoteFiles::open(access).await.ok()?;
        files.state(self.file, LARGEST).await.ok()?.sha256()
    }

    /// Does a step over new connections until one holds, for as long as lost ones are replaced.
    async fn persistently(&self, step: Recovery) -> Result<StandingContent, Error> {
        let (started, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let error = match self.attempt(step).await {
                Err(error) if is_of_connection(&error) => error,
                done => return done,
            };
            if started.elapsed() + pause > self.context.config.reconnect_patience {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn attempt(&self, step: Recovery) -> Result<StandingContent, Error> {
        let (context, never) = (self.context, CancellationToken::new());
        let access = access(
            context,
            context.pool,
            &context.job.alias,
            self.may_write,
            &never,
        );
        let files = RemoteFiles::open(access).await?;
        // The answer of an earlier attempt may have been lost.
        if files.has_content(self.file, self.before).await? {
            return Ok(StandingContent::Old);
        }
        if step == Recovery::PutBack {
            put_back(&files, self.file, self.old, self.after, self.directories).await?;
            return Ok(StandingContent::Old);
        }
        let has_new = files.has_content(self.file, self.after).await?;
        Ok(if has_new {
            StandingContent::New
        } else {
            StandingContent::Other
        })
    }
}

fn is_of_connection(error: &Error) -> bool {
    matches!(
        error,
        Error::Connection { .. }
            | Error::ConnectionLost { .. }
            | Error::File {
                failure: FileFailure::ConnectionLost,
                ..
            }
    )
}
