//! The answers to questions of a device.

use std::sync::Arc;

use crate::secret::Secret;
use crate::ssh::prompt::PromptResponder;
use crate::ssh::prompt::link::{TerminalLink, TypedInput, TypedInputs};
use crate::ssh::prompt::secrecy::asks_for_secret;

/// Commands that ask for the password of a higher level: Cisco, Huawei.
const RAISING: &[&str] = &["enable", "en", "super"];

/// Answers the questions of a device, or tells callers of them.
pub(in crate::ssh::command) struct DeviceTalk {
    responder: PromptResponder,
    link: Option<Arc<TerminalLink>>,
    typed: TypedInputs,
}

impl DeviceTalk {
    /// Answers from a responder, and from callers over a link.
    pub(in crate::ssh::command) fn new(
        responder: Option<PromptResponder>,
        link: Option<&Arc<TerminalLink>>,
    ) -> Self {
        Self {
            responder: responder.unwrap_or_else(|| PromptResponder::new(Vec::new(), false)),
            typed: link.map(|link| link.take_input()).unwrap_or_default(),
            link: link.cloned(),
        }
    }

    /// The answer to the question in this line, if one is given.
    pub(super) fn answer(&mut self, line: &str) -> Option<String> {
        self.responder.take(format!("\n{line}").as_bytes());
        self.responder.answer()
    }

    /// Tells callers that the device waits in this line.
    pub(super) fn tell(&self, line: &str) {
        if let Some(link) = &self.link {
            link.note_waiting(line.trim().to_owned());
        }
    }

    /// Notes that the device goes on.
    pub(super) fn note_output(&self) {
        if let Some(link) = &self.link {
            link.note_output();
        }
    }

    /// Waits for the next input that a caller types; for ever if none can.
    pub(super) async fn typed(&mut self) -> TypedInput {
        let input = self.typed.next().await;
        let secret = input.secret.as_deref();
        self.responder.note_typed(&input.text, secret);
        input
    }
}

/// The stored password for a higher level, which is typed once behind a command that asks for it.
pub(super) struct HigherLevel(Option<Secret>);

impl HigherLevel {
    /// The password for the question of this command, if it raises the level.
    pub(super) fn of(command: &str, password: Option<&Secret>) -> Self {
        let first = command.split_whitespace().next().unwrap_or_default();
        Self(password.filter(|_| RAISING.contains(&first)).cloned())
    }

    /// The password, if this line asks for it.
    pub(super) fn answer(&mut self, line: &str) -> Option<Secret> {
        asks_for_secret(line).then(|| self.0.take()).flatten()
    }
}
