//! A terminal of a device, from the login to the last command.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::transcript::DeviceTranscript;
use super::watch::{DeviceRest, DeviceWatch};
use crate::device::DevicePrompt;
use crate::error::Error;
use crate::secret::Secret;
use crate::ssh::command::session::until;
use crate::ssh::command::terminal_session::{TerminalRequest, TerminalSession};
use crate::ssh::pool::Pool;
use crate::terminal::{DisplayShape, ShownText};

/// The time after which it is tried again to type, where the device has not taken what was typed before.
const TYPES_AGAIN: Duration = Duration::from_millis(20);

/// The key that quits a pager.
const QUIT: &str = "q";

/// The time in which a device takes the command by which it prints without pauses.
const PAGING_WITHIN: Duration = Duration::from_secs(10);

/// A terminal of a device that shows its prompt. Its connection carries nothing else: many devices take one terminal
/// on each.
pub(in crate::ssh::command) struct DeviceSession {
    terminal: TerminalSession,
    changes: watch::Receiver<u64>,
    prompt: Option<DevicePrompt>,
    /// The password for a higher level.
    higher: Option<Secret>,
}

impl DeviceSession {
    /// Opens a terminal, which may show anything so far.
    pub(super) async fn start(pool: &Pool, alias: &str) -> Result<Self, Error> {
        let request = TerminalRequest {
            script: None,
            echoes: true,
            token: "",
            shape: DisplayShape::TRANSCRIPT,
        };
        let terminal = TerminalSession::start(pool, pool, alias, request).await?;
        terminal.retire_connection();
        Ok(Self {
            changes: terminal.changes(),
            terminal,
            prompt: None,
            higher: None,
        })
    }

    /// Notes the first prompt, and the password for a higher level.
    pub(super) async fn begin(&mut self, prompt: DevicePrompt, higher: Option<Secret>) {
        self.prompt = Some(prompt);
        self.higher = higher;
        self.take_rest();
        self.turn_paging_off().await;
    }

    /// Has the device print without pauses, where it is known how. One that takes no such command pauses, as before.
    async fn turn_paging_off(&mut self) {
        let commands = self
            .prompt
            .as_ref()
            .map_or(&[][..], DevicePrompt::paging_off);
        for command in commands {
            let watch = self.type_in(&format!("{command}\r")).await;
            // A device that does not come back shows that at the next command.
            let _ = timeout(PAGING_WITHIN, self.back_at_prompt(watch, None)).await;
            self.take_rest();
        }
    }

    /// Waits until the device shows its prompt again, which is returned; `None` if its terminal has ended. Pagers are
    /// quit, and questions stay open.
    pub(super) async fn back_at_prompt(
        &mut self,
        mut watch: DeviceWatch,
        mut transcript: Option<&mut DeviceTranscript<'_>>,
    ) -> Option<String> {
        loop {
            match self.rest(&mut watch, transcript.as_deref_mut()).await {
                Some(DeviceRest::Prompt(line)) => return Some(line),
                Some(DeviceRest::Ended(_)) => return None,
                Some(DeviceRest::Page { .. }) => watch = self.type_in(QUIT).await,
                Some(DeviceRest::Question(_)) => self.note_told(&mut watch),
                Some(DeviceRest::GoesOn) | None => {}
            }
        }
    }

    /// The prompt as it stands.
    pub(in crate::ssh::command) fn prompt(&self) -> &str {
        self.prompt.as_ref().map_or("", DevicePrompt::line)
    }

    /// The password for a higher level.
    pub(super) fn higher_password(&self) -> Option<&Secret> {
        self.higher.as_ref()
    }

    /// Notes that the device shows this prompt.
    pub(super) fn follow(&mut self, line: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.follow(line);
        }
    }

    /// Types a text, and begins to wait for what comes of it.
    pub(super) async fn type_in(&mut self, text: &str) -> DeviceWatch {
        let watch = self.terminal.look(DeviceWatch::begin);
        while !self.terminal.begin_typing(text) {
            sleep(TYPES_AGAIN).await;
        }
        watch
    }

    /// A wait for a device that was given nothing.
    pub(super) fn watch(&self) -> DeviceWatch {
        self.terminal.look(DeviceWatch::of_start)
    }

    /// Notes that it was told that the device waits.
    pub(super) fn note_told(&self, watch: &mut DeviceWatch) {
        self.terminal.look(|state| watch.note_told(state));
    }

    /// Waits until something has changed, and returns where the device is, if it has come to rest. The transcript
    /// gets the lines that are over.
    pub(super) async fn rest(
        &mut self,
        watch: &mut DeviceWatch,
        mut transcript: Option<&mut DeviceTranscript<'_>>,
    ) -> Option<DeviceRest> {
        self.changes.borrow_and_update();
        let (prompt, is_taken) = (self.prompt.as_ref(), transcript.is_some());
        let (look, shown) = self.terminal.look(|state| {
            let shown = is_taken.then(|| state.display.take_lines());
            (watch.look(state, prompt), shown)
        });
        if let (Some(transcript), Some(shown)) = (&mut transcript, shown) {
            transcript.take(&shown);
        }
        let again = match look {
            Ok(rest) => return Some(rest),
            Err(again) => again.map(|again| Instant::now() + again),
        };
        let due = transcript.and_then(|transcript| transcript.due());
        tokio::select! {
            _ = self.changes.changed() => {}
            () = until(again) => {}
            () = until(due) => {}
        }
        None
    }

    /// Takes all that the terminal shows and that was not taken.
    pub(super) fn take_rest(&self) -> ShownText {
        self.terminal.look(|state| state.display.take_new())
    }

    /// The terminal as a person sees it.
    pub(super) fn screen(&self) -> String {
        self.terminal.look(|state| state.display.screen())
    }

    /// The error that its connection was lost.
    pub(super) async fn connection_lost(&self) -> Error {
        self.terminal.connection_lost().await
    }

    /// Closes the terminal.
    pub(in crate::ssh::command) async fn close(self) {
        self.terminal.close().await;
    }
}
