//! The ends of commands.

use russh::Sig;

use crate::error::{Error, Stopped};

/// The end of a command.
#[derive(Clone, Debug)]
pub enum ExitOutcome {
    /// With an exit status.
    Exited(u32),
    /// By a signal, named as in RFC 4254, section 6.10 (without `SIG`).
    Signalled(String),
    /// It ran past its timeout.
    TimedOut(Stopped),
    /// It came to the bound of a command that would print for ever.
    Bounded(Stopped),
    /// It was cancelled.
    Cancelled(Stopped),
    /// It was cancelled before it had begun.
    NotBegun,
    /// A device shows this prompt again, which tells no exit status; `None` if the command has ended its terminal.
    Answered(Option<String>),
    /// A device has refused it, in these words.
    Refused {
        /// The line that says so.
        words: String,
        /// The prompt that it shows again.
        prompt: String,
    },
    /// The server closed the channel without saying how the command ended.
    Unknown,
    /// The connection was lost before the command's end was known.
    ConnectionLost(Error),
}

impl ExitOutcome {
    /// The outcome of a command that this signal killed.
    pub(in crate::ssh) fn by(signal: &Sig) -> Self {
        Self::Signalled(signal_name(signal))
    }
}

/// The name of a signal, as in RFC 4254, section 6.10.
pub(super) fn signal_name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}

/// The reason for stopping a command, as the outcome that it leads to.
pub(in crate::ssh) type StopReason = fn(Stopped) -> ExitOutcome;
