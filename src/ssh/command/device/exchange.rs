//! One command on a device, to its end.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::session::DeviceSession;
use super::talk::{DeviceTalk, HigherLevel};
use super::transcript::DeviceTranscript;
use super::watch::{DeviceRest, DeviceWatch};
use crate::device::complaint;
use crate::error::Stopped;
use crate::ssh::command::exit_outcome::{ExitOutcome, StopReason};
use crate::ssh::command::session::until;
use crate::ssh::command::terminal_session::TerminalEnd;
use crate::ssh::output::Output;
use crate::ssh::output::bound::{Bound, Reached};
use crate::ssh::output::capture::Captured;

/// The keys that stop what a device does: Ctrl-^ on Cisco, Ctrl-C elsewhere.
const STOP_KEYS: &str = "\x1e\x03";

/// The time in which a device comes back to its prompt that is to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(3);

/// Commands that end the terminal.
const LEAVING: &[&str] = &["exit", "quit", "logout", "logoff"];

/// A command for a device, and what bounds it.
pub(in crate::ssh::command) struct DeviceCommand<'c> {
    /// Its text. Each line is typed at the prompt after the one before.
    pub(in crate::ssh::command) text: &'c str,
    /// The time that it may run; `None` is without limit.
    pub(in crate::ssh::command) limit: Option<Duration>,
    /// The most that is taken of its output.
    pub(in crate::ssh::command) bound: Bound,
}

/// The answer of a device to a command.
pub(in crate::ssh::command) struct DeviceAnswer {
    pub(in crate::ssh::command) ended: ExitOutcome,
    pub(in crate::ssh::command) output: Captured,
    /// True if its bound has left out some of its output.
    pub(in crate::ssh::command) is_cut: bool,
    /// The end of its bound that it came to.
    pub(in crate::ssh::command) reached: Option<Reached>,
    /// The line at which it waited when it was stopped.
    pub(in crate::ssh::command) waited_at: Option<String>,
    pub(in crate::ssh::command) duration: Duration,
}

/// A command under way.
struct Exchange<'e, 'o> {
    session: &'e mut DeviceSession,
    talk: &'e mut DeviceTalk,
    transcript: DeviceTranscript<'o>,
    cancel: &'e CancellationToken,
    ends: Option<Instant>,
    bound_ends: Option<Instant>,
    bound: Bound,
    reached: Option<Reached>,
    /// The line at which the device waits for a caller.
    waits_at: Option<String>,
}

impl DeviceSession {
    /// Runs a command, whose output `stdout` gets.
    pub(in crate::ssh::command) async fn run(
        &mut self,
        command: &DeviceCommand<'_>,
        talk: &mut DeviceTalk,
        cancel: &CancellationToken,
        stdout: &mut Output,
    ) -> DeviceAnswer {
        let began = Instant::now();
        let end_of = |time: Option<Duration>| Some(Instant::now() + time?);
        let mut exchange = Exchange {
            transcript: DeviceTranscript::new(stdout, command.bound),
            session: self,
            talk,
            cancel,
            ends: end_of(command.limit),
            bound_ends: end_of(command.bound.time),
            bound: command.bound,
            reached: None,
            waits_at: None,
        };
        let ended = exchange.run(command.text).await;
        let (reached, waited_at) = (exchange.reached, exchange.waits_at);
        let (output, is_cut) = exchange.transcript.into_captured();
        DeviceAnswer {
            ended,
            output,
            is_cut,
            reached,
            waited_at,
            duration: began.elapsed(),
        }
    }
}

impl Exchange<'_, '_> {
    async fn run(&mut self, text: &str) -> ExitOutcome {
        for line in text.lines().map(str::trim) {
            let end = self.line(line).await;
            let prompt = match end {
                Ok(prompt) => prompt,
                Err(Early::Stop(reason)) => return reason(self.stop().await),
                Err(Early::End(end)) => return self.closed(line, end).await,
            };
            if let Some(words) = complaint(self.transcript.answer()) {
                return ExitOutcome::Refused { words, prompt };
            }
        }
        ExitOutcome::Answered(Some(self.session.prompt().to_owned()))
    }

    /// Types a line, and waits until the device shows its prompt again, which is returned.
    async fn line(&mut self, line: &str) -> Result<String, Early> {
        let mut higher = HigherLevel::of(line, self.session.higher_password());
        self.transcript.note_command(self.session.prompt(), line);
        let mut watch = self.session.type_in(&format!("{line}\r")).await;
        loop {
            let rest = self.next_rest(&mut watch).await?;
            match rest {
                DeviceRest::Prompt(prompt) => {
                    self.take_rest(Some(&prompt));
                    self.session.follow(&prompt);
                    return Ok(self.session.prompt().to_owned());
                }
                DeviceRest::Page { line, key } => {
                    self.transcript.note_page(&line);
                    watch = self.session.type_in(key).await;
                }
                DeviceRest::Question(line) => {
                    if let Some(password) = higher.answer(&line) {
                        let typed = format!("{}\r", password.expose());
                        watch = self.session.type_in(&typed).await;
                    } else if let Some(answer) = self.talk.answer(&line) {
                        let typed = answer.replace('\n', "\r");
                        watch = self.session.type_in(&typed).await;
                    } else {
                        self.talk.tell(&line);
                        self.session.note_told(&mut watch);
                        self.waits_at = Some(line.trim().to_owned());
                    }
                }
                DeviceRest::GoesOn => {
                    self.talk.note_output();
                    self.waits_at = None;
                }
                DeviceRest::Ended(end) => {
                    self.take_rest(None);
                    return Err(Early::End(end));
                }
            }
        }
    }

    /// Waits until the device has come to rest, and types what a caller types meanwhile.
    async fn next_rest(&mut self, watch: &mut DeviceWatch) -> Result<DeviceRest, Early> {
        loop {
            if self.transcript.is_at_bound() {
                self.reached = self.bound.lines.map(Reached::Lines);
                return Err(Early::Stop(ExitOutcome::Bounded));
            }
            tokio::select! {
                rest = self.session.rest(watch, Some(&mut self.transcript)) => match rest {
                    Some(rest) => return Ok(rest),
                    None => self.transcript.write().await,
                },
                input = self.talk.typed() => {
                    self.waits_at = None;
                    input.place.note(Ok(self.transcript.length()));
                    *watch = self.session.type_in(&input.text).await;
                }
                () = self.cancel.cancelled() => return Err(Early::Stop(ExitOutcome::Cancelled)),
                () = until(self.ends) => return Err(Early::Stop(ExitOutcome::TimedOut)),
                () = until(self.bound_ends) => {
                    self.reached = self.bound.time.map(Reached::Time);
                    return Err(Early::Stop(ExitOutcome::Bounded));
                }
            }
        }
    }

    /// Has the device stop.
    async fn stop(&mut self) -> Stopped {
        let watch = self.session.type_in(STOP_KEYS).await;
        let transcript = Some(&mut self.transcript);
        let stopping = self.session.back_at_prompt(watch, transcript);
        match timeout(STOPS_WITHIN, stopping).await {
            Ok(Some(prompt)) => {
                self.take_rest(Some(&prompt));
                self.session.follow(&prompt);
                Stopped::Stopped
            }
            Ok(None) => Stopped::Stopped,
            Err(_) => Stopped::Unknown,
        }
    }

    fn take_rest(&mut self, prompt: Option<&str>) {
        let shown = self.session.take_rest();
        self.transcript.take_rest(&shown, prompt);
    }

    /// The end of a command that has ended the terminal.
    async fn closed(&self, line: &str, end: TerminalEnd) -> ExitOutcome {
        match end {
            TerminalEnd::ConnectionLost(_) if !LEAVING.contains(&line) => {
                ExitOutcome::ConnectionLost(self.session.connection_lost().await)
            }
            _ if LEAVING.contains(&line) => ExitOutcome::Answered(None),
            _ => ExitOutcome::Unknown,
        }
    }
}

/// The cause for which a command has not come to its end.
enum Early {
    Stop(StopReason),
    End(TerminalEnd),
}
