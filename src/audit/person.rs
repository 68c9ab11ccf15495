//! Acts of a person outside of a session, in the trail.

use serde_json::{Map, Value};

use super::{CallOutcome, CalledServers, Calls, Trail};
use crate::actor::{Actor, CurrentActor};
use crate::error::Error;
use crate::store::DataDirectory;

/// An act of a person, which has begun in the trail. Dropping it ends it there as one that failed.
#[derive(Debug)]
pub struct PersonCall {
    calls: Calls,
    call: String,
}

impl PersonCall {
    /// Begins an act in the trail. After an error, it must not be done. Blocks.
    pub fn begin(
        data: &DataDirectory,
        command: &str,
        arguments: &Map<String, Value>,
        by: &Actor,
    ) -> Result<Self, Error> {
        let process = by.client.as_deref().unwrap_or_default();
        let calls = Calls::new(Trail::open(data), process, CurrentActor::from(by.clone()));
        let call = calls.begin(command, arguments, &[], CalledServers::default())?;
        Ok(Self { calls, call })
    }

    /// Ends it. Blocks.
    pub fn end(self, outcome: &str) -> Result<(), Error> {
        self.calls
            .end(&self.call, CallOutcome::named(outcome), None)
    }
}

impl Drop for PersonCall {
    fn drop(&mut self) {
        // One that has ended does not end again. Nobody is left to be told that the trail cannot be written.
        let _ = self
            .calls
            .end(&self.call, CallOutcome::named("failed"), None);
    }
}
