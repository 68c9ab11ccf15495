//! The steps of a sequence, as a call gives them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::job::kind::supplies::Supplies;
use crate::shell::only_reads;

/// A command of a sequence, as a call gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// A command line.
    Plain(String),
    /// A command line with what holds for it alone.
    Detailed {
        /// The command line.
        command: String,
        /// Seconds that it may run; 0 is without limit.
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout: Option<f64>,
        /// Set if the sequence goes on where it fails; the sequence's own setting by default.
        #[serde(rename = "continueOnError", skip_serializing_if = "Option::is_none")]
        continue_on_error: Option<bool>,
        /// Its directory, variables, input or script.
        #[serde(default, skip_serializing_if = "Supplies::is_empty")]
        supplies: Box<Supplies>,
    },
}

impl Step {
    /// The command line.
    pub fn command(&self) -> &str {
        match self {
            Self::Plain(command) | Self::Detailed { command, .. } => command,
        }
    }

    pub(super) fn command_mut(&mut self) -> &mut String {
        match self {
            Self::Plain(command) | Self::Detailed { command, .. } => command,
        }
    }

    /// Its directory, variables, input or script.
    pub fn supplies(&self) -> Option<&Supplies> {
        match self {
            Self::Plain(_) => None,
            Self::Detailed { supplies, .. } => Some(&**supplies).filter(|one| !one.is_empty()),
        }
    }

    pub(super) fn supplies_mut(&mut self) -> Option<&mut Supplies> {
        match self {
            Self::Plain(_) => None,
            Self::Detailed { supplies, .. } => Some(supplies),
        }
    }

    pub(super) fn summary(&self) -> Cow<'_, str> {
        let command = self.command();
        let supplies = self.supplies();
        supplies.map_or(command.into(), |supplies| supplies.summary(command))
    }

    /// The commands that stand for it where it is judged.
    pub(super) fn judged(&self) -> Cow<'_, str> {
        let command = self.command();
        let supplies = self.supplies();
        supplies.map_or(command.into(), |supplies| supplies.judged(command).into())
    }

    /// All that a person has to know of it, in lines.
    pub(super) fn details(&self) -> String {
        let command = self.command();
        let supplies = self.supplies();
        supplies.map_or_else(|| command.to_owned(), |one| one.details(command))
    }

    pub(super) fn only_reads(&self) -> bool {
        let command = self.command();
        let supplies = self.supplies();
        supplies.map_or_else(|| only_reads(command), |one| one.only_reads(command))
    }

    pub(super) fn timeout(&self) -> Option<f64> {
        match self {
            Self::Plain(_) => None,
            Self::Detailed { timeout, .. } => *timeout,
        }
    }

    pub(super) fn continue_on_error(&self) -> Option<bool> {
        match self {
            Self::Plain(_) => None,
            Self::Detailed {
                continue_on_error, ..
            } => *continue_on_error,
        }
    }
}
