//! A shell as callers see it.

use serde::Serialize;

use crate::time::Timestamp;

/// A shell that is open.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShellReport {
    /// Its name.
    pub shell: String,
    /// The server.
    pub alias: String,
    /// Its program.
    pub program: String,
    /// The time at which it was opened.
    pub opened_at: Timestamp,
    /// The time of the last call.
    pub used_at: Timestamp,
    /// Its state as of the last call.
    pub state: String,
}

impl ShellReport {
    /// The shell for people, in a line.
    pub fn text(&self) -> String {
        format!(
            "shell {}: {} on `{}`, {}, used {} ago",
            self.shell,
            self.program,
            self.alias,
            self.state,
            self.used_at.age()
        )
    }
}
