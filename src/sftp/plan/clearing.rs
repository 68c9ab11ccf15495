//! Removal of entries of a tree, many at once and never through a link.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::future::join_all;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::plan::removals::{Removals, TreeRemoval};
use crate::sftp::versions::{PathState, VersionKeeper};

/// Entries removed at once.
const AT_ONCE: usize = 256;

/// Outcome of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    Gone,
    /// It is a file of the source by another name.
    IsTwin,
}

impl<T: Filesystem> Removals<T> {
    /// Makes the next removals. Returns each with its outcome; `None` once all are made. The only error is
    /// a lost connection, after which it can be called again.
    pub(crate) async fn next(
        &mut self,
        target: &T,
        keeper: Option<VersionKeeper<'_>>,
    ) -> Result<Option<Vec<(TreeRemoval, Result<Removed>)>>> {
        let Some(first) = self.entries.first() else {
            return Ok(None);
        };
        let rank = first.rank();
        let entries = self.entries.iter().take(AT_ONCE);
        let count = entries.take_while(|entry| entry.rank() == rank).count();
        let refused = self
            .check_directories(target, &self.entries[..count])
            .await?;
        let removing = self.entries[..count].iter().map(async |removal| {
            let directory = removal.path.parent().unwrap_or(Path::new(""));
            match refused.iter().find(|(path, _)| *path == directory) {
                Some((_, refusal)) => Err(refusal.clone()),
                None => self.remove(target, removal, keeper).await,
            }
        });
        let outcomes = join_all(removing).await;
        let mut lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        if let Some(lost) = lost.find(|error| error.is_connection_lost()) {
            return Err(lost.clone());
        }
        drop(refused);
        Ok(Some(self.entries.drain(..count).zip(outcomes).collect()))
    }

    /// Finds the directories of these entries that are reached through a link, or may be.
    async fn check_directories<'r>(
        &self,
        target: &T,
        removals: &'r [TreeRemoval],
    ) -> Result<Vec<(&'r Path, SftpError)>> {
        let directories: BTreeSet<_> = removals
            .iter()
            .filter_map(|removal| removal.path.parent())
            .collect();
        let checks = directories.into_iter().map(async |directory| {
            let path = T::below(&self.root, directory);
            let expected = T::below(&self.real_root, directory);
            let refusal = match target.real_path(&path).await {
                Ok(real) if real == expected => return None,
                Ok(_) => SftpError::PermissionDenied(
                    "its directory has become a symbolic link, which is not followed".to_owned(),
                ),
                // It is gone, with what was in it.
                Err(SftpError::NotFound(_)) => return None,
                Err(error) => error,
            };
            Some((directory, refusal))
        });
        let refused: Vec<_> = join_all(checks).await.into_iter().flatten().collect();
        let mut lost = refused.iter().map(|(_, refusal)| refusal);
        match lost.find(|refusal| refusal.is_connection_lost()) {
            Some(lost) => Err(lost.clone()),
            None => Ok(refused),
        }
    }

    async fn remove(
        &self,
        target: &T,
        removal: &TreeRemoval,
        keeper: Option<VersionKeeper<'_>>,
    ) -> Result<Removed> {
        let path = T::below(&self.root, &removal.path);
        if let Some(twin) = &removal.twin {
            let twin = T::below(&self.root, twin);
            let (here, twin) = tokio::join!(target.lstat(&path), target.lstat(&twin));
            if here? == twin? {
                return Ok(Removed::IsTwin);
            }
        }
        if let Some(keeper) = keeper {
            let there = target.lstat(&path).await?;
            let old = keeper.read(target, &path, there).await?;
            keeper.keep::<T>(&path, old, PathState::Absent).await;
        }
        let removed = if removal.is_directory {
            target.remove_dir(&path).await
        } else {
            target.remove(&path).await
        };
        match removed {
            Ok(()) | Err(SftpError::NotFound(_)) => Ok(Removed::Gone),
            Err(error) => Err(error),
        }
    }
}

/// The reason why an entry could not be removed.
pub(crate) fn cannot_remove(error: &SftpError) -> SftpError {
    error.reworded(format!("could not be deleted: {error}"))
}
