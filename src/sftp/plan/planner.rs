//! Planner: the files that each entry of a request stands for, and the directories created for them.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::error::FailedFile;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::plan::TransferPlan;
use crate::sftp::plan::approval::MirrorRules;
use crate::sftp::plan::destination::{Destination, WritePolicy};
use crate::sftp::plan::exclusion::Exclusion;
use crate::sftp::plan::pattern::PathPattern;
use crate::sftp::plan::target_look::TargetLook;
use crate::sftp::plan::tree::{Tree, WalkBounds, walk};
use crate::sftp::plan::unchanged::Sides;
use crate::sftp::request::TransferOptions;
use crate::sftp::spelling::doubt;
use crate::sftp::versions::{OldState, PathState, VersionKeeper};

/// Plans the entries of a request, one by one.
pub(crate) struct Planner<'a, S: Filesystem, T: Filesystem> {
    /// True if a source may be a pattern.
    pub(crate) patterns: bool,
    pub(crate) options: &'a TransferOptions,
    /// True if targets are the server's own paths, in which no mistakes are looked for.
    pub(crate) is_exact: bool,
    pub(crate) writes: WritePolicy<T>,
    pub(crate) sides: Sides<'a, S, T>,
    /// Token in the names of part files.
    pub(crate) token: &'a str,
    pub(crate) mirror: Option<MirrorRules<'a, T>>,
    /// Keeps versions of what is removed, and notes what is made.
    pub(crate) keeper: Option<VersionKeeper<'a>>,
    pub(crate) plan: TransferPlan<S, T>,
    /// Targets of files that were looked at ahead.
    pub(crate) looks: HashMap<T::Path, TargetLook<T>>,
}

/// A file to be copied.
pub(super) struct FoundSource<S: Filesystem> {
    pub(super) path: S::Path,
    pub(super) metadata: Metadata,
}

impl<S: Filesystem, T: Filesystem> Planner<'_, S, T> {
    /// Limit for a further listing, given what is planned already.
    fn entry_limit(&self) -> EntryLimit {
        let TransferPlan {
            files,
            links,
            directories,
            left_out,
            ..
        } = &self.plan;
        let planned = files.len() + links.len() + directories.len() + left_out.len();
        EntryLimit::new(self.plan.most_entries, planned)
    }

    /// Plans one entry and creates its directories. Files that cannot be copied are left out by name;
    /// the only error is a lost connection.
    pub(crate) async fn add(&mut self, from: &str, to: &str) -> Result<()> {
        match self.plan(from, to).await {
            Err(error) if !error.is_connection_lost() => {
                let file = S::shown(&S::path(from));
                self.plan.left_out.push(error.failed_file(file));
                Ok(())
            }
            planned => planned,
        }
    }

    async fn plan(&mut self, from: &str, to: &str) -> Result<()> {
        let start = S::path(from);
        let metadata = self.sides.source.stat(&start).await?;
        // A file's name may contain wildcards.
        if self.patterns
            && metadata.is_none()
            && let Some(pattern) =
                PathPattern::of(&S::pattern(from)).map_err(SftpError::InvalidPath)?
        {
            self.check_target(from, to).await?;
            let base = S::path(match pattern.base.as_str() {
                "" => ".",
                base => base,
            });
            let (found, exclusion) = self.list(&base, pattern.depth).await?;
            let (tree, omitted) = pattern.among(found);
            if tree.paths().next().is_none() {
                return Err(missing(&omitted.nothing(from, pattern.depth)));
            }
            let omitted = (base.clone(), from.to_owned(), pattern.depth, omitted);
            self.plan.omitted.push(omitted);
            return self.plan_tree(&base, (tree, exclusion), &T::path(to)).await;
        }
        let Some(metadata) = metadata else {
            let reason = doubt(from).map_or(String::new(), |doubt| {
                format!("; the path {}", doubt.reason)
            });
            return Err(missing(&format!("No such file or directory{reason}")));
        };
        self.check_target(from, to).await?;
        match metadata.file_type {
            FileType::Directory => {
                let listed = self.list(&start, None).await?;
                self.plan_tree(&start, listed, &T::path(to)).await
            }
            _ if self.options.mirror => {
                let reason = "is not a directory, and a mirror takes one";
                Err(SftpError::failure(reason))
            }
            FileType::File => {
                let path = start;
                self.plan_file(FoundSource { path, metadata }, to).await
            }
            kind => {
                self.plan.has_pipe |= kind == FileType::Pipe;
                Err(SftpError::failure(format!(
                    "is {}, not a file",
                    kind.special().unwrap_or("a link")
                )))
            }
        }
    }

    /// Lists what a source tree has to copy. Returns with it the rules on what is passed over.
    async fn list(&self, root: &S::Path, depth: Option<usize>) -> Result<(Tree, Exclusion)> {
        let exclusion = Exclusion::of(self.options);
        let exclusion = exclusion.map_err(|error| SftpError::InvalidPath(error.to_string()))?;
        let bounds = WalkBounds {
            depth,
            entered: None,
            limit: self.entry_limit(),
            exclusion: &exclusion,
        };
        let tree = walk(self.sides.source, root, bounds).await?;
        Ok((tree, exclusion.for_target()))
    }

    /// Refuses a target that looks like a mistake, unless it exists or the source has the same name.
    async fn check_target(&self, from: &str, to: &str) -> Result<()> {
        let Some(doubt) = doubt(to).filter(|_| !self.is_exact) else {
            return Ok(());
        };
        let is_meant = doubt.is_outer && S::file_name(&S::path(from)) == T::file_name(&T::path(to));
        if is_meant
            || self
                .sides
                .target
                .lstat(&T::path(doubt.upto))
                .await?
                .is_some()
        {
            return Ok(());
        }
        let reason = format!("the target `{}` {}", to.trim(), doubt.reason);
        Err(SftpError::InvalidPath(reason))
    }

    /// Creates a directory and its missing parents. Returns whether it was missing.
    pub(super) async fn create_dir_all(&self, path: &T::Path) -> Result<bool> {
        let made = self.sides.target.create_dir_all(path).await?;
        for directory in &made {
            self.note_directory(directory).await;
        }
        Ok(!made.is_empty())
    }

    /// Notes a directory that was made, so that an undo removes it.
    pub(super) async fn note_directory(&self, path: &T::Path) {
        if let Some(keeper) = self.keeper {
            let made = PathState::Directory { mode: None };
            keeper.keep::<T>(path, OldState::absent(), made).await;
        }
    }

    /// Returns whether a destination may be written, and notes a refusal.
    pub(super) fn is_allowed(&mut self, from: &S::Path, destination: &Destination<T>) -> bool {
        let judged = self.writes.judge(destination);
        judged
            .map_err(|refusal| self.plan.refused.push((S::shown(from), refusal)))
            .is_ok()
    }

    pub(super) fn leave(&mut self, base: &S::Path, left_out: Vec<(PathBuf, String)>) {
        let left_out = left_out.into_iter().map(|(path, error)| FailedFile {
            file: S::shown(&S::join(base, &path)),
            error,
        });
        self.plan.left_out.extend(left_out);
    }

    /// Finishes the plan. Returns with it notes for the user, such as the matches that nothing copies.
    pub(crate) async fn finish(self) -> Result<(TransferPlan<S, T>, Vec<String>)> {
        let mut plan = self.plan;
        plan.keep_apart();
        let mut notes = plan.untaken();
        if self.options.compares() {
            plan.drop_impossible();
        }
        if let Some(comparison) = self.options.comparison() {
            notes.extend(plan.drop_unchanged(&self.sides, comparison).await?);
        }
        Ok((plan, notes))
    }
}

fn missing(reason: &str) -> SftpError {
    SftpError::NotFound(reason.to_owned())
}
