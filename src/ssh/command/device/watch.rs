//! The point to which a device has come.
//!
//! It is told by the line that the cursor is in, and silence: the prompt and pagers are known by their looks, and any
//! other line that does not end is one at which the device waits.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use tokio::time::Instant;

use crate::device::{DevicePrompt, PromptMatch, page_key};
use crate::ssh::command::terminal_session::{TerminalEnd, TerminalState};
use crate::terminal::DisplayPlace;

/// Silence after a prompt or a pager.
const KNOWN: Duration = Duration::from_millis(120);
/// Silence after a line that may be the prompt of a device with a new name, or a question.
const LIKELY: Duration = Duration::from_millis(700);
/// Silence after any other line that has not ended.
const UNLIKELY: Duration = Duration::from_secs(2);

/// The ends of questions.
static QUESTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[:?\])]\s*$").expect("the expression is correct"));

/// The point at which a device waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DeviceRest {
    /// At its prompt, which is this line.
    Prompt(String),
    /// At a pager.
    Page { line: String, key: &'static str },
    /// At a line that is neither.
    Question(String),
    /// It has printed more since it was last told that it waits.
    GoesOn,
    /// Its terminal has ended.
    Ended(TerminalEnd),
}

/// The wait for a device that was just given something.
#[derive(Debug)]
pub(super) struct DeviceWatch {
    since: Instant,
    /// The bytes that had come before.
    received: u64,
    /// The place of the cursor before.
    place: DisplayPlace,
    /// The bytes that had come when it was told that it waits.
    told: Option<u64>,
}

impl DeviceWatch {
    /// A wait for a device that has just opened its terminal: all that it shows is new.
    pub(super) fn of_start(state: &mut TerminalState) -> Self {
        Self {
            received: 0,
            ..Self::begin(state)
        }
    }

    /// A wait for a device that is about to get some input.
    pub(super) fn begin(state: &mut TerminalState) -> Self {
        Self {
            since: Instant::now(),
            received: state.received,
            place: state.display.cursor(),
            told: None,
        }
    }

    /// Notes that it was told that the device waits.
    pub(super) fn note_told(&mut self, state: &mut TerminalState) {
        self.told = Some(state.received);
    }

    /// Looks where the device is. An error is the time after which to look again, if nothing changes.
    pub(super) fn look(
        &mut self,
        state: &TerminalState,
        prompt: Option<&DevicePrompt>,
    ) -> Result<DeviceRest, Option<Duration>> {
        if let Some(end) = &state.ended {
            return Ok(DeviceRest::Ended(end.clone()));
        }
        if self.told.is_some_and(|told| told != state.received) {
            self.told = None;
            return Ok(DeviceRest::GoesOn);
        }
        let line = state.display.line_at_cursor();
        let has_come = state.received > self.received;
        if !has_come || self.told.is_some() || line.trim().is_empty() {
            return Err(None);
        }
        let (rest, patience) = self.guess(line, state, prompt);
        let quiet = state.last_output.elapsed().min(self.since.elapsed());
        match patience.checked_sub(quiet).filter(|left| !left.is_zero()) {
            None => Ok(rest),
            left => Err(left),
        }
    }

    /// The point where a device is that goes silent in this line, and the silence by which that is known.
    fn guess(
        &self,
        line: String,
        state: &TerminalState,
        prompt: Option<&DevicePrompt>,
    ) -> (DeviceRest, Duration) {
        if let Some(key) = page_key(&line) {
            return (DeviceRest::Page { line, key }, KNOWN);
        }
        let found = prompt.map_or(PromptMatch::No, |prompt| prompt.matches(&line));
        // In its old place it is the prompt of before, unless the device has cleared the screen.
        let has_moved = state.display.cursor() != self.place;
        match found {
            PromptMatch::Sure if has_moved => (DeviceRest::Prompt(line), KNOWN),
            PromptMatch::Sure => (DeviceRest::Prompt(line), UNLIKELY),
            PromptMatch::Likely => (DeviceRest::Prompt(line), LIKELY),
            PromptMatch::No if prompt.is_none() && DevicePrompt::is_like(&line) => {
                (DeviceRest::Question(line), KNOWN)
            }
            PromptMatch::No if QUESTION.is_match(&line) => (DeviceRest::Question(line), LIKELY),
            PromptMatch::No => (DeviceRest::Question(line), UNLIKELY),
        }
    }
}
