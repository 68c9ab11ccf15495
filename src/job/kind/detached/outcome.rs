//! The outcome of a command that its server may go on with.

use serde::Serialize;
use serde_json::{Map, Value};

use super::remote::Remote;
use crate::job::fields::take;
use crate::job::kind::Results;
use crate::job::kind::command::{CommandOutcome, Exit};
use crate::job::printed::Printed;

/// The outcome of a command that its server may go on with, so far while it runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DetachedOutcome {
    /// Its files on the server, where that goes on with it.
    #[serde(flatten)]
    pub remote: Remote,
    /// Its output and its end.
    #[serde(flatten)]
    pub command: CommandOutcome,
}

impl Results for DetachedOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            remote: take(record)?,
            command: Results::take(record)?,
        })
    }

    fn printed(&self) -> Option<&Printed> {
        self.command.printed()
    }

    fn exit(&self) -> Option<&Exit> {
        Some(&self.command.exit)
    }

    fn printed_mut(&mut self) -> Option<&mut Printed> {
        self.command.printed_mut()
    }

    fn texts(&mut self) -> Vec<&mut String> {
        self.command.texts()
    }

    fn remote(&self) -> Option<&Remote> {
        Some(&self.remote).filter(|remote| remote.is_used())
    }

    fn remote_mut(&mut self) -> Option<&mut Remote> {
        Some(&mut self.remote).filter(|remote| remote.is_used())
    }
}
