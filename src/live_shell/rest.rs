//! The point at which a program at a terminal has come to rest.
//!
//! A shell tells it. Of any other program it is learnt: a line that has not ended, and silence. A line that was
//! waited at before needs the shortest silence, one that looks like a prompt a longer one, any other the longest.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use tokio::time::Instant;

use super::dialect::{BEGIN, Dialect, MORE, PROMPT};
use crate::ssh::{TerminalEnd, TerminalState};
use crate::terminal::{DisplayPlace, DisplaySignal};

/// Silence after a prompt that is known.
const KNOWN: Duration = Duration::from_millis(150);
/// Silence after a line that looks like a prompt.
const LIKELY: Duration = Duration::from_millis(500);
/// Silence after any other line that has not ended.
const UNLIKELY: Duration = Duration::from_secs(2);
/// Silence after which a full screen is drawn.
const DRAWN: Duration = Duration::from_millis(300);
/// Time after which a full screen is shown that never stops moving.
const MOVING: Duration = Duration::from_secs(2);
/// Time for which a shell stays at its prompt although it was given more lines: a command has read them.
const SETTLED: Duration = Duration::from_millis(400);
/// The same for a shell that draws its prompt more than once.
const DRAWN_PROMPT: Duration = Duration::from_millis(150);

/// Prompts that are remembered.
const MOST_PROMPTS: usize = 32;
/// The most characters of a prompt.
const LONGEST_PROMPT: usize = 200;

/// The ends of prompts, and of pagers' last lines.
static LIKE_PROMPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:[>#$%:?\])»❯]|[-<]{2} ?(?i:more).*)\s*$").expect("the expression is correct")
});

/// The point at which a program has come to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ShellRest {
    /// The shell is at its prompt.
    Prompt { status: i64, directory: String },
    /// The shell is at its prompt for the rest of a command.
    More,
    /// The program waits in a line that has not ended.
    Waiting(String),
    /// The program shows a screen, and not lines.
    Screen,
    /// It has not come to rest in the time allowed.
    Running,
    /// It has ended.
    Ended(TerminalEnd),
}

/// The result of a look at a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    At(ShellRest),
    /// It has not come to rest. It is looked at again when something changes, or after this time.
    Again(Option<Duration>),
}

/// The prompts at which a program has waited.
#[derive(Debug, Default)]
pub(super) struct LearntPrompts(Vec<String>);

/// The wait for a program that was given some input.
#[derive(Debug)]
pub(super) struct RestWatch {
    dialect: Dialect,
    since: Instant,
    /// The bytes that had come before the input.
    received: u64,
    /// Set if there was no input, so that what stands there may be the rest.
    only_looks: bool,
    /// The lines that the shell was given.
    lines: usize,
    /// The prompts that the shell has shown since.
    prompts: usize,
    /// Set if no prompt is expected, for no line was ended.
    stays: bool,
    last: Option<ToldPrompt>,
    /// Set once a command has begun, as the shell tells.
    has_begun: bool,
}

#[derive(Debug)]
struct ToldPrompt {
    rest: ShellRest,
    place: DisplayPlace,
    at: Instant,
}

impl LearntPrompts {
    pub(super) fn learn(&mut self, prompt: &str) {
        let prompt = prompt.trim_end();
        if !self.knows(prompt) {
            if self.0.len() == MOST_PROMPTS {
                self.0.remove(0);
            }
            self.0.push(prompt.to_owned());
        }
    }

    pub(super) fn knows(&self, prompt: &str) -> bool {
        let prompt = prompt.trim_end();
        self.0.iter().any(|known| known == prompt)
    }
}

impl RestWatch {
    /// A wait for a program that is about to get so many lines; `None` for one that gets no input.
    pub(super) fn new(dialect: Dialect, state: &TerminalState, lines: Option<usize>) -> Self {
        Self {
            dialect,
            since: Instant::now(),
            received: state.received,
            only_looks: lines.is_none(),
            lines: lines.unwrap_or_default(),
            prompts: 0,
            stays: false,
            last: None,
            has_begun: false,
        }
    }

    /// The same for a shell that is at its prompt, where it stays if no line is ended.
    pub(super) fn at_prompt(mut self, rest: &ShellRest, state: &TerminalState) -> Self {
        if self.lines == 0 && matches!(rest, ShellRest::Prompt { .. } | ShellRest::More) {
            self.stays = !self.only_looks;
            self.last = Some(ToldPrompt {
                rest: rest.clone(),
                place: state.display.cursor(),
                at: self.since,
            });
        }
        self
    }

    /// Looks whether the program has come to rest.
    pub(super) fn look(&mut self, state: &mut TerminalState, prompts: &LearntPrompts) -> Look {
        for signal in state.display.take_signals() {
            self.note(&signal);
        }
        if let Some(end) = &state.ended {
            return Look::At(ShellRest::Ended(end.clone()));
        }
        let mut quiet = state.last_output.elapsed();
        if !self.only_looks {
            quiet = quiet.min(self.since.elapsed());
        }
        if let Some(told) = self.look_at_told(state) {
            return told;
        }
        let has_come = self.only_looks || state.received > self.received;
        let line = state.display.line_at_cursor();
        if state.display.is_full_screen()
            || state.display.has_application_keys() && !LIKE_PROMPT.is_match(&line)
        {
            let moves = MOVING.saturating_sub(self.since.elapsed());
            let drawn = if has_come {
                DRAWN.saturating_sub(quiet)
            } else {
                MOVING
            };
            return after(drawn.min(moves), || ShellRest::Screen);
        }
        if self.dialect == Dialect::Fish && !self.has_begun && has_come {
            // It has drawn what was typed, and does not take it for complete.
            return after(LIKELY.saturating_sub(quiet), || ShellRest::More);
        }
        if line.trim().is_empty() || !has_come || line.chars().count() > LONGEST_PROMPT {
            return Look::Again(None);
        }
        let patience = if prompts.knows(&line) {
            KNOWN
        } else if LIKE_PROMPT.is_match(&line) {
            LIKELY
        } else {
            UNLIKELY
        };
        after(patience.saturating_sub(quiet), || ShellRest::Waiting(line))
    }

    /// Looks at what the shell has told last; `None` if it has told nothing, or a command of its own has begun since.
    fn look_at_told(&self, state: &TerminalState) -> Option<Look> {
        let told = self.last.as_ref()?;
        let has_all = self.prompts >= self.lines && !self.stays;
        let patience = match (has_all, self.dialect.counts_lines()) {
            (true, true) => Duration::ZERO,
            (false, true) => SETTLED,
            (_, false) => DRAWN_PROMPT,
        };
        (has_all || self.stays || told.place == state.display.cursor()).then(|| {
            after(patience.saturating_sub(told.at.elapsed()), || {
                told.rest.clone()
            })
        })
    }

    fn note(&mut self, signal: &DisplaySignal) {
        let mut fields = signal.fields.iter().map(String::as_str);
        let rest = match fields.next() {
            Some(BEGIN) => {
                self.has_begun = true;
                self.last = None;
                return;
            }
            Some(MORE) => ShellRest::More,
            Some(PROMPT) => {
                // A prompt that is printed as a text has no status in it.
                let Some(Ok(status)) = fields.next().map(str::parse) else {
                    return;
                };
                let directory = fields.collect::<Vec<_>>().join(";");
                ShellRest::Prompt { status, directory }
            }
            _ => return,
        };
        self.prompts += 1;
        self.last = Some(ToldPrompt {
            rest,
            place: signal.place,
            at: Instant::now(),
        });
    }
}

fn after(left: Duration, rest: impl FnOnce() -> ShellRest) -> Look {
    if left.is_zero() {
        Look::At(rest())
    } else {
        Look::Again(Some(left))
    }
}
