//! The programs by which commands run as another user, and the command line for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::shell::quote;
use crate::sync::lock;

/// A way by which commands run as another user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ssh) enum Way {
    /// `sudo`, which reads a password from its standard input.
    #[default]
    Sudo,
    /// `sudo` where its rules ask for a terminal (`requiretty`).
    SudoAtTerminal,
    /// `doas` without a password.
    Doas,
    /// `doas`, which reads a password from a terminal only.
    DoasAtTerminal,
    /// `su`, which asks for the other user's password.
    Su,
}

/// The reason why a way does not lead to the other user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Obstacle {
    /// The server has no such program.
    Missing,
    /// It takes a terminal.
    NeedsTerminal,
    /// Nothing that another way could do.
    Refusal,
}

/// The input of a command at a terminal that is there only for the way: its end cannot be told there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ssh) enum RawInput {
    /// It comes as the command goes on.
    #[default]
    Open,
    /// So many bytes.
    Bytes(usize),
}

/// The words of a command line.
pub(super) struct WayLine<'a> {
    pub(super) user: &'a str,
    /// The prompt of `sudo`; `None` if it is not to ask.
    pub(super) prompt: Option<String>,
    /// Tells that the command runs.
    pub(super) tell: String,
    /// The input, if the terminal is there only for the way.
    pub(super) raw: Option<RawInput>,
    /// The command line.
    pub(super) line: &'a str,
}

impl Way {
    /// The name of the program.
    pub(in crate::ssh) fn program(self) -> &'static str {
        match self {
            Self::Sudo | Self::SudoAtTerminal => "sudo",
            Self::Doas | Self::DoasAtTerminal => "doas",
            Self::Su => "su",
        }
    }

    /// Returns whether it takes a terminal.
    pub(in crate::ssh) fn is_at_terminal(self) -> bool {
        matches!(self, Self::SudoAtTerminal | Self::DoasAtTerminal | Self::Su)
    }

    /// The way to try after this one.
    pub(in crate::ssh) fn after(self, obstacle: Obstacle) -> Option<Self> {
        match (self, obstacle) {
            (Self::Sudo, Obstacle::NeedsTerminal) => Some(Self::SudoAtTerminal),
            (Self::Sudo, Obstacle::Missing) => Some(Self::Doas),
            (Self::Doas, Obstacle::NeedsTerminal) => Some(Self::DoasAtTerminal),
            (Self::Doas, Obstacle::Missing) => Some(Self::Su),
            _ => None,
        }
    }

    /// The obstacle that the program speaks of before it has taken a password.
    pub(in crate::ssh) fn obstacle(self, status: Option<u32>, words: &str) -> Obstacle {
        match self {
            // A C shell ends with 1.
            _ if status == Some(127) || words.ends_with("Command not found.") => Obstacle::Missing,
            Self::Sudo if words.contains("tty") => Obstacle::NeedsTerminal,
            Self::Doas if words.contains("required") => Obstacle::NeedsTerminal,
            _ => Obstacle::Refusal,
        }
    }

    /// The command line by which the login shell's kind of shell runs another as the other user.
    pub(super) fn line(self, words: &WayLine<'_>) -> String {
        let WayLine {
            user, prompt, line, ..
        } = words;
        let (user, script, line) = (quote(user), quote(&self.script(words)), quote(line));
        let run = format!("sh -c {script} \"$SHELL\" {line}");
        match self {
            Self::Sudo | Self::SudoAtTerminal => {
                // Without a password, sudo must not wait for one.
                let asks = match prompt {
                    Some(prompt) => format!("-S -p '{prompt}%p:'"),
                    None => "-n".to_owned(),
                };
                format!("sudo {asks} -H -u {user} -- {run}")
            }
            Self::Doas => format!("doas -n -u {user} {run}"),
            Self::DoasAtTerminal => format!("doas -u {user} {run}"),
            // Its prompt is known in this language.
            Self::Su => format!(
                "env LC_ALL=C su {user} -c {}",
                quote(&format!("exec {run}"))
            ),
        }
    }

    /// The script that the other user's `sh` runs. `$0` is the login shell, `$1` the command line.
    fn script(self, words: &WayLine<'_>) -> String {
        let tell = &words.tell;
        let language = if self == Self::Su {
            "unset LC_ALL; "
        } else {
            ""
        };
        let (before, run) = match words.raw {
            None => (String::new(), "exec \"${0:-sh}\" -c \"$1\"".to_owned()),
            Some(input) => {
                // Bytes go through as they are, and nothing comes back.
                let before = "stty raw -echo 2>/dev/null; unset TERM; ".to_owned();
                let run = match input {
                    RawInput::Open => "exec \"${0:-sh}\" -c \"$1\"".to_owned(),
                    RawInput::Bytes(0) => "exec \"${0:-sh}\" -c \"$1\" </dev/null".to_owned(),
                    RawInput::Bytes(count) => {
                        format!("head -c {count} | \"${{0:-sh}}\" -c \"$1\"")
                    }
                };
                (before, run)
            }
        };
        format!("{before}{language}{tell}; {run}")
    }
}

/// The ways of a server that are known, by the other user.
#[derive(Clone, Debug, Default)]
pub(in crate::ssh) struct KnownWays(Arc<Ways>);

#[derive(Debug, Default)]
struct Ways {
    known: Mutex<HashMap<String, Way>>,
    /// Held while a way is looked for: each try may type a password.
    looking: tokio::sync::Mutex<()>,
}

impl KnownWays {
    /// The way to a user.
    pub(super) fn to(&self, user: &str) -> Option<Way> {
        lock(&self.0.known).get(user).copied()
    }

    /// Notes the way to a user.
    pub(super) fn note(&self, user: &str, way: Way) {
        lock(&self.0.known).insert(user.to_owned(), way);
    }

    /// Forgets the way to a user.
    pub(super) fn forget(&self, user: &str) {
        lock(&self.0.known).remove(user);
    }

    /// Waits until nobody else looks for a way.
    pub(in crate::ssh) async fn alone(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.looking.lock().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_way_is_tried_where_it_may_lead_further() {
        let after = |way: Way, status, words| way.after(way.obstacle(Some(status), words));
        assert_eq!(
            after(Way::Sudo, 1, "sudo: sorry, you must have a tty to run sudo"),
            Some(Way::SudoAtTerminal)
        );
        assert_eq!(
            after(Way::Sudo, 127, "sh: sudo: not found"),
            Some(Way::Doas)
        );
        assert_eq!(
            after(Way::Sudo, 1, "sudo: Command not found."),
            Some(Way::Doas)
        );
        assert_eq!(
            after(Way::Sudo, 1, "deploy is not in the sudoers file"),
            None
        );
        assert_eq!(
            after(Way::Doas, 1, "doas: Authentication required"),
            Some(Way::DoasAtTerminal)
        );
        assert_eq!(after(Way::Doas, 1, "doas: Operation not permitted"), None);
        assert_eq!(after(Way::Doas, 127, ""), Some(Way::Su));
        assert_eq!(after(Way::Su, 127, ""), None);
    }
}
