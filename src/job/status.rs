//! The status of a job.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a job.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Recorded, not yet under way.
    #[default]
    Pending,
    /// Under way.
    Running,
    /// Done, and well.
    Completed,
    /// Done, and not well.
    Failed,
    /// Some files of a transfer arrived, others did not.
    Partial,
    /// Stopped on request.
    Cancelled,
    /// The process that ran it is gone.
    Crashed,
}

impl Status {
    /// Returns whether the job may still change.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }

    /// Returns whether the job may be retried.
    pub fn can_retry(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Partial | Self::Cancelled | Self::Crashed
        )
    }

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Partial => "partial",
            Self::Cancelled => "cancelled",
            Self::Crashed => "crashed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
