//! The answer to a call about a shell.

use serde::Serialize;

use super::rest::ShellRest;
use crate::secret::hide_of;
use crate::ssh::TerminalEnd;
use crate::terminal::ShownText;
use crate::text::in_bytes;

/// The state of a shell at the end of a call, and what is new on its terminal.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShellAnswer {
    /// The shell's name.
    pub shell: String,
    /// `done`, `waiting`, `running` or `ended`.
    pub state: &'static str,
    /// The exit status of the last command, or of the program where that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// The shell's working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The prompt at which it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The new text on its terminal.
    pub output: String,
    /// The screen of a program that has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
    /// The outcome of the call, in a line.
    #[serde(skip)]
    pub headline: String,
}

impl ShellAnswer {
    /// The answer about a shell that has come to rest.
    pub(super) fn new(
        (shell, alias): (&str, &str),
        rest: &ShellRest,
        output: &str,
        screen: Option<&str>,
        headline: &str,
    ) -> Self {
        let hide = |text: &str| hide_of(Some(alias), text).into_owned();
        let (mut exit_code, mut directory, mut prompt) = (None, None, None);
        match rest {
            ShellRest::Prompt {
                status,
                directory: place,
            } => {
                exit_code = Some(*status);
                directory = Some(place.clone()).filter(|place| !place.is_empty());
            }
            ShellRest::Ended(TerminalEnd::Exited(status)) => exit_code = Some((*status).into()),
            ShellRest::Waiting(line) => prompt = Some(hide(line.trim_end())),
            ShellRest::More => prompt = Some("> ".trim_end().to_owned()),
            _ => {}
        }
        Self {
            shell: shell.to_owned(),
            state: state_of(rest),
            exit_code,
            directory,
            prompt,
            output: hide(output),
            screen: screen.map(hide),
            headline: hide(headline),
        }
    }

    /// The answer as text.
    pub fn text(&self) -> String {
        let mut text = self.headline.clone();
        for part in [Some(&self.output), self.screen.as_ref()]
            .into_iter()
            .flatten()
        {
            if !part.is_empty() {
                text.push('\n');
                text.push_str(part);
            }
        }
        text
    }
}

/// The state of a shell in a word.
pub(super) fn state_of(rest: &ShellRest) -> &'static str {
    match rest {
        ShellRest::Prompt { .. } => "done",
        ShellRest::More | ShellRest::Waiting(_) | ShellRest::Screen => "waiting",
        ShellRest::Running => "running",
        ShellRest::Ended(_) => "ended",
    }
}

/// The end of a shell in words.
pub(super) fn end_text(end: &TerminalEnd) -> String {
    match end {
        TerminalEnd::Exited(status) => format!("its program exited with status {status}"),
        TerminalEnd::Signalled(signal) => format!("its program was killed by signal {signal}"),
        TerminalEnd::Unknown => "the server closed it without an exit status".to_owned(),
        TerminalEnd::ConnectionLost(reason) => format!("its connection was lost: {reason}"),
    }
}

/// A shown text as one text, with a line for what was left out.
pub(super) fn joined(shown: &ShownText) -> String {
    let tidy = |text: &str| {
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    };
    match &shown.rest {
        None => tidy(&shown.text).trim_end().to_owned(),
        Some((left_out, end)) => {
            let lines = match left_out.lines {
                0 => String::new(),
                lines => format!("{lines} lines, "),
            };
            format!(
                "{}\n[… {lines}{} left out and not kept: have the command write to a file, or print less …]\n{}",
                tidy(&shown.text).trim_end(),
                in_bytes(left_out.bytes),
                tidy(end).trim_end()
            )
        }
    }
}
