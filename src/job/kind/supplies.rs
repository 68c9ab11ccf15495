//! The supplies of a command besides its command line: directory, variables, input, or a script in its place.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::hide_work;
use crate::error::Error;
use crate::guard::Guard;
use crate::job::id::JobId;
use crate::secret::{MASK, hide_in_arguments, reads_password, remember_of};
use crate::shell::wrapper::is_shell;
use crate::shell::{only_reads, quote};
use crate::ssh::command::CommandText;
use crate::ssh::command::supplied::{ProgramInput, Supplied, SuppliedProgram};
use crate::ssh::prompt::secrecy::is_secret_variable;
use crate::store::{SecretName, StoredSecrets};
use crate::text::whole_characters;

/// The most bytes of an input or a script that a record keeps.
const MOST_KEPT: usize = 64 * 1024;

/// The bytes of an input that are judged at a time: a longer text is beyond what the policy reads.
const JUDGED_AT_ONCE: usize = 256 * 1024;

/// The supplies of a command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Supplies {
    /// The directory that it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment variables.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, VariableValue>,
    /// Its input, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Its input, as bytes in base64 (RFC 4648, section 4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin_base64: Option<String>,
    /// The text of a script, in place of a command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// The arguments of the script.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Set in a record that does not hold all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<bool>,
}

/// The value of an environment variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum VariableValue {
    /// A text.
    Text(String),
    /// A stored secret.
    Stored {
        /// Its name, such as `server:web1/password`.
        secret: String,
    },
}

impl Supplies {
    /// Returns whether a command gets nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses what cannot be meant. `command` is the parameter with the command line, and its text.
    pub fn check(&self, (parameter, command): (&str, &str)) -> Result<(), Error> {
        match (&self.script, command.trim().is_empty()) {
            (None, true) => return Err(Error::invalid(parameter, "is empty")),
            (Some(_), false) => {
                let problem = "does not go with a command line: it is run in its place";
                return Err(Error::invalid("script", problem));
            }
            (Some(script), true) if script.trim().is_empty() => {
                return Err(Error::invalid("script", "is empty"));
            }
            (None, false) if !self.args.is_empty() => {
                return Err(Error::invalid("args", "is for `script`"));
            }
            _ => {}
        }
        if self.stdin.is_some() && self.stdin_base64.is_some() {
            return Err(Error::invalid("stdinBase64", "does not go with `stdin`"));
        }
        self.input()?;
        let mut names = self.env.keys();
        names.try_for_each(|name| check_variable(name))
    }

    /// Refuses secrets that are not stored.
    pub fn check_secrets(&self, secrets: &StoredSecrets) -> Result<(), Error> {
        let mut stored = self.env.values().filter_map(|value| match value {
            VariableValue::Stored { secret } => Some(secret),
            VariableValue::Text(_) => None,
        });
        stored.try_for_each(|name| secrets.check(&secret_name(name)?))
    }

    /// The text that is run: the command line alone, or with what it gets.
    pub(super) async fn text<'s>(
        &'s self,
        cmd: &'s str,
        secrets: &StoredSecrets,
        alias: &str,
    ) -> Result<CommandText<'s>, Error> {
        if self.is_empty() {
            return Ok(CommandText::Line(cmd));
        }
        let supplied = self.supplied(cmd, secrets, alias).await?;
        Ok(CommandText::Supplied(supplied))
    }

    /// The program with what it gets, secrets revealed.
    pub(super) async fn supplied<'s>(
        &'s self,
        cmd: &'s str,
        secrets: &StoredSecrets,
        alias: &str,
    ) -> Result<Supplied<'s>, Error> {
        let mut variables = Vec::new();
        for (name, value) in &self.env {
            let value = match value {
                VariableValue::Text(text) => {
                    if is_secret_variable(name) {
                        remember_of(Some(alias), text);
                    }
                    text.clone()
                }
                VariableValue::Stored { secret } => {
                    let secret = secrets.reveal(&secret_name(secret)?, alias).await?;
                    secret.expose().to_owned()
                }
            };
            variables.push((name.as_str(), value));
        }
        Ok(Supplied {
            directory: self.cwd.as_deref(),
            variables,
            program: match &self.script {
                None => SuppliedProgram::Line(cmd),
                Some(text) => SuppliedProgram::Script {
                    text,
                    interpreter: interpreter(text),
                    arguments: &self.args,
                },
            },
            input: self.input()?,
        })
    }

    fn input(&self) -> Result<Option<ProgramInput<'_>>, Error> {
        let text = self.stdin.as_deref().map(ProgramInput::Text);
        let Some(coded) = &self.stdin_base64 else {
            return Ok(text);
        };
        let coded: String = coded.split_whitespace().collect();
        let bytes = BASE64_STANDARD
            .decode(coded)
            .map_err(|error| Error::invalid("stdinBase64", format!("is no base64: {error}")))?;
        Ok(Some(ProgramInput::Bytes(bytes)))
    }

    /// Refuses a command that the policy does not allow. Its directory and variables count, and the input of a
    /// shell is judged as its commands.
    pub(super) fn authorize(&self, guard: &Guard, cmd: &str) -> Result<(), Error> {
        let text = self.judged(cmd);
        guard.may_run(&text)?;
        let lossy;
        let mut input = match self.input()? {
            None => return Ok(()),
            Some(ProgramInput::Text(text)) => text,
            Some(ProgramInput::Bytes(bytes)) => {
                lossy = String::from_utf8_lossy(&bytes).replace('\0', "");
                &lossy
            }
        };
        while !input.is_empty() {
            let (part, rest) = input.split_at(part_to_judge(input));
            guard.may_run_reading(&text, part)?;
            input = rest;
        }
        Ok(())
    }

    /// The commands that stand for the program where it is judged.
    pub(super) fn judged(&self, cmd: &str) -> String {
        let mut lines = Vec::new();
        if let Some(directory) = &self.cwd {
            // A home directory is expanded.
            let (home, rest) = directory.split_at(usize::from(directory.starts_with('~')));
            lines.push(format!("cd {home}{}", quote(rest)));
        }
        for (name, value) in &self.env {
            if let VariableValue::Text(value) = value {
                lines.push(format!("export {name}={}", quote(value)));
            }
        }
        let arguments: Vec<_> = self.args.iter().map(|argument| quote(argument)).collect();
        let arguments = arguments.join(" ");
        match &self.script {
            None => lines.push(cmd.to_owned()),
            Some(script) if self.is_shell_script() => {
                if !arguments.is_empty() {
                    lines.push(format!("set -- {arguments}"));
                }
                lines.push(script.clone());
            }
            Some(script) => {
                let words: Vec<_> = interpreter(script).into_iter().map(quote).collect();
                let end = crate::random::hex::<8>();
                let program = words.join(" ");
                lines.push(format!(
                    "{program} - {arguments} <<'{end}'\n{script}\n{end}"
                ));
            }
        }
        lines.join("\n")
    }

    /// All that a person has to know of the command with its supplies, in lines: also the input, and the names of the
    /// stored secrets.
    pub(super) fn details(&self, cmd: &str) -> String {
        let mut lines = Vec::new();
        let parts = [("directory", &self.cwd), ("input", &self.stdin)];
        let parts = parts
            .into_iter()
            .filter_map(|(label, part)| Some((label, part.as_ref()?)));
        lines.extend(parts.map(|(label, part)| format!("{label}: {part}")));
        if let Some(coded) = &self.stdin_base64 {
            lines.push(format!("input: {} bytes in base64", coded.len()));
        }
        lines.extend(self.env.iter().map(|(name, value)| match value {
            VariableValue::Text(text) if is_secret_variable(name) => {
                format!("{name}={}", mask(text))
            }
            VariableValue::Text(text) => format!("{name}={text}"),
            VariableValue::Stored { secret } => format!("{name} = stored secret {secret}"),
        }));
        lines.extend(
            self.args
                .iter()
                .map(|argument| format!("argument: {argument}")),
        );
        lines.push(self.script.as_deref().unwrap_or(cmd).to_owned());
        lines.join("\n")
    }

    /// Returns whether the program only reads, as far as its words tell.
    pub(super) fn only_reads(&self, cmd: &str) -> bool {
        let text = match &self.script {
            None => cmd,
            Some(script) if self.is_shell_script() => script,
            Some(_) => return false,
        };
        self.env.is_empty() && only_reads(text)
    }

    fn is_shell_script(&self) -> bool {
        let words = self.script.as_deref().map(interpreter).unwrap_or_default();
        let mut words = words.into_iter().flat_map(str::split_whitespace);
        words.any(|word| is_shell(word.rsplit('/').next().unwrap_or(word)))
    }

    /// Describes the program in a line.
    pub(super) fn summary<'s>(&'s self, cmd: &'s str) -> Cow<'s, str> {
        let Some(script) = &self.script else {
            return cmd.into();
        };
        let mut lines = script.lines().filter(|line| !line.starts_with("#!"));
        let first = lines
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let by = interpreter(script).join(" ");
        format!("script for {by}: {first} … ({} bytes)", script.len()).into()
    }

    /// The texts in which a secret may stand.
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let values = self.env.values_mut().filter_map(|value| match value {
            VariableValue::Text(text) => Some(text),
            VariableValue::Stored { .. } => None,
        });
        let single = [&mut self.cwd, &mut self.stdin, &mut self.script];
        let single = single.into_iter().flatten();
        single.chain(&mut self.args).chain(values)
    }

    /// Masks secrets, and leaves out what is too long for a record. Returns whether a retry would lack something.
    pub(super) fn hide_secrets(&mut self, alias: &str, cmd: &str) -> bool {
        for text in [&mut self.stdin, &mut self.stdin_base64, &mut self.script] {
            if text.as_ref().is_some_and(|text| text.len() > MOST_KEPT) {
                *text = None;
                self.left_out = Some(true);
            }
        }
        let mut is_masked = false;
        for (name, value) in &mut self.env {
            if let VariableValue::Text(text) = value
                && is_secret_variable(name)
            {
                MASK.clone_into(text);
                is_masked = true;
            }
        }
        let is_password = reads_password(self.script.as_deref().unwrap_or(cmd));
        if is_password && let Some(input) = &mut self.stdin {
            MASK.clone_into(input);
            is_masked = true;
        }
        if self.stdin_base64.is_some() && is_password || self.holds_secret_bytes(alias) {
            self.stdin_base64 = None;
            self.left_out = Some(true);
            is_masked = true;
        }
        is_masked |= hide_in_arguments(&mut self.args);
        let hide = |is_masked, text| hide_work(alias, text) || is_masked;
        self.texts().fold(is_masked, hide)
    }

    fn holds_secret_bytes(&self, alias: &str) -> bool {
        let Ok(Some(ProgramInput::Bytes(bytes))) = self.input() else {
            return false;
        };
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        hide_work(alias, &mut text)
    }

    /// Refuses to repeat what a record does not hold.
    pub(super) fn check_whole(&self, id: &JobId) -> Result<(), Error> {
        if self.left_out != Some(true) {
            return Ok(());
        }
        Err(Error::NotRetryable {
            id: id.to_string(),
            reason: "its record does not hold its input or script, which is long or a secret"
                .to_owned(),
        })
    }
}

/// A secret's stand-in; an empty text is none.
fn mask(text: &str) -> &str {
    if text.is_empty() { "" } else { MASK }
}

fn secret_name(text: &str) -> Result<SecretName, Error> {
    text.parse()
        .map_err(|problem: String| Error::invalid("env", problem))
}

fn check_variable(name: &str) -> Result<(), Error> {
    let mut letters = name.chars();
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    let is_further = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if letters.next().is_some_and(is_first) && letters.all(is_further) {
        return Ok(());
    }
    Err(Error::invalid(
        "env",
        format!("has `{name}`, which is no name of a variable"),
    ))
}

/// The words of the command that runs a script: the interpreter of its first line, and the rest of that line as one
/// word (execve(2)); `sh` if it names none.
fn interpreter(script: &str) -> Vec<&str> {
    let first = script.lines().next().unwrap_or_default();
    let named = first.strip_prefix("#!").map(str::trim).unwrap_or_default();
    match named.split_once([' ', '\t']) {
        Some((program, argument)) => vec![program, argument.trim_start()],
        None if named.is_empty() => vec!["sh"],
        None => vec![named],
    }
}

/// The length of the part of an input that is judged next, which ends with a line where it can.
fn part_to_judge(input: &str) -> usize {
    if input.len() <= JUDGED_AT_ONCE {
        return input.len();
    }
    let most = whole_characters(&input.as_bytes()[..JUDGED_AT_ONCE]);
    input[..most].rfind('\n').map_or(most, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_script(script: &str) -> Supplies {
        Supplies {
            script: Some(script.to_owned()),
            args: vec!["a b".to_owned()],
            ..Supplies::default()
        }
    }

    #[test]
    fn a_script_is_run_by_what_its_first_line_names() {
        for (script, words) in [
            ("echo hi", vec!["sh"]),
            ("#!/bin/bash\n", vec!["/bin/bash"]),
            (
                "#! /usr/bin/env  python3 -u\r\nx",
                vec!["/usr/bin/env", "python3 -u"],
            ),
        ] {
            assert_eq!(interpreter(script), words);
        }
        assert!(of_script("#!/usr/bin/env -S bash -e\nrm x").is_shell_script());
        assert!(!of_script("#!/usr/bin/python3\nprint()").is_shell_script());
    }

    #[test]
    fn a_shell_s_script_is_judged_as_commands_and_another_by_its_interpreter() {
        let judged = of_script("#!/bin/sh\nrm \"$1\"").judged("");
        assert_eq!(judged, "set -- 'a b'\n#!/bin/sh\nrm \"$1\"");
        let judged = of_script("#!/usr/bin/python3\nprint()").judged("");
        assert!(
            judged.starts_with("'/usr/bin/python3' - 'a b' <<'"),
            "{judged}"
        );
    }

    #[test]
    fn a_long_input_is_judged_in_parts_of_whole_lines() {
        let line = "x".repeat(999) + "\n";
        let input = line.repeat(1000);
        let length = part_to_judge(&input);
        assert!(
            length <= JUDGED_AT_ONCE && length.is_multiple_of(1000),
            "{length}"
        );
        assert_eq!(part_to_judge("short"), 5);
        assert_eq!(part_to_judge(&"é".repeat(JUDGED_AT_ONCE)), JUDGED_AT_ONCE);
    }

    #[test]
    fn a_record_holds_no_secret_variable_and_no_endless_input() {
        let mut supplies = Supplies {
            stdin: Some("x".repeat(MOST_KEPT + 1)),
            ..Supplies::default()
        };
        let value = VariableValue::Text("hunter2".to_owned());
        supplies.env.insert("DB_PASSWORD".to_owned(), value);
        assert!(supplies.hide_secrets("web1", ""));
        let recorded = serde_json::to_string(&supplies).unwrap();
        assert_eq!(recorded, r#"{"env":{"DB_PASSWORD":"***"},"leftOut":true}"#);
        assert!(supplies.check_whole(&JobId::random()).is_err());
    }
}
