//! Several commands in one shell, so that directory, variables and functions last from one to the next.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::exit_outcome::ExitOutcome;
use super::session::{CommandSession, Input, open};
use crate::charset::Charset;
use crate::error::Error;
use crate::random;
use crate::shell::quote;
use crate::ssh::output::Output;
use crate::ssh::output::bound::{Bound, Reached};
use crate::ssh::output::capture::Captured;
use crate::ssh::pool::ShellKind;
use crate::ssh::pool::{Pool, patience};

/// A shell starts at once; one that has not said a word by then never will.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The commands' shell. It is started anew where a command has ended it.
pub struct ShellSequence<'a> {
    pool: &'a Pool,
    alias: &'a str,
    cancel: &'a CancellationToken,
    /// The directory after the last command whose end was seen.
    directory: Option<String>,
    /// True if the shell may write to no file.
    is_restricted: bool,
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

/// One command of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct BoundedCommand<'a> {
    /// The command line.
    pub text: &'a str,
    /// The time that it may run; `None` is without limit.
    pub limit: Option<Duration>,
    /// The most that is taken of its output.
    pub bound: Bound,
}

impl<'a> ShellSequence<'a> {
    /// A sequence on `alias`.
    pub fn new(pool: &'a Pool, alias: &'a str, cancel: &'a CancellationToken) -> Self {
        Self {
            pool,
            alias,
            cancel,
            directory: None,
            is_restricted: false,
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
        lines: &[BoundedCommand<'_>],
        stdout: &mut Output,
        stderr: &mut Output,
        take: &mut (dyn FnMut(StepOutcome) -> bool + Send),
    ) -> Result<usize, Error> {
        let Some(mut session) = self.begin(stdout, stderr).await? else {
            take(StepOutcome::not_begun());
            return Ok(1);
        };
        let charset = self.charset;
        for (index, line) in lines.iter().enumerate() {
            let started = Instant::now();
            let token = format!("{}:", random::hex::<8>());
            session.set_bound(line.bound);
            session
                .type_in(&self.step(line.text, &token), &token)
                .await?;
            let interruption = session.drive(line.limit, self.cancel).await;
            let reached = session.reached();
            let printed = session.take_step();
            let (captured, report) = match printed {
                Some(step) => {
                    let report = step.stdout.marker.line().map(ToOwned::to_owned);
                    (
                        [step.stdout.into_captured(), step.stderr.into_captured()],
                        report,
                    )
                }
                None => Default::default(),
            };
            let [stdout, stderr] = captured;
            let is_cut = session.is_cut();
            let outcome = |ended| StepOutcome {
                stdout,
                stderr,
                ended,
                is_cut,
                reached,
                charset,
                duration: started.elapsed(),
            };
            let report = report.as_deref().and_then(|report| report.split_once(' '));
            if let (None, Some((status, directory))) = (interruption, report) {
                self.directory = Some(directory.to_owned());
                let ended = status
                    .parse()
                    .map_or(ExitOutcome::Unknown, ExitOutcome::Exited);
                if take(outcome(ended)) && session.goes_on() {
                    continue;
                }
                self.has_child |= session.end().await;
                return Ok(index + 1);
            }
            self.has_child |= session.has_child();
            let ended = session.close(interruption, self.pool, self.alias).await?;
            take(outcome(ended));
            return Ok(index + 1);
        }
        self.has_child |= session.end().await;
        Ok(lines.len())
    }

    fn step(&self, command: &str, token: &str) -> String {
        let nowhere = if self.is_restricted {
            "2>&-"
        } else {
            "2>/dev/null"
        };
        step(command, token, nowhere)
    }

    /// Starts the shell: the login shell if it is a POSIX one, else `sh`. `None` if that was cancelled.
    async fn begin<'o>(
        &mut self,
        stdout: &'o mut Output,
        stderr: &'o mut Output,
    ) -> Result<Option<CommandSession<'o>>, Error> {
        if self.pool.server(self.alias)?.is_plain() {
            return Err(Error::NoShell {
                alias: self.alias.to_owned(),
                reason: "it was added with plain: true".to_owned(),
            });
        }
        let patience = patience(None);
        let opened = open(self.pool, self.alias, patience, self.cancel).await?;
        let Some((channel, nature)) = opened else {
            return Ok(None);
        };
        self.uses_sh_fallback = !nature.is_posix;
        self.charset = nature.charset;
        self.is_restricted = nature.is_restricted;
        let shell = match nature {
            // It lets nothing take its place, and takes no path.
            ShellKind {
                is_restricted: true,
                ..
            } => "\"${SHELL##*/}\"",
            ShellKind { is_posix: true, .. } => "exec \"${SHELL:-/bin/sh}\"",
            _ => "exec sh",
        };
        let input = Input::Typed(shell);
        let mut session = CommandSession::begin(channel, input, nature, stdout, stderr).await?;
        // The output of start-up files belongs to no command.
        let token = format!("{}:", random::hex::<8>());
        let enter = match &self.directory {
            Some(directory) => format!("cd {}", quote(directory)),
            None => ":".to_owned(),
        };
        let begin = KEEP_STREAMS.to_owned() + &self.step(&enter, &token);
        session.type_in(&begin, &token).await?;
        let interruption = session.attend_in_silence(START_LIMIT, self.cancel).await;
        let report = session.take_step().and_then(|step| {
            let report = step.stdout.marker.line().map(ToOwned::to_owned);
            report
                .ok_or_else(|| step.stderr.into_captured().text())
                .ok()
        });
        match (interruption, report) {
            (None, Some(report)) if report.starts_with("0 ") => Ok(Some(session)),
            (None, Some(_)) => Err(Error::NoShell {
                alias: self.alias.to_owned(),
                reason: format!("the directory of the last command is gone: {enter}"),
            }),
            (interruption, _) => {
                let ended = session.close(interruption, self.pool, self.alias).await?;
                match ended {
                    ExitOutcome::Cancelled(_) | ExitOutcome::NotBegun => Ok(None),
                    ExitOutcome::ConnectionLost(error) => Err(error),
                    _ => Err(Error::NoShell {
                        alias: self.alias.to_owned(),
                        reason: "neither the login shell nor sh answers as a POSIX shell does"
                            .to_owned(),
                    }),
                }
            }
        }
    }
}

impl StepOutcome {
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

/// Keeps both streams for the markers: a command may send the shell's own elsewhere. Some shells know no
/// descriptor above 9, and 9 is what locks are mostly held by.
const KEEP_STREAMS: &str = "exec 7>&1 8>&2\n";

/// The text that runs a command in the shell itself, and prints a line with the token on both streams at
/// its end. Processes of the command do not hold these two descriptors open. A trace (`set -x`) of the
/// printing goes to `nowhere`.
fn step(command: &str, token: &str, nowhere: &str) -> String {
    // In parts, so that a shell that sends back what it reads does not send the token.
    let (first, second) = token.split_at(token.len() / 2);
    format!(
        "eval {} </dev/null 7>&- 8>&-\n{{ printf '%s%s%s %s\\n' {first} '{second}' \"$?\" \"$PWD\" >&7; printf '%s%s\\n' {first} '{second}' >&8; }} {nowhere}\n",
        quote(command)
    )
}
