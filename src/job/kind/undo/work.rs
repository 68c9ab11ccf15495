//! The work of an undo: all paths are judged first, then each is kept and put back.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt};

use super::Undo;
use super::outcome::{UndoAction, UndoOutcome};
use super::plan::{PlannedPath, PlannedStates, RestoredDirectory, UndoRules};
use crate::error::Error;
use crate::job::ending::Ending;
use crate::job::kind::Outcome;
use crate::job::kind::change::access;
use crate::job::kind::context::Context;
use crate::job::status::Status;
use crate::sftp::{
    KeptVersion, LocalFiles, MayWrite, PathState, RemoteFiles, RestoreSide, VersionPack,
    VersionSide,
};
use crate::ssh::Pool;
use crate::store::ContentPlace;

/// Paths that are handled over one session, and between two notes of how far the undo has come: as many as are
/// written to disk together.
const AT_ONCE: usize = 512;
/// Paths that are looked at at the same time, and kept by one write.
pub(super) const LOOKED_AT: usize = 128;

/// Undoes a task.
pub(super) async fn run(undo: &Undo, context: &Context<'_>) -> (Ending, UndoOutcome) {
    let pack = context.versions.pack(context.job.id.as_str());
    // A file with keys that may log in has an old version only where one was added.
    let may_write = || context.guard.keys_check();
    let work = UndoWork {
        undo,
        context,
        pack: &pack,
        may_write: &may_write,
        rules: UndoRules {
            may_write: context.guard.keys_check(),
            may_remove: context.guard.removal_check(),
            force: undo.force,
        },
    };
    let planned = tokio::select! {
        planned = work.plan() => planned,
        () = context.cancel().cancelled() => {
            let ending = Ending::of(Status::Cancelled, "nothing was changed");
            return (ending, UndoOutcome::default());
        }
    };
    let (pools, mut paths) = match planned {
        Ok(planned) => planned,
        Err(error) => return (error.into(), UndoOutcome::default()),
    };
    if undo.dry_run {
        let mut outcome = UndoOutcome {
            planned: Some(true),
            ..UndoOutcome::default()
        };
        for path in &paths {
            outcome.add(path.shown());
        }
        return (Ending::completed(), outcome);
    }
    if let Some(index) = paths.iter().position(|path| path.action.is_err())
        && let Err(refusal) = paths.swap_remove(index).action
    {
        return (refusal.into(), UndoOutcome::default());
    }
    let (ending, mut outcome) = Box::pin(work.carry_out(&pools, paths)).await;
    outcome.note = pack.finish().await;
    (ending, outcome)
}

pub(super) struct UndoWork<'a> {
    undo: &'a Undo,
    pub(super) context: &'a Context<'a>,
    /// Keeps what the undo itself changes.
    pub(super) pack: &'a VersionPack,
    may_write: &'a MayWrite<'a>,
    pub(super) rules: UndoRules,
}

/// The connections to each server.
pub(super) type Pools = HashMap<String, Pool>;

impl UndoWork<'_> {
    /// Judges every path of the task, the last one that it changed first.
    async fn plan(&self) -> Result<(Pools, Vec<PlannedPath>), Error> {
        let task = &self.undo.undone_task;
        let mut versions = self.context.versions.of_task(task).await?;
        if versions.is_empty() {
            return Err(Error::NothingToUndo { id: task.clone() });
        }
        versions.reverse();
        let mut pools = Pools::new();
        let mut states = HashMap::new();
        let mut planned = Vec::new();
        for some in chunks_by_side(versions, |(_, version)| &version.side) {
            let side = some[0].1.side.clone();
            if side.endpoint.is_some() && !pools.contains_key(&side.alias) {
                pools.insert(side.alias.clone(), self.pool(&some[0].1).await?);
            }
            let files = self.open(&side, &pools).await?;
            let states = states.entry(side.clone()).or_default();
            planned.extend(self.judge(some, &files, states).await);
        }
        Ok((pools, planned))
    }

    /// Judges paths of one side.
    async fn judge(
        &self,
        versions: Vec<(ContentPlace, KeptVersion)>,
        side: &RestoreSide<'_>,
        states: &mut PlannedStates,
    ) -> Vec<PlannedPath> {
        let mut looks = Vec::new();
        for (_, version) in &versions {
            let planned = states.of(&version.path);
            looks.push(async move {
                let look = async {
                    match planned {
                        Some(planned) => Ok(planned),
                        None => side.state(version).await,
                    }
                };
                tokio::try_join!(look, side.names(&version.path))
            });
        }
        let now: Vec<_> = stream::iter(looks).buffered(LOOKED_AT).collect().await;
        let mut planned = Vec::new();
        for ((content, version), now) in versions.into_iter().zip(now) {
            let action = match now {
                Ok((now, names)) => {
                    let now = states.of(&version.path).unwrap_or(now);
                    self.rules.action((&content, &version), &now, &names)
                }
                Err(error) => Err(error),
            };
            states.set(&version);
            planned.push(PlannedPath {
                content,
                version,
                action,
                note: None,
                is_done: false,
            });
        }
        planned
    }

    /// The files of a side.
    pub(super) async fn open<'p>(
        &'p self,
        side: &'p VersionSide,
        pools: &'p Pools,
    ) -> Result<RestoreSide<'p>, Error> {
        let context = self.context;
        Ok(
            match pools.get(&side.alias).filter(|_| side.endpoint.is_some()) {
                Some(pool) => {
                    let access =
                        access(context, pool, &side.alias, self.may_write, context.cancel());
                    RestoreSide::Server(RemoteFiles::open(access).await?.into())
                }
                None => RestoreSide::Here(LocalFiles::within(context.guard.roots())),
            },
        )
    }

    /// The connections to the server of a version. It has to be the one that the task changed.
    async fn pool(&self, version: &KeptVersion) -> Result<Pool, Error> {
        let Context {
            job, pool, guard, ..
        } = self.context;
        let alias = &version.side.alias;
        let endpoint = Some(pool.server(alias)?.endpoint());
        if endpoint != version.side.endpoint && !self.undo.force {
            return Err(Error::ChangedSince {
                path: format!("{alias}:{}", version.path),
                left: version.side.endpoint.clone(),
                actual: endpoint,
            });
        }
        if *alias == job.alias || self.undo.dry_run {
            return Ok((*pool).clone());
        }
        guard.may_change(alias, super::TOOL)?;
        guard.checked(alias, super::TOOL).await
    }

    /// Puts the paths back, each kept before.
    async fn carry_out(&self, pools: &Pools, paths: Vec<PlannedPath>) -> (Ending, UndoOutcome) {
        let (mut outcome, mut failure) = (UndoOutcome::default(), None);
        let (mut directories, mut is_stopped) = (Vec::new(), false);
        for mut some in chunks_by_side(paths, |path| &path.version.side) {
            let side = some[0].version.side.clone();
            self.put_back_some(&side, pools, &mut some).await;
            for path in some {
                if !path.is_done {
                    is_stopped = true;
                    continue;
                }
                outcome.add(path.shown());
                match (path.action, path.version.before) {
                    (Err(error), _) => failure = failure.or(Some(error)),
                    (Ok(UndoAction::Restore), PathState::Directory { mode }) => {
                        directories.push(RestoredDirectory {
                            side: side.clone(),
                            path: path.version.path,
                            mode,
                        });
                    }
                    _ => {}
                }
            }
            self.context.publish(Outcome::Undo(outcome.clone()));
        }
        self.set_modes(pools, directories).await;
        let (failures, total) = (outcome.failures(), outcome.total());
        let ending = match (failures, failure) {
            _ if is_stopped => {
                let what = "the undo was stopped; files that it did not come to are as they were";
                Ending::of(Status::Cancelled, what)
            }
            (0, _) => Ending::completed(),
            (_, Some(error)) if failures == total => error.into(),
            (failures, _) => {
                let what = format!("{failures} of {total} files were not put back");
                Ending::of(Status::Partial, what)
            }
        };
        (ending, outcome)
    }
}

/// Divides items into runs of one side, each short enough to be handled at once.
pub(super) fn chunks_by_side<T>(items: Vec<T>, side: impl Fn(&T) -> &VersionSide) -> Vec<Vec<T>> {
    let mut chunks: Vec<Vec<T>> = Vec::new();
    for item in items {
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < AT_ONCE && side(&chunk[0]) == side(&item) => {
                chunk.push(item);
            }
            _ => chunks.push(vec![item]),
        }
    }
    chunks
}
