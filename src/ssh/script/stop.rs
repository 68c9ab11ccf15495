//! Ending a command with all its children, over another channel than its own.

use std::time::Duration;

use super::Script;
use crate::error::{Error, Stopped};
use crate::ssh::pool::Pool;

/// The shell functions that find and end the processes of a command.
pub(in crate::ssh) const PROCESSES: &str = include_str!("../scripts/processes.sh");
const END: &str = include_str!("../scripts/end.sh");

/// The time allowed for the script. It gives the processes 2 s after TERM and 1 s after KILL, and ten
/// times as long if the shell can only sleep whole seconds.
pub(in crate::ssh) const LIMIT: Duration = Duration::from_secs(40);

/// The time to wait for a channel, ahead of all others.
pub(in crate::ssh) const CHANNEL_PATIENCE: Duration = Duration::from_secs(3);

/// The processes that are ended, and their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Victim {
    /// All of them at once.
    Group,
    /// The shell before its children. It would go on with the next step once they have ended.
    ShellFirst,
}

/// Kills the process group of `leader` and its descendants, of a command that began `age` ago. `None` if
/// that could not be tried.
pub(in crate::ssh) async fn end_group(
    pool: &Pool,
    alias: &str,
    leader: u32,
    age: Duration,
    victim: Victim,
) -> Option<Stopped> {
    let script = Script::new("end", format!("{PROCESSES}{END}"), LIMIT)
        .with_token()
        .with(&leader)
        .with(&age.as_secs())
        .with(match victim {
            Victim::Group => "",
            Victim::ShellFirst => "shell-first",
        })
        .with(if pool.is_elevated(alias) {
            "elevated"
        } else {
            ""
        })
        .urgent(CHANNEL_PATIENCE);
    match script.run(pool, alias).await {
        Ok(answer) => Some(outcome(answer.word())),
        Err(failure) => {
            let error = Error::from(failure);
            tracing::warn!("the processes of a command could not be ended: {error}");
            None
        }
    }
}

/// Reads the answer of a script that ends processes.
pub(in crate::ssh) fn outcome(word: &str) -> Stopped {
    match word {
        "gone" => Stopped::Stopped,
        "left" => Stopped::Signalled,
        _ => Stopped::Unknown,
    }
}
