//! The life of a command: whether a call waits for it, and whether it ends with this program.

use super::{Switch, WaitFor};
use crate::job::Spec;
use crate::job::kind::detached::Detached;
use crate::job::kind::exec::Exec;
use crate::job::kind::supplies::Supplies;
use crate::ssh::Bound;

/// The life of the work of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The call waits for it, and it ends with this program.
    Waited,
    /// In the background, and it ends with this program.
    InChannel,
    /// In the background, and its server goes on with it, where that can.
    Background,
    /// Its server goes on with it, or it fails.
    Detached,
}

impl Life {
    /// The life that the arguments `background` and `detach` ask for.
    pub(super) fn of(background: Switch, detach: Option<Switch>) -> Self {
        match (background.0, detach.map(|detach| detach.0)) {
            (_, Some(true)) => Self::Detached,
            (true, Some(false)) => Self::InChannel,
            (true, None) => Self::Background,
            (false, _) => Self::Waited,
        }
    }

    /// Returns whether its server is to go on with it.
    pub(super) fn is_on_server(self) -> bool {
        matches!(self, Self::Background | Self::Detached)
    }

    /// The job for a command with such a life.
    pub(super) fn spec(
        self,
        cmd: String,
        timeout: Option<f64>,
        bound: Bound,
        supplies: Supplies,
    ) -> Spec {
        match self {
            Self::Waited | Self::InChannel => {
                Exec::new(cmd, timeout, bound).supplied(supplies).into()
            }
            Self::Background => {
                let detached = Detached::new(cmd, timeout).supplied(supplies);
                detached.or_attached().into()
            }
            Self::Detached => Detached::new(cmd, timeout).supplied(supplies).into(),
        }
    }

    /// The event that the call waits for.
    pub(super) fn wait(self) -> WaitFor {
        match self {
            Self::Waited => WaitFor::Completion,
            Self::InChannel => WaitFor::Nothing,
            Self::Background => WaitFor::PromptStart,
            Self::Detached => WaitFor::Start,
        }
    }
}
