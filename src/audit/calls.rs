//! The calls of this process: each is begun in the trail before it acts, and ended after.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Map, Value};

use super::entry::Begun;
use super::responses::Responses;
use super::{Outcome, Trail};
use crate::error::Error;
use crate::sync::lock;

/// The calls that are under way, and the trail that tells of them.
#[derive(Debug)]
pub struct Calls {
    trail: Trail,
    /// The name under which this process keeps its lock.
    process: String,
    open: Mutex<HashMap<String, Begun>>,
}

impl Calls {
    /// The calls of the process that has registered under this name.
    pub fn new(trail: Trail, process: &str) -> Self {
        Self {
            trail,
            process: process.to_owned(),
            open: Mutex::default(),
        }
    }

    /// Begins a call in the trail, and gives its name there. What cannot be begun must not act. `secrets`
    /// names the arguments that hold secrets. Blocks.
    pub fn begin(
        &self,
        tool: &str,
        arguments: &Map<String, Value>,
        secrets: &[String],
        host_key: Option<String>,
    ) -> Result<String, Error> {
        let mut begun = Begun::new(tool, arguments, secrets, &self.process);
        begun.host_key = host_key;
        begun.responses =
            Responses::of(arguments, &self.trail.key).map_err(|error| self.trail.failed(&error))?;
        self.trail.add(&begun)?;
        let call = begun.call.clone();
        lock(&self.open).insert(call.clone(), begun);
        Ok(call)
    }

    /// Ends a call in the trail, unless it has ended. Blocks.
    pub fn end(&self, call: &str, outcome: Outcome, host_key: Option<String>) -> Result<(), Error> {
        match lock(&self.open).remove(call) {
            Some(begun) => self.trail.add(&begun.ended(outcome, host_key)),
            None => Ok(()),
        }
    }

    /// Ends all that are under way, because the process does. Blocks.
    pub fn interrupt(&self, cause: &str) -> Result<(), Error> {
        let open = std::mem::take(&mut *lock(&self.open));
        open.values().try_for_each(|begun| {
            let outcome = Outcome::interrupted(cause);
            self.trail.add(&begun.ended(outcome, None))
        })
    }
}
