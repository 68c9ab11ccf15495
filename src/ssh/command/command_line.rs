//! The form in which a command is sent: as a command line, or, if it is too long for one, as input of the
//! shell that the command line starts.

use super::supplied::{READ as READ_PROGRAM, ReadingShell};
use crate::error::Error;
use crate::shell::quote;
use crate::ssh::pool::ShellKind;
use crate::ssh::script::{LONGEST_LINE, SHELL, SHELL_BELOW, on_stdin};

/// A longer one is too long for a command line of any system: Linux takes 128 KiB as one argument.
const TOO_LONG: usize = 120 * 1024;

/// Has the login shell read the command, and then run it with an input that is at its end.
const READ: &str = "eval \" $(cat)\" </dev/null";

/// Has programs print and not page, unless the user has chosen a pager: nobody turns its pages. Some have
/// a setting of their own that goes before the others' variable.
const PAGERS: &[&str] = &[
    "PAGER",
    "GIT_PAGER",
    "MANPAGER",
    "SYSTEMD_PAGER",
    "PSQL_PAGER",
    "AWS_PAGER",
    "GH_PAGER",
    "BAT_PAGER",
];

/// A command as it is sent.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ssh) struct Sent {
    /// The command line.
    pub(in crate::ssh) line: String,
    /// The input that it reads first.
    pub(in crate::ssh) input: Option<String>,
}

impl Sent {
    /// A command of the login shell's.
    pub(in crate::ssh) fn line(prefix: String, command: &str, is_posix: bool) -> Self {
        let (line, input) = match command.len() {
            0..=LONGEST_LINE => (prefix + command, None),
            _ if is_posix => (prefix + READ, Some(command.to_owned())),
            // Of a shell that is not known: it is started once more, which every kind takes alike.
            length if length > TOO_LONG => ("exec $SHELL".to_owned(), Some(format!("{command}\n"))),
            _ => (prefix + command, None),
        };
        Self { line, input }
    }

    /// A command at a terminal, which is its input.
    pub(in crate::ssh) fn at_terminal(
        prefix: &str,
        command: &str,
        is_posix: bool,
    ) -> Result<Self, Error> {
        if command.len() > TOO_LONG {
            return Err(Error::invalid(
                "cmd",
                format!(
                    "has {} bytes, and at a terminal at most {TOO_LONG} can be sent: upload it as a script, and run that",
                    command.len()
                ),
            ));
        }
        let pagers = if is_posix {
            without_pagers()
        } else {
            String::new()
        };
        Ok(Self {
            line: format!("{prefix}{pagers}{command}"),
            input: None,
        })
    }

    /// The line that reads a program from its input, of which nothing stands on it.
    pub(super) fn reader(prefix: &str, shell: ReadingShell, is_restricted: bool) -> Self {
        let line = match shell {
            ReadingShell::Login => format!("{prefix}{READ_PROGRAM}"),
            ReadingShell::Sh => {
                let exec = if is_restricted { "" } else { "exec " };
                let reader = quote(&format!("{prefix}{READ_PROGRAM}"));
                format!("{exec}sh -c {reader} \"$SHELL\"")
            }
        };
        Self { line, input: None }
    }

    /// A command line of this program's own, for `sh`. A login shell of another kind might misread it, so
    /// it comes on standard input there.
    pub(in crate::ssh) fn script(prefix: String, script: &str, shell: ShellKind) -> Self {
        if shell.is_posix && script.len() <= LONGEST_LINE {
            return Self {
                line: prefix + script,
                input: None,
            };
        }
        let shell = if shell.is_restricted {
            SHELL_BELOW
        } else {
            SHELL
        };
        Self {
            line: shell.to_owned(),
            input: Some(prefix + &on_stdin(script)),
        }
    }
}

/// Sets what is not set.
fn without_pagers() -> String {
    let set: Vec<_> = PAGERS
        .iter()
        .map(|name| format!("\"${{{name}=cat}}\""))
        .collect();
    format!(": {}; export {}; ", set.join(" "), PAGERS.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_is_read_and_a_short_one_is_as_it_is() {
        let short = Sent::line("P; ".to_owned(), "true", true);
        assert_eq!((short.line.as_str(), short.input), ("P; true", None));
        let command = "x".repeat(LONGEST_LINE + 1);
        let long = Sent::line("P; ".to_owned(), &command, true);
        assert_eq!(long.line, format!("P; {READ}"));
        assert_eq!(long.input.as_deref(), Some(command.as_str()));
        let other = Sent::line(String::new(), &command, false);
        assert_eq!((other.line, other.input), (command, None));
    }

    #[test]
    fn only_a_posix_shell_gets_a_script_as_a_command_line() {
        let posix = ShellKind {
            is_posix: true,
            ..ShellKind::default()
        };
        let sent = Sent::script("P; ".to_owned(), "sh -c 'true'", posix);
        assert_eq!((sent.line.as_str(), sent.input), ("P; sh -c 'true'", None));
        let long = "x".repeat(LONGEST_LINE + 1);
        for (script, shell) in [("sh -c 'true'", ShellKind::default()), (&long, posix)] {
            let sent = Sent::script("P; ".to_owned(), script, shell);
            assert_eq!(sent.line, SHELL);
            assert!(sent.input.is_some_and(|input| input.contains(script)));
        }
    }

    #[test]
    fn a_terminal_has_no_pagers_and_takes_no_endless_line() {
        let sent = Sent::at_terminal("P; ", "git log", true).unwrap();
        assert!(
            sent.line
                .starts_with("P; : \"${PAGER=cat}\" \"${GIT_PAGER=cat}\"")
        );
        assert!(sent.line.ends_with("; git log"), "{}", sent.line);
        let sent = Sent::at_terminal("", "git log", false).unwrap();
        assert_eq!(sent.line, "git log");
        assert!(Sent::at_terminal("", &"x".repeat(TOO_LONG + 1), true).is_err());
    }
}
