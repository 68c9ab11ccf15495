//! Planner: the files that each entry of a request stands for, and the directories created for them.

use std::path::PathBuf;

use crate::error::FailedFile;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::path::local_of;
use crate::sftp::plan::approval::MirrorRules;
use crate::sftp::plan::destination::{Destination, WritePolicy};
use crate::sftp::plan::exclusion::Exclusion;
use crate::sftp::plan::pattern::PathPattern;
use crate::sftp::plan::tree::{Tree, WalkBounds, walk};
use crate::sftp::plan::unchanged::Sides;
use crate::sftp::plan::{FilePlan, TargetState, TransferPlan};
use crate::sftp::request::TransferOptions;
use crate::sftp::spelling::doubt;
use crate::sftp::versions::{OldState, PathState, VersionKeeper};

/// A file to be copied.
struct FoundSource<S: Filesystem> {
    path: S::Path,
    metadata: Metadata,
}

/// The answers to the questions about a target.
struct TargetLook<T: Filesystem> {
    /// Metadata with symbolic links followed.
    followed: Result<Option<Metadata>>,
    /// Metadata of the entry itself.
    own: Result<Option<Metadata>>,
    /// True if its parent is a directory.
    has_parent: bool,
    /// True if an interrupted replacement may have left the file aside.
    is_aside: bool,
    destination: Destination<T>,
}

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

    async fn plan_file(&mut self, source: FoundSource<S>, to: &str) -> Result<()> {
        let target = self.sides.target;
        let path = T::path(to);
        let look = self.look_at(&path).await?;
        let mut destination = look.destination;
        let (followed, own) = match (look.followed, look.own) {
            (Err(error), _) | (_, Err(error)) if error.leaves_open() => {
                let into = T::names_directory(to);
                return self.plan_unknown_target(source, path, destination, into, &error);
            }
            (followed, own) => (followed?, own?),
        };
        let into = T::names_directory(to) || is_directory(followed);
        let name = S::file_name(&source.path).filter(|_| into);
        if let Some(name) = &name {
            destination = destination.below(&local_of(name));
        } else if let (None, Some(_), Some(name)) = (followed, own, T::file_name(&path)) {
            // A dangling symbolic link is replaced itself.
            let holder = T::parent(&path).unwrap_or_else(|| T::path("."));
            let holder = Destination::of(target, &holder).await?;
            destination = holder.below(&local_of(&name));
        }
        if !self.is_allowed(&source.path, &destination) {
            return Ok(());
        }
        let is_named_by_user = name.is_none();
        let (to, target_state) = if let Some(name) = name {
            let is_new = if self.options.dry_run {
                followed.is_none()
            } else {
                self.create_dir_all(&path).await?
            };
            let to = T::join(&path, &local_of(&name));
            let target_state = self.state(&to, is_new).await?;
            (to, target_state)
        } else {
            if let (Some(parent), false) = (T::parent(&path), look.has_parent)
                && !self.options.dry_run
            {
                self.create_dir_all(&parent).await?;
            }
            match (followed, own.map(|own| own.file_type)) {
                // An interrupted replacement may have left it aside.
                (None, None) if look.is_aside => (path, TargetState::Unknown),
                (None, _) => (path, TargetState::Absent),
                // The link's present target: it was checked, and is the one that is written.
                (Some(metadata), Some(FileType::Link)) => match destination.real() {
                    Some(real) => (real.clone(), TargetState::File(metadata)),
                    None => (path, TargetState::Unknown),
                },
                (Some(metadata), Some(_)) => (path, TargetState::File(metadata)),
                (Some(_), None) => (path, TargetState::Unknown),
            }
        };
        if destination.real().is_none() && !self.options.dry_run {
            // A directory that was missing exists now; until then, `..` after it led nowhere.
            destination = Destination::of(target, &to).await?;
            if !self.is_allowed(&source.path, &destination) {
                return Ok(());
            }
        }
        self.push(source, to, target_state, is_named_by_user, &destination);
        Ok(())
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

    /// The state of a target in a directory.
    async fn state(&self, path: &T::Path, is_new: bool) -> Result<TargetState> {
        if is_new || !self.options.compares() {
            return Ok(TargetState::in_directory(is_new));
        }
        let target = self.sides.target;
        let aside = async {
            match T::aside(path) {
                Some(aside) => target.lstat(&aside).await,
                None => Ok(None),
            }
        };
        let (there, aside) = tokio::join!(target.lstat(path), aside);
        Ok(match (there?, aside?) {
            (Some(metadata), _) if metadata.file_type == FileType::Link => TargetState::Link,
            (Some(metadata), _) => TargetState::File(metadata),
            (None, Some(_)) => TargetState::Unknown,
            (None, None) => TargetState::Absent,
        })
    }

    /// Asks everything about a target at once: on a slow connection each awaited answer costs a round trip.
    async fn look_at(&self, path: &T::Path) -> Result<TargetLook<T>> {
        let target = self.sides.target;
        let parent = async {
            match T::parent(path) {
                Some(parent) => target.stat(&parent).await.ok().flatten(),
                None => None,
            }
        };
        let aside = async {
            match T::aside(path) {
                Some(aside) => target.lstat(&aside).await.ok().flatten(),
                None => None,
            }
        };
        let (followed, own, parent, aside, destination, home) = tokio::join!(
            target.stat(path),
            target.lstat(path),
            parent,
            aside,
            Destination::<T>::of(target, path),
            self.writes.fetch_home(target),
        );
        home?;
        Ok(TargetLook {
            followed,
            own,
            has_parent: is_directory(parent),
            is_aside: aside.is_some(),
            destination: destination?,
        })
    }

    /// Plans a file of whose target the server says nothing: it is copied only in place.
    fn plan_unknown_target(
        &mut self,
        source: FoundSource<S>,
        path: T::Path,
        mut destination: Destination<T>,
        into: bool,
        error: &SftpError,
    ) -> Result<()> {
        if !self.plan.in_place {
            let shown = T::shown(&path);
            let reason = format!(
                "cannot find out what `{shown}` is: {error}; `inPlace: true` writes it without asking"
            );
            return Err(error.reworded(reason));
        }
        let to = match S::file_name(&source.path) {
            Some(name) if into => {
                destination = destination.below(&local_of(&name));
                T::join(&path, &local_of(&name))
            }
            _ => path,
        };
        if self.is_allowed(&source.path, &destination) {
            self.push(source, to, TargetState::Unknown, !into, &destination);
        }
        Ok(())
    }

    /// Adds a file that is a whole entry of the request.
    fn push(
        &mut self,
        source: FoundSource<S>,
        to: T::Path,
        target_state: TargetState,
        is_named_by_user: bool,
        destination: &Destination<T>,
    ) {
        let destination_index = self.plan.destinations.len();
        self.plan.destinations.push(destination.shown());
        self.plan.files.push(FilePlan {
            from: source.path,
            to,
            metadata: source.metadata,
            target_state,
            is_named_by_user,
            destination_index,
        });
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

fn is_directory(metadata: Option<Metadata>) -> bool {
    metadata.is_some_and(|metadata| metadata.is_directory())
}

fn missing(reason: &str) -> SftpError {
    SftpError::NotFound(reason.to_owned())
}
