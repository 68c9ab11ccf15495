//! A person's agreement to a task.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::time::Timestamp;

/// A person's agreement to a task, in its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The rule or mode by which it is asked for.
    pub rule: String,
    /// The command that gives it, at a terminal.
    pub approve: String,
    /// True while the part of the work that the record leaves out is kept, encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
    /// The one who has agreed; `None` while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// When they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}
