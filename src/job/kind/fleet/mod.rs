//! A job on many servers: a parent, and a child on each server.
//!
//! The parent's record holds the servers in their order, the work of each, and the brakes. Each child is an
//! ordinary job: policy, read-only servers, record, output, cancel, retry and detach hold for it as for any other.
//!
//! | module | what it holds |
//! |---|---|
//! | `template` | the work of each child, as the record nests it |
//! | `brakes` | how many at a time, and when to stop |
//! | `child`, `outcome` | the outcome on each server, and on all |
//! | `rollout` | starting the children and following them |

mod brakes;
mod child;
mod outcome;
mod rollout;
mod template;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::change::Change;
use super::context::Context;
use super::{Kind, Spec, is_of_type};
use crate::error::Error;
use crate::guard::Guard;
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
pub use brakes::{Brakes, OnFailure, Tolerance};
pub use child::{Child, ChildEnd, ChildState};
pub use outcome::FleetOutcome;
pub(in crate::job) use template::Template;

/// The `type` of its records.
const FLEET: &str = "fleet";

/// Does the same on many servers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fleet {
    /// The servers, in their order.
    targets: Vec<String>,
    /// The work on each.
    each: Template,
    /// The limits of a change.
    #[serde(default)]
    brakes: Brakes,
    /// The first tries of a retry that takes up the part files of each, by server.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    first_tries: IndexMap<String, JobId>,
}

impl Fleet {
    /// The same work on these servers. Brakes that do not fit the work are refused.
    pub fn new(targets: Vec<String>, each: Spec, brakes: Brakes) -> Result<Self, Error> {
        each.kind().check_targets(&targets)?;
        brakes.check(each.kind())?;
        Ok(Self {
            targets,
            each: Template::of(each),
            brakes,
            first_tries: IndexMap::new(),
        })
    }

    /// The work on each server.
    pub(in crate::job) fn each(&self) -> &Spec {
        self.each.spec()
    }

    /// The work on one of them, which goes on from what its first try has left there.
    fn on(&self, alias: &str) -> Result<Spec, Error> {
        let spec = self.each().for_server(alias)?;
        match self.first_tries.get(alias) {
            Some(first) => spec.again(first),
            None => Ok(spec),
        }
    }

    /// The same work on the servers on which it did not succeed, or was put back.
    pub(in crate::job) fn again_where_needed(
        &self,
        id: &JobId,
        outcome: &FleetOutcome,
    ) -> Result<Self, Error> {
        let targets = outcome.unfinished();
        if targets.is_empty() {
            return Err(Error::NotRetryable {
                id: id.to_string(),
                reason: "it is done on each of its servers".to_owned(),
            });
        }
        // Each server has part files of its own: two aliases may stand for the same one.
        let is_resumed = matches!(self.each(), Spec::Transfer(_));
        let each = if is_resumed {
            self.each().clone()
        } else {
            self.each().again(id)?
        };
        let first = |alias: &String| {
            let before = || outcome.child(alias)?.task.as_ref();
            let first = self.first_tries.get(alias).or_else(before)?;
            Some((alias.clone(), first.clone()))
        };
        let first_tries = targets.iter().filter(|_| is_resumed).filter_map(first);
        Ok(Self {
            first_tries: first_tries.collect(),
            targets,
            each: Template::of(each),
            brakes: self.brakes.clone(),
        })
    }

    /// Takes over how far the children of a process that is gone had come. `find` looks up their records.
    pub(in crate::job) fn settle(
        &self,
        outcome: &mut FleetOutcome,
        find: impl Fn(&JobId) -> Option<ChildEnd>,
    ) {
        outcome.settle(self.brakes.check.is_some(), find);
    }

    /// The servers on which it may not be done, with the reasons.
    fn refusals(&self, guard: &Guard) -> Vec<(String, Error)> {
        let admit = |alias: &String| self.each().for_server(alias)?.kind().admit(alias, guard);
        let targets = self.targets.iter();
        targets
            .filter_map(|alias| Some((alias.clone(), admit(alias).err()?)))
            .collect()
    }
}

impl Kind for Fleet {
    type Outcome = FleetOutcome;

    fn record_type(&self) -> &'static str {
        FLEET
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, FLEET)
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn is_retryable(&self) -> bool {
        self.each().kind().is_retryable()
    }

    fn begin(&self, _id: &JobId) -> FleetOutcome {
        FleetOutcome::of(&self.targets)
    }

    fn tool(&self) -> &'static str {
        self.each().kind().tool()
    }

    /// It has no server of its own: each child is checked.
    fn changes_server(&self) -> bool {
        false
    }

    fn is_detached(&self) -> bool {
        self.each().kind().is_detached()
    }

    /// Refuses what may change something unless all servers allow it. What only reads leaves out those that
    /// do not.
    fn admit(&self, _alias: &str, guard: &Guard) -> Result<(), Error> {
        self.authorize(guard)
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        if let Some(check) = &self.brakes.check {
            guard.may_run(check)?;
        }
        let refusals = self.refusals(guard);
        let stops = self.each().kind().may_change() || refusals.len() == self.targets.len();
        let (servers, mut reasons): (Vec<_>, Vec<_>) = refusals.into_iter().unzip();
        if !stops || reasons.is_empty() {
            return Ok(());
        }
        Err(Error::RefusedOn {
            servers,
            of: self.targets.len(),
            reason: Box::new(reasons.swap_remove(0)),
        })
    }

    fn servers(&self, _alias: &str) -> Vec<String> {
        self.targets.clone()
    }

    fn authorize_on(&self, alias: &str, guard: &Guard) -> Result<(), Error> {
        self.each().for_server(alias)?.kind().authorize(guard)?;
        let check = self.brakes.check.as_ref();
        check.map_or(Ok(()), |check| guard.may_run(check))
    }

    fn may_change(&self) -> bool {
        self.each().kind().may_change() || self.brakes.check.is_some()
    }

    fn may_change_device(&self) -> bool {
        self.each().kind().may_change_device() || self.brakes.check.is_some()
    }

    fn knows_targets(&self) -> bool {
        self.each().kind().knows_targets()
    }

    fn file_change(&self) -> Option<&Change> {
        self.each().kind().file_change()
    }

    fn file_change_mut(&mut self) -> Option<&mut Change> {
        self.each.spec_mut().kind_mut().file_change_mut()
    }

    fn details(&self) -> String {
        let details = self.each().kind().details();
        match &self.brakes.check {
            Some(check) => format!("{details}\nchecked on each by: {check}"),
            None => details,
        }
    }

    fn commands(&mut self) -> Vec<&mut String> {
        let check = self.brakes.check.iter_mut();
        let each = self.each.spec_mut().kind_mut().commands();
        each.into_iter().chain(check).collect()
    }

    fn callers_commands(&mut self) -> Vec<String> {
        let check = self.brakes.check.clone();
        let each = self.each.spec_mut().kind_mut().callers_commands();
        each.into_iter().chain(check).collect()
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let check = self.brakes.check.iter_mut();
        let each = self.each.spec_mut().kind_mut().texts();
        each.into_iter().chain(check).collect()
    }

    fn hide_secrets(&mut self, _expression: &str) -> bool {
        let mut is_masked = false;
        for alias in &self.targets {
            is_masked |= self.each.spec_mut().kind_mut().hide_secrets(alias);
            if let Some(check) = &mut self.brakes.check {
                is_masked |= super::hide_work(alias, check);
            }
        }
        is_masked
    }

    fn summary(&self) -> String {
        self.each().kind().summary()
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, FleetOutcome) {
        // Boxed: what it holds while it waits is large.
        Box::pin(rollout::run(self, context)).await
    }

    fn render(job: &Header, outcome: &FleetOutcome, _shown: &ShownOutput) -> String {
        outcome.text(job).end()
    }
}
