//! The common part of all kinds of jobs that run a command: running it, its outcome, its answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Results;
use super::context::Context;
use crate::error::{Error, Stopped};
use crate::job::answer::{AnswerText, ShownOutput};
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::outputs::Streams;
use crate::job::printed::Printed;
use crate::job::status::Status;
use crate::shell::{leaves_behind, screen_program};
use crate::ssh::command::{CommandText, RemoteCommand};
use crate::ssh::prompt::PromptResponder;
use crate::ssh::{Bound, ExitOutcome};

/// The end of a command: exit status, signal, or the reason for which it was stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// Its exit status.
    #[serde(rename = "exitCode", skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// The prompt that a device has shown again, which tells no exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The signal that ended it, without `SIG`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Set if it ran past its timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timed_out: Option<bool>,
    /// Set if it was stopped at its bound, or some of its output was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounded: Option<bool>,
    /// The bound that it came to: so many lines, or seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounded_by: Option<String>,
    /// The state of the remote process after it was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Stopped>,
    /// Set if it left a process in the background that holds its output or its terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_running: Option<bool>,
    /// Set if a pager that waited for keys was quit, so that the rest of its text is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pager_quit: Option<bool>,
}

/// The outcome of a command.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CommandOutcome {
    /// Its output.
    #[serde(flatten)]
    pub printed: Printed,
    /// Its end.
    #[serde(flatten)]
    pub exit: Exit,
}

impl Results for CommandOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            printed: take(record)?,
            exit: take(record)?,
        })
    }

    fn printed(&self) -> Option<&Printed> {
        Some(&self.printed)
    }

    fn exit(&self) -> Option<&Exit> {
        Some(&self.exit)
    }

    fn printed_mut(&mut self) -> Option<&mut Printed> {
        Some(&mut self.printed)
    }

    fn texts(&mut self) -> Vec<&mut String> {
        self.printed.output.iter_mut().collect()
    }
}

/// A command, and how it is run.
pub(super) struct Run<'a> {
    pub(super) text: CommandText<'a>,
    pub(super) limit: Option<Duration>,
    pub(super) bound: Bound,
    /// Answers its prompts, where it runs at a terminal.
    pub(super) responder: Option<PromptResponder>,
}

impl Run<'_> {
    /// Runs the command.
    pub(super) async fn execute(self, context: &Context<'_>) -> (Ending, CommandOutcome) {
        // A terminal takes with it what was left at it, whatever that holds.
        let line = self.text.line();
        let ends_rest = self.responder.is_some() && leaves_behind(line);
        let command = RemoteCommand {
            alias: &context.job.alias,
            text: self.text,
            limit: self.limit,
            bound: self.bound,
            responder: self.responder,
            link: Some(context.link),
            cancel: context.cancel(),
        };
        let Streams {
            mut stdout,
            mut stderr,
        } = context.begin_output();
        let ran = match command.run(context.pool, &mut stdout, &mut stderr).await {
            Ok(ran) => ran,
            Err(error) => return (error.into(), CommandOutcome::default()),
        };
        let mut outcome = CommandOutcome::default();
        let CommandOutcome { printed, exit } = &mut outcome;
        printed.encoding = ran.charset.name();
        printed.keep(&stdout, &stderr);
        let ending = exit.close(ran.ended, self.limit);
        // It may have ended by itself before it had to be stopped.
        if ran.is_cut {
            exit.bounded = Some(true);
        }
        let reached = ran.reached.filter(|_| exit.bounded == Some(true));
        exit.bounded_by = reached.map(|reached| reached.to_string());
        let is_left = ran.has_child || ends_rest && exit.process.is_none();
        exit.left_running = is_left.then_some(true);
        exit.pager_quit = ran.has_quit_pager.then_some(true);
        let ending = exit.explain_timeout(ending, line, ran.prompt);
        (ending, outcome)
    }
}

impl Exit {
    /// Adds to the ending of a command that ran past its timeout at which prompt it waited, or that its program waits
    /// for keys.
    pub(super) fn explain_timeout(
        &self,
        mut ending: Ending,
        line: &str,
        prompt: Option<String>,
    ) -> Ending {
        if self.timed_out != Some(true) {
            return ending;
        }
        if let Some(program) = screen_program(line) {
            ending = ending.advise(format!(
                "`{program}` waits for keys at a terminal: start it with shell_open as `program`; a file is changed with file_edit"
            ));
        }
        match prompt.filter(|prompt| !prompt.trim().is_empty()) {
            Some(prompt) => ending.explain(|error| format!("{error}; it was waiting at: {prompt}")),
            None => ending,
        }
    }

    /// Notes how a command ended, and gives how its job ends by that.
    pub(super) fn close(&mut self, ended: ExitOutcome, limit: Option<Duration>) -> Ending {
        match ended {
            ExitOutcome::Exited(code) => {
                self.code = Some(code);
                match code {
                    0 => Ending::completed(),
                    _ => Ending::of(Status::Failed, format!("Exit code: {code}")),
                }
            }
            ExitOutcome::Signalled(signal) => {
                let ending = Ending::of(Status::Failed, format!("killed by signal {signal}"));
                self.signal = Some(signal);
                ending
            }
            ExitOutcome::Answered(prompt) => {
                self.prompt = prompt;
                Ending::completed()
            }
            ExitOutcome::Refused { words, prompt } => {
                self.prompt = Some(prompt);
                Ending::of(Status::Failed, refused_by_device(&words))
            }
            ExitOutcome::Unknown => Ending::of(
                Status::Failed,
                "the server closed the channel without an exit status",
            ),
            ExitOutcome::TimedOut(stopped) => {
                self.timed_out = Some(true);
                self.process = Some(stopped);
                let limit = limit.unwrap_or_default();
                Error::CommandTimeout { limit, stopped }.into()
            }
            ExitOutcome::Bounded(stopped) => {
                self.bounded = Some(true);
                self.process = Some(stopped);
                Ending::completed()
            }
            ExitOutcome::Cancelled(stopped) => {
                self.process = Some(stopped);
                Ending::of(Status::Cancelled, format!("the command was {stopped}"))
            }
            ExitOutcome::NotBegun => {
                self.process = Some(Stopped::Stopped);
                Ending::of(Status::Cancelled, "the command had not begun")
            }
            ExitOutcome::ConnectionLost(error) => error.into(),
        }
    }
}

/// The note in an answer about a process that was left in the background.
pub(super) const LEFT_RUNNING: &str = "(a process that it left in the background goes on for now; its output has ended, so the next line that it prints kills it: for what has to go on use detach: true, or give it an output of its own)";

/// The reason of a command's failure that a device has refused in these words.
pub(super) fn refused_by_device(words: &str) -> String {
    format!("the device refused it: {words}")
}

/// The note in an answer about a device that shows this prompt again.
pub(super) fn no_status(prompt: &str) -> String {
    format!("(a device tells no exit status; it is back at its prompt {prompt})")
}

/// The note about a pager that was quit.
const PAGER_QUIT: &str = "(a pager waited for keys and was quit; what it had not shown is missing: use --no-pager, or end the command with | cat)";

/// The note about a command that the shell did not find.
const NOT_FOUND: &str = "(not on the PATH, which is shorter for a command than for a person who logs in: try its full path, or bash -lc '…')";

/// Returns the answer's text about a command. `left` is the note for a process left in the background.
pub(super) fn render(
    job: &Header,
    outcome: &CommandOutcome,
    shown: &ShownOutput,
    left: &str,
) -> String {
    let CommandOutcome { printed, exit } = outcome;
    let mut text = AnswerText::of(job, headline(job, printed, exit));
    if shown.is_empty() {
        text.remark(if shown.is_part {
            "no further output"
        } else {
            "no output"
        });
    } else if printed.open_ended == Some(true) {
        text.remark("no newline at its end");
    }
    if let Some(prompt) = &exit.prompt {
        text.note(no_status(prompt));
    }
    if exit.left_running == Some(true) {
        text.note(left);
    }
    if exit.pager_quit == Some(true) {
        text.note(PAGER_QUIT);
    }
    if let Some(problem) = &printed.output_problem {
        text.note(format!("(the whole output is not kept: {problem})"));
    }
    if exit.bounded == Some(true) {
        text.note(text_of_bound(exit.process, exit.bounded_by.as_deref()));
    }
    if exit.code == Some(127) && shown.stderr.contains("not found") {
        text.note(NOT_FOUND);
    }
    text.output(shown);
    text.end()
}

/// Returns what came of a job that ran a command, as an answer begins.
pub(super) fn headline(job: &Header, printed: &Printed, exit: &Exit) -> String {
    if job.error_code.is_some() {
        return match printed.line_count {
            Some(lines @ 2..) => format!("output so far, {lines} lines"),
            _ => "output so far".to_owned(),
        };
    }
    let reason = job.error.as_deref().unwrap_or(job.status.name());
    let (within, after) = match job.time_taken() {
        Some(time) => (format!(" in {time}"), format!(" after {time}")),
        None => Default::default(),
    };
    match (job.status, exit) {
        (Status::Cancelled | Status::Crashed, _) => format!("{}{after}: {reason}", job.status),
        (
            _,
            Exit {
                process: Some(_), ..
            },
        ) => format!("bounded{after}"),
        (
            _,
            Exit {
                code: Some(code), ..
            },
        ) => format!("exit {code}{within}"),
        (
            _,
            Exit {
                signal: Some(signal),
                ..
            },
        ) => format!("killed by signal {signal}{after}"),
        (Status::Completed, _) => format!("done{within}"),
        _ => format!("{}{after}: {reason}", job.status),
    }
}

/// Returns the answer's note about a command that came to its bound.
pub(super) fn text_of_bound(process: Option<Stopped>, bound: Option<&str>) -> String {
    let bound = bound.unwrap_or("what it may print");
    match process {
        Some(stopped) => format!(
            "(bounded in lines or time: it was ended after {bound}; the command was {stopped} and has no exit status)"
        ),
        None => format!(
            "(bounded in lines: what came after {bound} was left out; the command ended by itself)"
        ),
    }
}
