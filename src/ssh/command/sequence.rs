//! Several commands in one shell, so that directory, variables and functions last from one to the next.
//!
//! A POSIX login shell gets all of them on its command line, which takes one round trip. It begins a command
//! by itself once the one before has ended, and only if the sequence goes on. Where another kind of shell has
//! `sh` run them, they are too long for a command line, or nobody else may see one, each is typed in after the end
//! of the one before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::device::{DeviceAnswer, DeviceCommand, DeviceSession, DeviceTalk};
use super::exit_outcome::{ExitOutcome, StopReason};
use super::session::{CommandSession, Input, open};
pub use super::shell_text::BoundedCommand;
use super::shell_text::{self, Token};
use super::step::OutputStep;
use crate::charset::Charset;
use crate::error::Error;
use crate::shell::quote;
use crate::ssh::output::Output;
use crate::ssh::output::bound::{Bound, Reached};
use crate::ssh::output::capture::Captured;
use crate::ssh::pool::ShellKind;
use crate::ssh::pool::{Pool, patience};
use crate::ssh::prompt::link::TerminalLink;
use crate::ssh::script::LONGEST_LINE;

/// A shell starts at once; one that has not said a word by then never will.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The reason why some steps do not run at a terminal: a shell that reads them there shows prompts.
const MERGED: &str = "the way to the other user takes a terminal there (requiretty, doas or su with a password), at which long steps and steps with data cannot be sent: with background: true they can";

/// The commands' shell. It is started anew where a command has ended it.
pub struct ShellSequence<'a> {
    pool: &'a Pool,
    alias: &'a str,
    cancel: &'a CancellationToken,
    /// Links callers to the terminal of a device.
    link: &'a Arc<TerminalLink>,
    /// The prompt at which a device has come back last.
    pub prompt: Option<String>,
    /// The directory after the last command whose end was seen.
    directory: Option<String>,
    /// The kind of the login shell, once it is known.
    kind: ShellKind,
    /// True if the shell has got all commands at once.
    pub is_sent_ahead: bool,
    /// True if `sh` runs the commands, for the login shell is not a POSIX one.
    pub uses_sh_fallback: bool,
    /// True if a process in the background still holds the output of a shell that has ended.
    pub has_child: bool,
    /// The encoding of the output.
    pub charset: Charset,
}

/// The outcome of one command.
#[derive(Debug)]
pub struct StepOutcome {
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// Its end.
    pub ended: ExitOutcome,
    /// True if its bound has left out some of its output.
    pub is_cut: bool,
    /// The end of its bound that it came to, where it was stopped there or cut.
    pub reached: Option<Reached>,
    /// The encoding of its output.
    pub charset: Charset,
    /// The time that it took.
    pub duration: Duration,
}

/// Takes the outcome of each command, and says whether the sequence goes on.
type Take<'t> = dyn FnMut(StepOutcome) -> bool + Send + 't;

impl<'a> ShellSequence<'a> {
    /// A sequence on `alias`.
    pub fn new(
        pool: &'a Pool,
        alias: &'a str,
        cancel: &'a CancellationToken,
        link: &'a Arc<TerminalLink>,
    ) -> Self {
        Self {
            pool,
            alias,
            cancel,
            link,
            prompt: None,
            directory: None,
            kind: ShellKind::default(),
            is_sent_ahead: false,
            uses_sh_fallback: false,
            has_child: false,
            charset: Charset::default(),
        }
    }

    /// Runs commands in one shell for as long as it lasts, and hands each outcome to `take`, which says
    /// whether to go on. Gives how many were run: fewer than there are where one has ended the shell,
    /// and the next goes on in a new one in the same directory.
    ///
    /// An error means that the shell did not start.
    pub async fn run(
        &mut self,
        commands: &[BoundedCommand<'_>],
        stdout: &mut Output,
        stderr: &mut Output,
        take: &mut Take<'_>,
    ) -> Result<usize, Error> {
        if self.pool.server(self.alias)?.is_device() {
            return self.run_on_device(commands, stdout, take).await;
        }
        let Some(mut session) = self.begin(commands, stdout, stderr).await? else {
            take(StepOutcome::not_begun());
            return Ok(1);
        };
        for (index, command) in commands.iter().enumerate() {
            let started = Instant::now();
            session.set_bound(command.bound);
            if !self.is_sent_ahead {
                self.type_in(&mut session, command).await?;
            }
            let interruption = session.drive(command.limit, self.cancel).await;
            let reached = session.reached();
            if interruption.is_some() || !session.has_told_end() {
                let ending = EarlyEnd {
                    interruption,
                    started,
                    reached,
                };
                let left = commands.len() - index;
                return Ok(index + self.close(session, ending, left, take).await?);
            }
            let outcome = self.outcome_of(session.take_step(), reached, started);
            if !take(outcome) || !self.is_sent_ahead && !session.goes_on() {
                self.has_child |= session.end().await;
                return Ok(index + 1);
            }
        }
        self.has_child |= session.end().await;
        Ok(commands.len())
    }

    /// Runs all commands at one terminal of a device. Modes last from one to the next, so none goes on in another.
    async fn run_on_device(
        &mut self,
        commands: &[BoundedCommand<'_>],
        stdout: &mut Output,
        take: &mut Take<'_>,
    ) -> Result<usize, Error> {
        if self.prompt.is_some() {
            return Err(self.no_shell("it did not come back to its prompt, and the steps that follow may be for the mode that it was in"));
        }
        let Some(mut session) = DeviceSession::open(self.pool, self.alias, self.cancel).await?
        else {
            take(StepOutcome::not_begun());
            return Ok(1);
        };
        let mut talk = DeviceTalk::new(None, Some(self.link));
        let mut done = 0;
        for command in commands {
            let before = session.prompt().to_owned();
            let given = DeviceCommand {
                text: command.text,
                limit: command.limit,
                bound: command.bound,
            };
            let answer = session.run(&given, &mut talk, self.cancel, stdout).await;
            let is_back = match answer.ended {
                ExitOutcome::Answered(_) | ExitOutcome::Refused { .. } => true,
                // The key that stops a command may have left a mode.
                _ => session.prompt() == before,
            };
            done += 1;
            if !take(StepOutcome::of_device(answer)) || !is_back {
                break;
            }
        }
        self.prompt = Some(session.prompt().to_owned());
        session.close().await;
        stdout.finish().await;
        Ok(done)
    }

    /// Ends a shell in which a command has not come to its end. Returns how many commands that concludes,
    /// of the `left` ones.
    async fn close(
        &mut self,
        session: CommandSession<'_>,
        ending: EarlyEnd,
        left: usize,
        take: &mut Take<'_>,
    ) -> Result<usize, Error> {
        let EarlyEnd {
            interruption,
            started,
            reached,
        } = ending;
        self.has_child |= session.has_child();
        let (ended, mut steps) = session
            .close_with_steps(interruption, self.pool, self.alias)
            .await?;
        let mut concluded = 0;
        if matches!(ended, ExitOutcome::Cancelled(_)) {
            concluded = self.take_ended(&mut steps, started, take);
        }
        if concluded < left {
            let mut outcome = self.outcome_of(steps.pop_front(), reached, started);
            outcome.ended = ended;
            take(outcome);
            concluded += 1;
        }
        Ok(concluded)
    }

    /// Takes the steps that ended while the shell was being stopped. Returns how many they are.
    fn take_ended(
        &mut self,
        steps: &mut VecDeque<OutputStep>,
        started: Instant,
        take: &mut Take<'_>,
    ) -> usize {
        let mut count = 0;
        while steps.front().is_some_and(|step| step.stdout.is_over()) {
            take(self.outcome_of(steps.pop_front(), None, started));
            count += 1;
        }
        count
    }

    /// The outcome of a step, as the shell has told it.
    fn outcome_of(
        &mut self,
        step: Option<OutputStep>,
        reached: Option<Reached>,
        started: Instant,
    ) -> StepOutcome {
        let mut outcome = StepOutcome {
            charset: self.charset,
            reached,
            duration: started.elapsed(),
            ..StepOutcome::not_begun()
        };
        let Some(step) = step else {
            outcome.ended = ExitOutcome::Unknown;
            return outcome;
        };
        let told = step.stdout.marker.line().unwrap_or_default();
        let (status, directory) = told.split_once(' ').unwrap_or_default();
        outcome.ended = status
            .parse()
            .map_or(ExitOutcome::Unknown, ExitOutcome::Exited);
        if !directory.is_empty() {
            self.directory = Some(directory.to_owned());
        }
        outcome.is_cut = step.is_cut();
        outcome.stdout = step.stdout.into_captured();
        outcome.stderr = step.stderr.into_captured();
        outcome
    }

    /// Types a command to the shell.
    async fn type_in(
        &self,
        session: &mut CommandSession<'_>,
        command: &BoundedCommand<'_>,
    ) -> Result<(), Error> {
        let token = Token::new();
        session.expect(session.step(token.text(), command.bound));
        let text = shell_text::typed(command.text, &token, self.kind.is_restricted);
        session.type_in(&text).await
    }

    /// Starts the shell: the login shell if it is a POSIX one, else `sh`. `None` if that was cancelled.
    async fn begin<'o>(
        &mut self,
        commands: &[BoundedCommand<'_>],
        stdout: &'o mut Output,
        stderr: &'o mut Output,
    ) -> Result<Option<CommandSession<'o>>, Error> {
        if let Some(reason) = self.pool.server(self.alias)?.why_plain() {
            return Err(self.no_shell(reason));
        }
        let patience = patience(None);
        let opened = open(self.pool, self.alias, patience, self.cancel).await?;
        let Some((channel, kind)) = opened else {
            return Ok(None);
        };
        self.uses_sh_fallback = !kind.is_posix;
        self.charset = kind.charset;
        self.kind = kind;
        let enter = match &self.directory {
            Some(directory) => format!("cd {}", quote(directory)),
            None => ":".to_owned(),
        };
        let token = Token::new();
        let keep_streams = if channel.merges_streams() {
            shell_text::KEEP_MERGED_STREAMS
        } else {
            shell_text::KEEP_STREAMS
        };
        let line = Some(shell_text::of_all(keep_streams, &enter, commands, &token));
        let is_private = commands.iter().any(|command| command.is_private);
        let takes_line = kind.is_posix && !kind.is_restricted && !is_private;
        let line = line.filter(|line| takes_line && line.len() <= LONGEST_LINE);
        self.is_sent_ahead = line.is_some();
        if line.is_none() && channel.merges_streams() {
            return Err(self.no_shell(MERGED));
        }
        let input = Input::Typed(line.as_deref().unwrap_or(shell_for(kind)));
        let mut session = CommandSession::begin(channel, input, kind, stdout, stderr).await?;
        // The output of start-up files belongs to no command.
        session.expect(session.step(token.text(), Bound::default()).in_silence());
        if self.is_sent_ahead {
            for command in commands {
                session.expect(session.step(token.text(), command.bound));
            }
        } else {
            let text = shell_text::typed(&enter, &token, self.kind.is_restricted);
            let text = shell_text::KEEP_STREAMS.to_owned() + &text;
            session.type_in(&text).await?;
        }
        self.enter(session, &enter).await
    }

    /// Waits until the shell has started, and is in the directory of the last command.
    async fn enter<'o>(
        &self,
        mut session: CommandSession<'o>,
        enter: &str,
    ) -> Result<Option<CommandSession<'o>>, Error> {
        let interruption = session.drive(Some(START_LIMIT), self.cancel).await;
        if interruption.is_none() && session.has_told_end() {
            let step = session.take_step();
            let told = step.and_then(|step| step.stdout.marker.line().map(ToOwned::to_owned));
            if told.is_some_and(|told| told.starts_with("0 ")) {
                return Ok(Some(session));
            }
            let reason = format!("the directory of the last command is gone: {enter}");
            return Err(self.no_shell(&reason));
        }
        let ended = session.close(interruption, self.pool, self.alias).await?;
        match ended {
            ExitOutcome::Cancelled(_) | ExitOutcome::NotBegun => Ok(None),
            ExitOutcome::ConnectionLost(error) => Err(error),
            _ => Err(self.no_shell("neither the login shell nor sh answers as a POSIX shell does")),
        }
    }

    fn no_shell(&self, reason: &str) -> Error {
        Error::NoShell {
            alias: self.alias.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// The command line that starts a shell which commands are typed to.
fn shell_for(kind: ShellKind) -> &'static str {
    match kind {
        // It lets nothing take its place, and takes no path.
        ShellKind {
            is_restricted: true,
            ..
        } => "\"${SHELL##*/}\"",
        ShellKind { is_posix: true, .. } => "exec \"${SHELL:-/bin/sh}\"",
        _ => "exec sh",
    }
}

/// The circumstances of a command that has not come to its end.
struct EarlyEnd {
    interruption: Option<StopReason>,
    started: Instant,
    reached: Option<Reached>,
}

impl StepOutcome {
    fn of_device(answer: DeviceAnswer) -> Self {
        Self {
            stdout: answer.output,
            ended: answer.ended,
            is_cut: answer.is_cut,
            reached: answer.reached,
            duration: answer.duration,
            ..Self::not_begun()
        }
    }

    fn not_begun() -> Self {
        Self {
            stdout: Captured::default(),
            stderr: Captured::default(),
            ended: ExitOutcome::NotBegun,
            is_cut: false,
            reached: None,
            charset: Charset::default(),
            duration: Duration::ZERO,
        }
    }
}
