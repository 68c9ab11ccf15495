//! Plans of single files: a whole entry of a request each, with its target as it is.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::path::local_of;
use crate::sftp::plan::destination::Destination;
use crate::sftp::plan::planner::{FoundSource, Planner};
use crate::sftp::plan::target_look::TargetLook;
use crate::sftp::plan::{FilePlan, TargetState};

/// Targets that are looked at at once.
const LOOKED_AT_ONCE: usize = 64;

impl<S: Filesystem, T: Filesystem> Planner<'_, S, T> {
    /// Plans a file.
    pub(super) async fn plan_file(&mut self, source: FoundSource<S>, to: &str) -> Result<()> {
        let target = self.sides.target;
        let path = T::path(to);
        let look = match self.looks.remove(&path) {
            Some(look) => look,
            None => self.look_at(&path).await?,
        };
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

    /// Looks at many targets ahead, which are files: on a slow connection one after another takes long.
    pub(crate) async fn look_ahead(&mut self, targets: Vec<T::Path>) -> Result<()> {
        let looks: Vec<_> = targets.iter().map(|path| self.look_at(path)).collect();
        let looks: Vec<_> = stream::iter(looks)
            .buffered(LOOKED_AT_ONCE)
            .try_collect()
            .await?;
        self.looks = targets.into_iter().zip(looks).collect();
        Ok(())
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
}

fn is_directory(metadata: Option<Metadata>) -> bool {
    metadata.is_some_and(|metadata| metadata.is_directory())
}
