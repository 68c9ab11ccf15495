//! The requests for a shell and for what is sent to it.

use std::fmt::Write as _;

use indexmap::IndexMap;

use super::dialect::Dialect;
use crate::error::Error;
use crate::guard::{DeviceLack, Guard};
use crate::random;
use crate::shell::{quote, quote_path};
use crate::terminal::TerminalKey;

/// The most characters of a name.
const LONGEST_NAME: usize = 40;

/// A request for a shell.
#[derive(Clone, Debug)]
pub struct ShellRequest {
    /// The server.
    pub alias: String,
    /// Its name.
    pub name: String,
    /// The directory that it starts in.
    pub directory: Option<String>,
    /// Further environment variables.
    pub environment: IndexMap<String, String>,
    /// The command line of the program; `None` is the login shell.
    pub program: Option<String>,
    /// The other user as whom it runs, through sudo.
    pub sudo: Option<String>,
}

/// The input for a shell.
#[derive(Clone, Debug, Default)]
pub struct ShellInput {
    /// The text that is typed.
    pub text: Option<String>,
    /// The key that is pressed after it.
    pub key: Option<TerminalKey>,
}

impl ShellRequest {
    /// A request; without a name it gets a random one.
    pub fn new(alias: String, name: Option<String>) -> Result<Self, Error> {
        let is_plain = |name: &str| {
            let is_sign = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
            name.len() <= LONGEST_NAME && name.chars().all(is_sign)
        };
        if name.as_deref().is_some_and(|name| !is_plain(name)) {
            let problem = format!(
                "has to consist of at most {LONGEST_NAME} letters, digits and the signs - _ ."
            );
            return Err(Error::invalid("name", problem));
        }
        Ok(Self {
            alias,
            name: name.unwrap_or_else(random::hex::<4>),
            directory: None,
            environment: IndexMap::new(),
            program: None,
            sudo: None,
        })
    }

    /// Returns whether it takes a POSIX shell to start it.
    pub(super) fn needs_script(&self) -> bool {
        self.directory.is_some()
            || !self.environment.is_empty()
            || self.program.is_some()
            || self.sudo.is_some()
    }

    /// Refuses a program that the policy refuses as a command, variables that have no name, and what a device does not
    /// have.
    pub(super) fn check(&self, guard: &Guard) -> Result<(), Error> {
        if self.needs_script() {
            guard.may_take(&self.alias, DeviceLack::PROGRAMS)?;
        }
        let is_name = |name: &str| {
            let mut letters = name.chars();
            letters
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
                && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        };
        if let Some(name) = self.environment.keys().find(|name| !is_name(name)) {
            return Err(Error::invalid(
                "env",
                format!("has `{name}`, which is no name of a variable"),
            ));
        }
        let program = self.program.as_ref().map(|_| self.command());
        if let Some(user) = &self.sudo {
            guard.may_take(&self.alias, DeviceLack::SUDO)?;
            guard.may_run_as(user, &[program.clone().unwrap_or_else(|| "sh".to_owned())])?;
        }
        program.map_or(Ok(()), |program| guard.may_run(&program))
    }

    /// The command that runs, with its directory and its variables.
    pub(super) fn command(&self) -> String {
        let mut command = String::new();
        if let Some(directory) = &self.directory {
            let _ = writeln!(command, "cd -- {} || exit", quote_path(directory));
        }
        for (name, value) in &self.environment {
            let _ = writeln!(command, "export {name}={}", quote(value));
        }
        command.push_str(self.program.as_deref().unwrap_or_default());
        command
    }

    /// The program in a word, for people.
    pub(super) fn label(&self) -> &str {
        self.program.as_deref().unwrap_or("login shell")
    }

    /// The kind of the program, as far as its name tells.
    pub(super) fn dialect(&self) -> Dialect {
        let program = self.program.as_deref().unwrap_or_default();
        let mut words = program.split_whitespace();
        let name = words.next().unwrap_or_default().rsplit('/').next();
        match (name, words.next()) {
            (Some("busybox"), Some(applet)) => Dialect::of(applet),
            // With operands it runs a script, and does not read what is typed.
            (Some(name), None) => Dialect::of(name),
            (Some(name), Some(option)) if option.starts_with('-') && !option.contains('c') => {
                Dialect::of(name)
            }
            _ => Dialect::Other,
        }
    }
}

impl ShellInput {
    /// Returns whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_none() && self.key.is_none()
    }

    /// The text, in which every line has ended that a program gets whole.
    pub(super) fn lines(&self) -> String {
        let mut lines = self.text.clone().unwrap_or_default().replace("\r\n", "\n");
        if self.key.as_ref().is_some_and(TerminalKey::ends_line) {
            lines.push('\n');
        }
        lines
    }

    /// The text as the terminal sends it. Its Enter key sends a carriage return.
    pub(super) fn bytes(&self, is_application: bool) -> String {
        let mut text = self.text.clone().unwrap_or_default();
        text = text.replace("\r\n", "\n").replace('\n', "\r");
        if let Some(key) = &self.key {
            text.push_str(key.bytes(is_application));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_known_by_their_names() {
        for (program, dialect) in [
            ("bash", Dialect::Posix),
            ("/bin/dash", Dialect::Posix),
            ("bash -l", Dialect::Posix),
            ("busybox ash", Dialect::Posix),
            ("zsh -f", Dialect::Zsh),
            ("fish", Dialect::Fish),
            ("bash script", Dialect::Other),
            ("bash -c ls", Dialect::Other),
            ("python3", Dialect::Other),
            ("sudo -i", Dialect::Other),
        ] {
            let mut request = ShellRequest::new("web1".to_owned(), None).unwrap();
            request.program = Some(program.to_owned());
            assert_eq!(request.dialect(), dialect, "{program}");
        }
    }
}
