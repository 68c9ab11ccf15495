//! The work of an undo: all paths are judged first, then each is kept and put back.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt};

use super::Undo;
use super::outcome::{UndoAction, UndoOutcome};
use super::plan::{PlannedPath, PlannedStates, UndoRules};
use crate::error::Error;
use crate::job::ending::Ending;
use crate::job::kind::Outcome;
use crate::job::kind::change::access;
use crate::job::kind::context::Context;
use crate::job::status::Status;
use crate::sftp::{
    KeptVersion, LocalFiles, MayWrite, PathState, RemoteFiles, RestoreSide, VersionKeeper,
    VersionPack, VersionSide,
};
use crate::ssh::Pool;
use crate::store::ContentPlace;

/// Paths that are looked at over one session, and between two notes of how far the undo has come.
const AT_ONCE: usize = 256;
/// Paths whose state is asked for at once.
const LOOKED_AT: usize = 32;
/// Files that are put back at once; each takes a session.
const PUT_BACK: usize = 4;

/// Undoes a task.
pub(super) async fn run(undo: &Undo, context: &Context<'_>) -> (Ending, UndoOutcome) {
    let pack = context.versions.pack(context.job.id.as_str());
    let may_write = || context.guard.write_check();
    let work = UndoWork {
        undo,
        context,
        pack: &pack,
        may_write: &may_write,
        rules: UndoRules {
            guard: context.guard,
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

struct UndoWork<'a> {
    undo: &'a Undo,
    context: &'a Context<'a>,
    /// Keeps what the undo itself changes.
    pack: &'a VersionPack,
    may_write: &'a MayWrite<'a>,
    rules: UndoRules<'a>,
}

/// The connections to each server.
type Pools = HashMap<String, Pool>;

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
                match planned {
                    Some(planned) => Ok(planned),
                    None => side.state(version).await,
                }
            });
        }
        let now: Vec<_> = stream::iter(looks).buffered(LOOKED_AT).collect().await;
        let mut planned = Vec::new();
        for ((content, version), now) in versions.into_iter().zip(now) {
            let action = match now {
                Ok(now) => {
                    let now = states.of(&version.path).unwrap_or(now);
                    self.rules.action((&content, &version), &now, side).await
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
    async fn open<'p>(
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
                    RestoreSide::Server(RemoteFiles::open(access).await?)
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
                        directories.push((side.clone(), path.version.path, mode));
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

    /// Puts paths of one side back: several files at once, and directories one after another.
    async fn put_back_some(&self, side: &VersionSide, pools: &Pools, paths: &mut [PlannedPath]) {
        let files = match self.open(side, pools).await {
            Ok(files) => files,
            Err(error) => {
                for path in paths {
                    (path.action, path.is_done) = (Err(error.clone()), true);
                }
                return;
            }
        };
        let keeper = VersionKeeper {
            pack: self.pack,
            side,
        };
        for some in paths.chunk_by_mut(|one, other| !one.is_directory() && !other.is_directory()) {
            let mut putting = Vec::new();
            for path in some {
                putting.push(self.put_back_unless_stopped(path, &files, keeper));
            }
            stream::iter(putting)
                .buffer_unordered(PUT_BACK)
                .collect::<()>()
                .await;
        }
    }

    async fn put_back_unless_stopped(
        &self,
        path: &mut PlannedPath,
        files: &RestoreSide<'_>,
        keeper: VersionKeeper<'_>,
    ) {
        if self.context.cancel().is_cancelled() {
            return;
        }
        if !matches!(path.action, Ok(UndoAction::Leave | UndoAction::Fail)) {
            path.action = self.put_back(path, files, keeper).await;
        }
        path.is_done = true;
    }

    /// Puts a path back, if it is still so that this may be done.
    async fn put_back(
        &self,
        planned: &mut PlannedPath,
        side: &RestoreSide<'_>,
        keeper: VersionKeeper<'_>,
    ) -> Result<UndoAction, Error> {
        let PlannedPath {
            content, version, ..
        } = &*planned;
        let path = &version.path;
        let _lock = self.context.lock_file(&version.side.alias, path).await;
        let old = side.read(path, keeper).await?;
        let now = match old.lost_for() {
            Some(_) => side.state(version).await?,
            None => old.state().clone(),
        };
        let action = self.rules.action((content, version), &now, side).await?;
        if matches!(action, UndoAction::Leave | UndoAction::Fail) {
            return Ok(action);
        }
        let before = match &version.before {
            PathState::File(_) => match self.context.versions.content(content).await? {
                Some(content) => content,
                None => return Ok(UndoAction::Fail),
            },
            _ => Vec::new(),
        };
        let note = old
            .lost_for()
            .map(|reason| format!("this has no undo: {reason}"));
        let after = version.before.clone();
        side.keep(path, keeper, old, after).await?;
        let is_done = side
            .restore(path, &now, &version.before, before.into())
            .await?;
        planned.note = note;
        Ok(if is_done { action } else { UndoAction::Stay })
    }

    /// Sets the modes of directories that were put back, the innermost first.
    async fn set_modes(&self, pools: &Pools, directories: Vec<(VersionSide, String, Option<u32>)>) {
        for (side, path, mode) in directories.into_iter().rev() {
            let set = async {
                let files = self.open(&side, pools).await?;
                files.set_directory_mode(&path, mode).await
            };
            if let Err(error) = set.await {
                tracing::debug!("the mode of `{path}` is not put back: {error}");
            }
        }
    }
}

/// Divides items into runs of one side, each short enough to be handled at once.
fn chunks_by_side<T>(items: Vec<T>, side: impl Fn(&T) -> &VersionSide) -> Vec<Vec<T>> {
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
