//! How a job ends.

use serde_json::{Map, Value};

use super::status::Status;
use crate::error::Error;
use crate::report::Report;

/// How a job ends: its status, and why it did not end well.
#[derive(Debug)]
pub struct Ending {
    pub(super) status: Status,
    pub(super) error: Option<String>,
    /// The error's code, where the call failed rather than the command.
    pub(super) code: Option<String>,
    /// The facts behind that error.
    pub(super) details: Option<Map<String, Value>>,
}

impl Ending {
    /// Of a job that did what it was to do.
    pub(super) fn completed() -> Self {
        Self {
            status: Status::Completed,
            error: None,
            code: None,
            details: None,
        }
    }

    /// Of a job that did not, for this reason.
    pub(super) fn of(status: Status, reason: impl Into<String>) -> Self {
        Self {
            status,
            error: Some(reason.into()),
            ..Self::completed()
        }
    }

    /// Puts the reason in other words.
    pub(super) fn explain(mut self, explain: impl FnOnce(&str) -> String) -> Self {
        self.error = self.error.as_deref().map(explain);
        self
    }
}

impl From<Error> for Ending {
    /// Of a job whose call failed, for a reason that is not the command's own.
    fn from(error: Error) -> Self {
        let Report {
            code,
            message,
            details,
        } = error.report();
        Self {
            status: Status::Failed,
            error: Some(message),
            code: Some(code),
            details: Some(details),
        }
    }
}
