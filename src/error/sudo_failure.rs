//! The reason why a command does not run as another user of its server.

use serde_json::{Value, json};

/// A command that a server does not let run as another user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server `{alias}` ran nothing as `{user}`: {reason}")]
pub struct SudoFailure {
    /// The server's alias.
    pub alias: String,
    /// The other user.
    pub user: String,
    /// The cause.
    pub reason: String,
    /// The advice.
    pub advice: &'static str,
}

impl SudoFailure {
    pub(super) fn details(&self) -> Value {
        json!({ "alias": self.alias, "user": self.user, "reason": self.reason })
    }
}
