//! Putting paths back: each is kept as it is now, and then gets its old state.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};

use super::outcome::UndoAction;
use super::plan::{PlannedPath, RestoredDirectory};
use super::work::{LOOKED_AT, Pools, UndoWork, chunks_by_side};
use crate::error::Error;
use crate::sftp::{PathState, RestoreSide, Restored, StagedRestore, VersionKeeper, VersionSide};

impl UndoWork<'_> {
    /// Puts paths of one side back: files together, and directories one after another.
    pub(super) async fn put_back_some(
        &self,
        side: &VersionSide,
        pools: &Pools,
        paths: &mut [PlannedPath],
    ) {
        let files = match self.open(side, pools).await {
            Ok(files) => files,
            Err(error) => {
                for path in paths {
                    (path.action, path.is_done) = (Err(error.clone()), true);
                }
                return;
            }
        };
        for some in paths.chunk_by_mut(|one, other| !one.is_directory() && !other.is_directory()) {
            self.put_back_together(some, &files, side).await;
        }
    }

    /// Puts paths back none of which is below another.
    async fn put_back_together(
        &self,
        paths: &mut [PlannedPath],
        files: &RestoreSide<'_>,
        side: &VersionSide,
    ) {
        let keeper = VersionKeeper {
            pack: self.pack,
            side,
        };
        // In one order, so that no two tasks wait for each other.
        let names: BTreeSet<_> = paths.iter().map(|path| path.version.path.clone()).collect();
        let mut locks = Vec::new();
        for name in &names {
            locks.push(self.context.lock_file(&side.alias, name).await);
        }
        let mut putting = Vec::new();
        for path in &mut *paths {
            putting.push(self.put_back_unless_stopped(path, files, keeper));
        }
        let putting = stream::iter(putting).buffered(LOOKED_AT);
        let staged: Vec<Option<StagedRestore>> = putting.collect().await;
        let (numbers, staged): (Vec<_>, Vec<_>) = staged
            .into_iter()
            .enumerate()
            .filter_map(|(number, staged)| Some((number, staged?)))
            .unzip();
        if staged.is_empty() {
            return;
        }
        let written = files.write_staged(&staged).await;
        for (number, written) in numbers.into_iter().zip(written) {
            if let Err(error) = written {
                paths[number].action = Err(error);
            }
        }
    }

    async fn put_back_unless_stopped(
        &self,
        path: &mut PlannedPath,
        files: &RestoreSide<'_>,
        keeper: VersionKeeper<'_>,
    ) -> Option<StagedRestore> {
        if self.context.cancel().is_cancelled() {
            return None;
        }
        path.is_done = true;
        if matches!(path.action, Ok(UndoAction::Leave | UndoAction::Fail)) {
            return None;
        }
        match self.put_back(path, files, keeper).await {
            Ok((action, Restored::Staged(staged))) => {
                path.action = Ok(action);
                return Some(staged);
            }
            Ok((_, Restored::Stays)) => path.action = Ok(UndoAction::Stay),
            Ok((action, Restored::Done)) => path.action = Ok(action),
            Err(error) => path.action = Err(error),
        }
        None
    }

    /// Puts a path back, if it is still so that this may be done. Files of a server are only staged.
    async fn put_back(
        &self,
        planned: &mut PlannedPath,
        side: &RestoreSide<'_>,
        keeper: VersionKeeper<'_>,
    ) -> Result<(UndoAction, Restored), Error> {
        let PlannedPath {
            content, version, ..
        } = &*planned;
        let path = &version.path;
        let (old, names) = tokio::try_join!(side.read(path, keeper), side.names(path))?;
        let now = match old.lost_for() {
            Some(_) => side.state(version).await?,
            None => old.state().clone(),
        };
        let action = self.rules.action((content, version), &now, &names)?;
        if matches!(action, UndoAction::Leave | UndoAction::Fail) {
            return Ok((action, Restored::Done));
        }
        let note = old.lost_for();
        let note = note.map(|reason| format!("this has no undo: {reason}"));
        let after = version.before.clone();
        side.keep(path, keeper, old, after).await?;
        let (mut before, mut _memory) = (Vec::new(), None);
        if let PathState::File(facts) = &version.before {
            _memory = self.pack.hold(facts.size).await;
            match self.context.versions.content(content).await? {
                Some(content) => before = content,
                None => return Ok((UndoAction::Fail, Restored::Done)),
            }
        }
        let restored = side.restore(path, &now, &version.before, before.into());
        let restored = restored.await?;
        planned.note = note;
        Ok((action, restored))
    }

    /// Sets the modes of directories that were put back, the innermost first.
    pub(super) async fn set_modes(&self, pools: &Pools, mut directories: Vec<RestoredDirectory>) {
        directories.reverse();
        for some in chunks_by_side(directories, |directory| &directory.side) {
            let set = async {
                let files = self.open(&some[0].side, pools).await?;
                for directory in &some {
                    let path = &directory.path;
                    files.set_directory_mode(path, directory.mode).await?;
                }
                Ok::<_, Error>(())
            };
            if let Err(error) = set.await {
                tracing::debug!("modes of directories are not put back: {error}");
            }
        }
    }
}
