//! The work of a job on many servers: it starts the children in waves, follows them, checks, stops, puts back.

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::Fleet;
use super::brakes::{OnFailure, Pace};
use super::child::{ChildEnd, ChildState, Role};
use super::outcome::FleetOutcome;
use crate::error::Error;
use crate::job::ending::Ending;
use crate::job::id::JobId;
use crate::job::kind::Outcome;
use crate::job::kind::context::{Context, NewChild, StartedChild};
use crate::job::kind::exec::Exec;
use crate::job::kind::undo::Undo;
use crate::job::status::Status;
use crate::ssh::Bound;

/// Servers that are put back at a time.
const UNDONE_AT_ONCE: usize = 20;

/// Does the work on all servers.
pub(super) async fn run(fleet: &Fleet, context: &Context<'_>) -> (Ending, FleetOutcome) {
    let each = fleet.each().kind();
    let mut rollout = Rollout {
        fleet,
        context,
        pace: fleet.brakes.pace(each, fleet.targets.len()),
        outcome: FleetOutcome::of(&fleet.targets),
        running: FuturesUnordered::new(),
        beginnings: FuturesUnordered::new(),
        is_cancelled: false,
    };
    rollout.run().await;
    let is_stopped = rollout.outcome.stopped.is_some() && !rollout.is_cancelled;
    if is_stopped && fleet.brakes.on_failure == Some(OnFailure::Undo) {
        rollout.put_back().await;
    }
    let mut outcome = rollout.outcome;
    if !rollout.is_cancelled && outcome.count(ChildState::NotBegun) == 0 {
        // It came to its end by itself.
        outcome.stopped = None;
    }
    (outcome.ending(rollout.is_cancelled), outcome)
}

/// The end of a task of a server, by its index.
type TaskEnd = (usize, Role, Result<ChildEnd, Error>);

struct Rollout<'a> {
    fleet: &'a Fleet,
    context: &'a Context<'a>,
    pace: Pace,
    outcome: FleetOutcome,
    running: FuturesUnordered<BoxFuture<'a, TaskEnd>>,
    /// The beginnings of detached children.
    beginnings: FuturesUnordered<BoxFuture<'a, ()>>,
    is_cancelled: bool,
}

impl Rollout<'_> {
    async fn run(&mut self) {
        for (number, wave) in self.pace.waves().into_iter().enumerate() {
            if number > 0 {
                self.pause().await;
            }
            self.run_wave(wave, self.pace.at_once, Role::Work).await;
            if number == 0 && self.outcome.stopped.is_none() {
                let failures = self.outcome.failures();
                self.outcome.stopped = self.pace.stops_after_canary(failures);
            }
        }
    }

    async fn pause(&mut self) {
        if self.outcome.stopped.is_some() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(self.pace.pause) => {}
            () = self.context.cancel().cancelled() => self.cancel(),
        }
    }

    /// Puts back what was changed, on all servers that were begun.
    async fn put_back(&mut self) {
        let children = self.outcome.children.iter().enumerate();
        let begun = children.filter(|(_, child)| child.task.is_some() && child.put_back.is_none());
        let begun: Vec<_> = begun.map(|(index, _)| index).collect();
        self.run_wave(begun, UNDONE_AT_ONCE, Role::Undo).await;
    }

    /// Runs a task on each of these servers, unless it has to stop before, and waits for those that have begun.
    async fn run_wave(
        &mut self,
        servers: impl IntoIterator<Item = usize>,
        at_once: usize,
        role: Role,
    ) {
        let mut servers = servers.into_iter();
        loop {
            let is_over = match role {
                Role::Undo => self.is_cancelled,
                Role::Work | Role::Check => self.outcome.stopped.is_some(),
            };
            let room = at_once.saturating_sub(self.running.len());
            let room = if is_over { 0 } else { room };
            let next: Vec<_> = servers.by_ref().take(room).collect();
            let is_last = next.is_empty();
            self.begin(next, role).await;
            tokio::select! {
                ended = self.running.next() => match ended {
                    Some(ended) => self.take_in(ended).await,
                    None if is_last => return,
                    // None of them could begin.
                    None => {}
                },
                Some(()) = self.beginnings.next() => {
                    if self.beginnings.is_empty() {
                        self.context.trigger.set_begun();
                    }
                }
                () = self.context.cancel().cancelled(), if !self.is_cancelled => self.cancel(),
            }
        }
    }

    /// Begins tasks, once their IDs are on disk.
    async fn begin(&mut self, servers: Vec<usize>, role: Role) {
        let mut prepared = Vec::new();
        for index in servers {
            match self.prepare(index, role) {
                Ok(child) => prepared.push((index, child)),
                Err(error) => self.fail(index, role, &error),
            }
        }
        if prepared.is_empty() {
            return;
        }
        let saved = self
            .context
            .save(Outcome::Fleet(self.outcome.clone()))
            .await;
        for (index, child) in prepared {
            let children = self.context.children;
            let started = saved.clone().and_then(|()| children.start_child(child));
            match started {
                Ok(started) => self.follow(index, role, started),
                Err(error) => {
                    self.outcome.children[index].forget(role);
                    self.fail(index, role, &error);
                }
            }
        }
    }

    /// Makes a task, and notes its ID.
    fn prepare(&mut self, index: usize, role: Role) -> Result<NewChild, Error> {
        let child = &mut self.outcome.children[index];
        let spec = match role {
            Role::Work => self.fleet.on(&child.alias)?,
            Role::Check => {
                let check = self.fleet.brakes.check.clone().unwrap_or_default();
                Exec::new(check, None, Bound::default()).into()
            }
            Role::Undo => {
                let task = child.task.as_ref().map_or("", JobId::as_str);
                // A change that leaves its server alone is one of this machine.
                let is_here = !self.fleet.each().kind().changes_server();
                Undo::new(task, is_here, false, false).into()
            }
        };
        let id = JobId::random();
        child.begin(role, id.clone());
        Ok(NewChild {
            id,
            parent: self.context.job.id.clone(),
            alias: child.alias.clone(),
            sudo: self.context.job.sudo.clone(),
            spec,
        })
    }

    /// Waits for the end of a task beside the others.
    fn follow(&mut self, index: usize, role: Role, started: StartedChild) {
        if self.fleet.each().kind().is_detached() {
            self.beginnings.push(started.begun);
        }
        let ended = started.ended.map(move |ended| (index, role, ended));
        self.running.push(ended.boxed());
    }

    /// Takes in the end of a task, and of all others that have ended meanwhile.
    async fn take_in(&mut self, first: TaskEnd) {
        let mut checks = Vec::new();
        let mut next = Some(first);
        while let Some((index, role, ended)) = next {
            match ended {
                Ok(end) => {
                    if self.end(index, role, &end) {
                        checks.push(index);
                    }
                }
                Err(error) => self.fail(index, role, &error),
            }
            next = self.running.next().now_or_never().flatten();
        }
        self.begin(checks, Role::Check).await;
        self.context.publish(Outcome::Fleet(self.outcome.clone()));
    }

    /// Takes in the end of a task. Returns whether a check is to follow.
    fn end(&mut self, index: usize, role: Role, end: &ChildEnd) -> bool {
        let has_check = self.fleet.brakes.check.is_some();
        let child = &mut self.outcome.children[index];
        match role {
            Role::Work => child.end(end),
            Role::Check => child.end_check(end),
            Role::Undo => {
                child.end_undo(end);
                return false;
            }
        }
        let needs_check =
            has_check && matches!(role, Role::Work) && end.status == Status::Completed;
        if needs_check && self.is_cancelled {
            child.cancel_check();
        }
        self.look_at_failures();
        needs_check && !self.is_cancelled
    }

    /// Notes that a task could not begin, or that its end is not known.
    fn fail(&mut self, index: usize, role: Role, error: &Error) {
        let child = &mut self.outcome.children[index];
        match role {
            Role::Work | Role::Check if self.fleet.each().kind().may_change() => child.fail(error),
            Role::Work | Role::Check => child.refuse(error),
            Role::Undo => child.fail_undo(error),
        }
        self.look_at_failures();
    }

    fn look_at_failures(&mut self) {
        if self.outcome.stopped.is_none() {
            self.outcome.stopped = self.pace.stops(self.outcome.failures());
        }
    }

    /// Asks every child to stop, and begins no other.
    fn cancel(&mut self) {
        self.is_cancelled = true;
        self.outcome.stopped = Some("cancelled".to_owned());
        let children = self.outcome.children.iter();
        let tasks = children.flat_map(|child| [&child.task, &child.check, &child.undo]);
        for task in tasks.flatten() {
            self.context.children.stop_child(task);
        }
    }
}
