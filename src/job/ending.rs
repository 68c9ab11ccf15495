//! The ending of a job.

use serde_json::{Map, Value};

use super::status::Status;
use crate::error::Error;
use crate::report::Report;

/// The ending of a job: its status, and the reason if that is not a good one.
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
    /// Returns the ending of a job that did its work.
    pub(super) fn completed() -> Self {
        Self {
            status: Status::Completed,
            error: None,
            code: None,
            details: None,
        }
    }

    /// Returns an ending with this status and reason.
    pub(super) fn of(status: Status, reason: impl Into<String>) -> Self {
        Self {
            status,
            error: Some(reason.into()),
            ..Self::completed()
        }
    }

    /// Gives other advice on an error.
    pub(super) fn advise(mut self, advice: String) -> Self {
        if let Some(details) = &mut self.details {
            details.insert("hint".to_owned(), advice.into());
        }
        self
    }

    /// Rewords the reason.
    pub(super) fn explain(mut self, explain: impl FnOnce(&str) -> String) -> Self {
        self.error = self.error.as_deref().map(explain);
        self
    }
}

impl Ending {
    /// The same; of a command that was stopped because this process ends, for that reason, it says so.
    pub(super) fn of_stopped_process(self, reason: Option<&String>) -> Self {
        match (self.status, reason) {
            (Status::Cancelled, Some(reason)) => {
                let how = self.error.unwrap_or_default();
                Self::of(Status::Crashed, format!("{reason}; {how}"))
            }
            _ => self,
        }
    }
}

impl From<Error> for Ending {
    /// Makes the ending of a job that failed by an error of this program, its connection or its files.
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
