//! The terminal of a detached command: its prompts, and the texts that are typed at it. A program of the server
//! gives it, and reads what is typed from a pipe in the directory of the job.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{DetachedCommand, bare};
use crate::charset::Charset;
use crate::error::Error;
use crate::ssh::command::session::{TERMINAL, TERMINAL_SIZE};
use crate::ssh::output::Output;
use crate::ssh::prompt::PromptResponder;
use crate::ssh::prompt::link::{TerminalLink, TypedInput, TypedInputs};
use crate::ssh::script::ScriptFailure;

const AT_TERMINAL: &str = include_str!("../../scripts/at_terminal.sh");
const RUN: &str = include_str!("../../scripts/terminal.sh");
const TYPE: &str = include_str!("../../scripts/type.sh");

/// The longest text that is typed at once: the pipe holds no more where nobody reads.
const MOST_TYPED: usize = 64 * 1024;

/// Ends the reason of a text that was not typed.
const UNTYPED: &str = "; nothing was typed";
/// Ends the reason of a text of which that is not known.
const UNSURE: &str = "; task_output shows whether the text was typed";

/// Bytes of the output before this process in which a prompt is looked for.
const RECALLED: u64 = 4096;

/// The pause between two looks while there is output that may end with a prompt.
const LIVELY_PAUSE: Duration = Duration::from_secs(2);
/// The shortest pause before a look that shows whether a prompt waits.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// The text that attends a command at a terminal.
pub(super) fn attend(attend: &str) -> String {
    bare(&format!("{AT_TERMINAL}{attend}"))
}

/// The text for `sh` that runs a command at the terminal that it is given.
pub(super) fn script() -> String {
    let (columns, rows) = TERMINAL_SIZE;
    let run = bare(RUN);
    format!("TERM={TERMINAL} columns={columns} rows={rows}\n{run}")
}

/// The mark that the text typed last has left.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypedMark {
    /// Its number, from 1; 0 if none was typed.
    pub(super) number: u64,
    /// The bytes that the command had printed by then.
    pub(super) at: u64,
}

/// The result of typing a text.
enum Typing {
    /// It is typed; the command had printed so many bytes by then.
    Done(u64),
    /// It is not, for this reason.
    Refused(&'static str),
}

/// The terminal of a detached command.
pub struct DetachedTerminal {
    responder: PromptResponder,
    charset: Charset,
    link: Arc<TerminalLink>,
    typed: TypedInputs,
    /// The number of the text that was typed last; the reason, if that is not known.
    number: Result<u64, Error>,
    /// An answer that may not have been typed, and its number.
    unsure: Option<(String, u64)>,
    /// Set once the end of the output before this process was looked at.
    has_recalled: bool,
    /// Set if the last look has brought output.
    has_printed: bool,
    /// The line of which callers were told that the command waits at it.
    told: Option<String>,
    /// The time at which it was last typed to, or taken up.
    touched: Instant,
}

impl DetachedTerminal {
    /// The terminal of a command that prints in this encoding.
    pub fn new(mut responder: PromptResponder, link: &Arc<TerminalLink>, charset: Charset) -> Self {
        responder.set_charset(charset);
        // Positions are those on the server.
        responder.keep_positions();
        Self {
            responder,
            charset,
            link: Arc::clone(link),
            typed: link.take_input(),
            number: Err(Error::invalid(
                "id",
                "is a task that is not known to have begun yet",
            )),
            unsure: None,
            has_recalled: false,
            has_printed: false,
            told: None,
            touched: Instant::now(),
        }
    }

    /// The last lines that the command has shown.
    pub fn prompt(&self) -> String {
        self.responder.prompt()
    }

    /// Returns whether a pager that waited for keys was quit.
    pub fn has_quit_pager(&self) -> bool {
        self.responder.has_quit_pager()
    }

    /// The bytes that were fetched and are held back because they may begin a secret.
    pub(super) fn held(&self) -> u64 {
        self.responder.held()
    }

    /// The same bytes, at the end of the output.
    pub fn rest(&mut self) -> Vec<u8> {
        self.responder.rest()
    }

    /// Passes on the bytes that a look has brought.
    pub(super) fn pass(&mut self, stdout: &mut Output, bytes: &[u8], mark: TypedMark) {
        if !std::mem::replace(&mut self.has_recalled, true) {
            // The process before may have left a prompt unanswered at the end of what it fetched.
            let unanswered = stdout.captured().total().saturating_sub(mark.at);
            let end = stdout.captured().end(unanswered.min(RECALLED) as usize);
            if !end.is_empty() {
                self.responder.look_at(&end);
            }
        }
        self.has_printed = !bytes.is_empty();
        if self.has_printed {
            self.link.note_output();
            self.told = None;
            stdout.push(&self.responder.take(bytes));
        }
        self.number = Ok(mark.number);
        let has_printed = self.has_printed;
        self.unsure
            .take_if(|(_, number)| has_printed || *number <= mark.number);
    }

    /// Notes that a look has failed.
    pub fn lose(&mut self, error: &Error) {
        self.number = Err(error.clone());
    }

    /// The pause before the next look, where it would be `usual` without a terminal.
    pub fn pause(&self, usual: Duration) -> Duration {
        match self.responder.due() {
            None => usual,
            // It may go on printing for long.
            Some(_) if self.has_printed => usual.min(LIVELY_PAUSE),
            Some(due) => {
                let left = due.saturating_duration_since(Instant::now());
                usual.min(left.max(SHORTEST_PAUSE))
            }
        }
    }

    /// The time since it was last typed to, or taken up.
    pub fn rests_for(&self) -> Duration {
        self.touched.elapsed()
    }

    /// Answers the prompt that waits, if one does, or tells that it gets no answer. A failure is to be followed by a
    /// look, which shows whether the answer was typed.
    pub async fn answer(&mut self, job: &DetachedCommand<'_>) -> Result<(), Error> {
        let is_due = |due: Instant| due <= Instant::now();
        let prompt = self.responder.prompt();
        let answer = match self.unsure.take() {
            Some((answer, _)) => Some(answer),
            None if !self.responder.due().is_some_and(is_due) => return Ok(()),
            None => self.responder.answer(),
        };
        let Some(answer) = answer else {
            if let Some(line) = self.responder.waits_at() {
                self.tell(line);
            }
            return Ok(());
        };
        let number = self.number.clone()? + 1;
        match self.type_text(job, &answer).await {
            Ok(Typing::Done(_)) => Ok(()),
            Ok(Typing::Refused(reason)) => {
                tracing::warn!("an answer {reason}");
                self.tell(prompt.lines().last().unwrap_or_default().to_owned());
                Ok(())
            }
            Err(error) => {
                self.unsure = Some((answer, number));
                Err(error)
            }
        }
    }

    /// Waits for the next input that a caller types.
    pub async fn typed(&mut self) -> TypedInput {
        self.typed.next().await
    }

    /// Types for a caller.
    pub async fn type_for_caller(&mut self, job: &DetachedCommand<'_>, input: &TypedInput) {
        let secret = input.secret.as_deref();
        // It may be shown also where it is not known to have been typed.
        if let Some(secret) = secret {
            self.responder.hide(secret);
        }
        let typed = match self.type_text(job, &input.text).await {
            Ok(Typing::Done(at)) => {
                self.responder.note_typed(&input.text, secret);
                self.told = None;
                Ok(at)
            }
            Ok(Typing::Refused(reason)) => Err(Error::invalid("text", reason)),
            Err(error) => Err(error),
        };
        if let (Err(_), Some(line)) = (&typed, self.told.take()) {
            self.tell(line);
        }
        input.place.note(typed);
    }

    fn tell(&mut self, line: String) {
        self.told = Some(line.clone());
        self.link.note_waiting(line);
    }

    async fn type_text(&mut self, job: &DetachedCommand<'_>, text: &str) -> Result<Typing, Error> {
        let last = self.number.clone();
        let number = last.map_err(|error| noting(error, UNTYPED))? + 1;
        // Enter is a carriage return: the script leaves out newlines.
        let bytes = self.charset.encode(&text.replace('\n', "\r"));
        if bytes.len() > MOST_TYPED {
            return Ok(Typing::Refused(
                "is longer than what a detached command takes at once; nothing was typed",
            ));
        }
        let mut typed = job.type_in(number, &bytes).await;
        // A refusal may be an answer whose beginning was lost.
        let is_lost = |failure: &ScriptFailure| !matches!(failure, ScriptFailure::Unsent(_));
        let was_lost = typed.as_ref().is_err_and(is_lost);
        if was_lost {
            // Under its number it is typed once at most.
            typed = job.type_in(number, &bytes).await;
        }
        match typed {
            Ok(typing) => {
                if let Typing::Done(_) = typing {
                    self.number = Ok(number);
                    self.touched = Instant::now();
                }
                Ok(typing)
            }
            Err(failure) => {
                let is_unsure = was_lost || is_lost(&failure);
                let error = failure.into();
                self.lose(&error);
                Err(noting(error, if is_unsure { UNSURE } else { UNTYPED }))
            }
        }
    }
}

/// The error of a text with what is known of it.
fn noting(mut error: Error, note: &str) -> Error {
    if let Error::Connection { reason, .. }
    | Error::ConnectionLost { reason, .. }
    | Error::NotDetached { reason, .. } = &mut error
    {
        reason.push_str(note);
    }
    error
}

impl DetachedCommand<'_> {
    /// Types at its terminal, once at most under this number.
    async fn type_in(&self, number: u64, bytes: &[u8]) -> Result<Typing, ScriptFailure> {
        let script = self.script("type", TYPE).with(&number).with_input(bytes);
        let answer = script.run(self.pool, self.alias).await?;
        let at = answer.words.get(1).and_then(|at| at.parse().ok());
        Ok(match (answer.word(), at) {
            ("typed", Some(at)) => Typing::Done(at),
            ("over", _) => Typing::Refused("was not typed: the command has ended"),
            _ => Typing::Refused(
                "was not typed, or not whole: the command has not read what was typed before",
            ),
        })
    }
}
