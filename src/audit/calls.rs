//! The calls of this process: each begins in the trail before it runs, and ends there after. A task that goes on
//! after its call has a third line, once it has ended.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Map, Value};

use super::entry::{Begun, LongCall, SERVERS};
use super::responses::ResponsesDigest;
use super::{CallOutcome, Trail};
use crate::actor::CurrentActor;
use crate::error::Error;
use crate::sync::lock;

/// The running calls, and the trail that records them.
#[derive(Debug)]
pub struct Calls {
    trail: Trail,
    /// The name of this process's lock.
    process: String,
    actor: CurrentActor,
    open: Mutex<HashMap<String, Begun>>,
}

/// The servers that a call is for.
#[derive(Clone, Debug, Default)]
pub struct CalledServers {
    /// Their aliases, where there are several.
    pub several: Vec<String>,
    /// The fingerprint of the host key that the only one has presented.
    pub host_key: Option<String>,
}

impl Calls {
    /// The calls of the process whose lock has this name, and of its actor.
    pub fn new(trail: Trail, process: &str, actor: CurrentActor) -> Self {
        Self {
            trail,
            process: process.to_owned(),
            actor,
            open: Mutex::default(),
        }
    }

    /// Begins a call in the trail, and returns its identifier there. After an error, the call must not run.
    /// `secrets` names the arguments that hold secrets. Blocks.
    pub fn begin(
        &self,
        tool: &str,
        arguments: &Map<String, Value>,
        secrets: &[String],
        servers: CalledServers,
    ) -> Result<String, Error> {
        let mut begun = Begun::new(tool, arguments, secrets, &self.process);
        begun.actor = self.actor.get();
        begun.host_key = servers.host_key;
        let count = servers.several.len();
        begun.server_count = Some(count).filter(|count| *count > 0);
        begun.servers = servers.several.into_iter().take(SERVERS).collect();
        begun.responses = ResponsesDigest::of(arguments, &self.trail.key)
            .map_err(|error| self.trail.failed(&error))?;
        self.trail.add(&begun)?;
        let call = begun.call.clone();
        lock(&self.open).insert(call.clone(), begun);
        Ok(call)
    }

    /// Ends a call in the trail, unless it has ended. Blocks.
    pub fn end(
        &self,
        call: &str,
        outcome: CallOutcome,
        host_key: Option<String>,
    ) -> Result<(), Error> {
        match lock(&self.open).remove(call) {
            Some(begun) => self.trail.add(&begun.ended(outcome, host_key)),
            None => Ok(()),
        }
    }

    /// Tells in the trail how a task has ended that went on after its call. Blocks.
    pub fn finish(
        &self,
        call: &LongCall,
        outcome: CallOutcome,
        host_key: Option<String>,
    ) -> Result<(), Error> {
        self.trail.add(&call.finished(outcome, host_key))
    }

    /// The last entries of the trail, of whatever process, the newest last. Blocks.
    pub fn last(&self, most: usize) -> Result<Vec<Value>, Error> {
        self.trail
            .last(most)
            .map_err(|error| self.trail.unreadable(&error))
    }

    /// Ends all running calls in the trail, because the process ends. Blocks.
    pub fn interrupt(&self, cause: &str) -> Result<(), Error> {
        let open = std::mem::take(&mut *lock(&self.open));
        open.values().try_for_each(|begun| {
            let outcome = CallOutcome::interrupted(cause);
            self.trail.add(&begun.ended(outcome, None))
        })
    }
}
