//! The text that was typed to a shell, as the command policy judges it.

use crate::error::Error;
use crate::guard::Guard;
use crate::shell::quote;

/// A program that runs what is typed to it.
const SHELL: &str = "sh";

/// The most bytes of earlier lines that are judged together with the next one.
const LONGEST_PAST: usize = 16 * 1024;

/// The reader of what is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Reader {
    /// The shell itself, at its prompt.
    #[default]
    Shell,
    /// The shell, which has read a part of a command.
    ShellWithPart,
    /// A program that waits for input.
    Program,
    /// Nobody yet: something runs, after which the shell may read on.
    Unknown,
}

/// The text that was typed since the shell was at its prompt.
#[derive(Debug, Default)]
pub(super) struct TypedText {
    /// The directory in which the shell was.
    directory: Option<String>,
    /// The command as far as the shell has got it, or the one that is the whole program.
    command: String,
    /// The text that the command has got, or may have got.
    input: String,
}

impl TypedText {
    /// Of a program that is no shell.
    pub(super) fn of_program(command: &str) -> Self {
        Self {
            command: command.to_owned(),
            ..Self::default()
        }
    }

    /// The command as far as the shell has got it.
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// Refuses a text that the policy refuses: for the shell together with the part of a command before it, for
    /// a program inside as its input.
    pub(super) fn judge(&self, text: &str, reader: &Reader, guard: &Guard) -> Result<(), Error> {
        if text.is_empty() {
            return Ok(());
        }
        let as_command = |typed: &str| {
            // It does not complete names: a tab is a blank.
            let typed = typed.replace('\t', " ");
            let directory = self.directory.as_ref();
            let place = directory.map(|directory| format!("cd {}\n", quote(directory)));
            guard.may_type(SHELL, &(place.unwrap_or_default() + &typed))
        };
        match reader {
            Reader::Shell => as_command(text),
            Reader::ShellWithPart => as_command(&format!("{}{text}", self.command)),
            Reader::Program => guard.may_type(&self.command, &format!("{}{text}", self.input)),
            Reader::Unknown => {
                guard.may_type(&self.command, &format!("{}{text}", self.input))?;
                as_command(text)
            }
        }
    }

    /// Notes a text that was typed.
    pub(super) fn note(&mut self, text: &str, reader: &Reader) {
        let typed = match reader {
            Reader::Shell => {
                self.command.clear();
                self.input.clear();
                &mut self.command
            }
            Reader::ShellWithPart => &mut self.command,
            Reader::Program | Reader::Unknown => &mut self.input,
        };
        typed.push_str(text);
        let surplus = typed.len().saturating_sub(LONGEST_PAST);
        if surplus > 0 {
            let line = typed.bytes().skip(surplus).position(|byte| byte == b'\n');
            typed.drain(..line.map_or(0, |line| surplus + line + 1));
        }
    }

    /// Notes that the shell is at its prompt again, in this directory.
    pub(super) fn note_prompt(&mut self, directory: &str) {
        *self = Self {
            directory: Some(directory.to_owned()).filter(|directory| !directory.is_empty()),
            ..Self::default()
        };
    }
}
