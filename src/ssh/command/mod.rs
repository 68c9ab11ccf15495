//! One command on a server.
//!
//! | module | what it is |
//! |---|---|
//! | `session` | one channel that runs a command, from its request to its end |
//! | `command_line` | the command line and input that a command is sent as |
//! | `supplied` | programs with directory, variables and input of their own, and scripts |
//! | `feed` | the input of a command while its output is read |
//! | `sequence`, `shell_text`, `step`, `marker` | several commands in one shell, told apart |
//! | `detached`, `detached_steps` | commands and sequences that outlive the connection |
//! | `device` | commands on devices, at a terminal with a prompt |
//! | `terminal_session` | programs at a terminal that go on from call to call |
//! | `exit_outcome` | the ends of commands |

pub(in crate::ssh) mod command_line;
pub mod detached;
pub mod detached_steps;
pub(in crate::ssh) mod device;
pub(in crate::ssh) mod exit_outcome;
mod feed;
pub(in crate::ssh) mod marker;
pub mod sequence;
pub(in crate::ssh) mod session;
mod shell_text;
pub(in crate::ssh) mod step;
pub mod supplied;
pub(in crate::ssh) mod terminal_session;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::charset::Charset;
use crate::error::Error;
use crate::ssh::output::Output;
use crate::ssh::output::bound::{Bound, Reached};
use crate::ssh::pool::{Pool, patience};
use crate::ssh::prompt::PromptResponder;
use crate::ssh::prompt::link::TerminalLink;
use crate::ssh::script::probe::doubt_shell;
use detached::{DetachedInput, DetachedText};
use exit_outcome::ExitOutcome;
use session::{CommandSession, Input, open};
use supplied::{DETACHED_READER, Supplied, SuppliedProgram};

/// A command, and what bounds it.
pub struct RemoteCommand<'a> {
    /// The server.
    pub alias: &'a str,
    /// The text that is run.
    pub text: CommandText<'a>,
    /// The time that it may run; `None` is without limit.
    pub limit: Option<Duration>,
    /// The most that is taken of its output.
    pub bound: Bound,
    /// Answers its prompts, if it runs at a terminal.
    pub responder: Option<PromptResponder>,
    /// Links callers to its terminal.
    pub link: Option<&'a Arc<TerminalLink>>,
    /// Stops it when cancelled.
    pub cancel: &'a CancellationToken,
}

/// The text of a command.
#[derive(Debug)]
pub enum CommandText<'a> {
    /// A command line, for the login shell.
    Line(&'a str),
    /// A command line of this program's own, which `sh` runs and not the login shell.
    OwnLine(&'a str),
    /// A program with what it gets besides its command line.
    Supplied(Supplied<'a>),
}

/// The outcome of a command, without its output.
#[derive(Debug)]
pub struct ExecOutcome {
    /// Its end.
    pub ended: ExitOutcome,
    /// True if its bound has left out some of its output.
    pub is_cut: bool,
    /// The end of its bound that it came to, where it was stopped there or cut.
    pub reached: Option<Reached>,
    /// True if a process that it left in the background still holds its output, of which no more is read.
    pub has_child: bool,
    /// True if a pager that waited for keys was quit.
    pub has_quit_pager: bool,
    /// The encoding of its output.
    pub charset: Charset,
    /// The last lines of one at a terminal.
    pub prompt: Option<String>,
}

impl<'a> CommandText<'a> {
    /// The command line; empty for a script.
    pub fn line(&self) -> &'a str {
        match self {
            Self::Line(line) | Self::OwnLine(line) => line,
            Self::Supplied(supplied) => match supplied.program {
                SuppliedProgram::Line(line) => line,
                SuppliedProgram::Script { .. } => "",
            },
        }
    }
}

impl CommandText<'_> {
    /// The text of a detached job that does the same.
    pub fn detached(&self) -> DetachedText<'_> {
        match self {
            Self::Supplied(supplied) => DetachedText {
                line: DETACHED_READER,
                input: DetachedInput::Data(supplied.detached()),
            },
            text => DetachedText {
                line: text.line(),
                input: DetachedInput::Nothing,
            },
        }
    }
}

impl ExecOutcome {
    fn not_begun() -> Self {
        Self {
            ended: ExitOutcome::NotBegun,
            is_cut: false,
            reached: None,
            has_child: false,
            has_quit_pager: false,
            charset: Charset::default(),
            prompt: None,
        }
    }
}

impl RemoteCommand<'_> {
    /// Runs the command. `stdout` and `stderr` get all of its output, also if it does not end well.
    ///
    /// An error means that the command did not start.
    pub async fn run(
        self,
        pool: &Pool,
        stdout: &mut Output,
        stderr: &mut Output,
    ) -> Result<ExecOutcome, Error> {
        let takes_data = matches!(self.text, CommandText::Supplied(_));
        let server = pool.server(self.alias)?;
        if let Some(reason) = server.why_plain().filter(|_| takes_data) {
            return Err(no_shell(self.alias, reason));
        }
        if server.is_device() {
            return self.run_on_device(pool, stdout).await;
        }
        let patience = patience(self.limit);
        let opened = open(pool, self.alias, patience, self.cancel).await?;
        let Some((channel, shell)) = opened else {
            return Ok(ExecOutcome::not_begun());
        };
        let input = match (&self.text, self.responder) {
            (text, Some(responder)) => Input::Talk(text.line(), Box::new(responder)),
            (CommandText::Line(line), None) => Input::Nothing(line),
            (CommandText::OwnLine(line), None) => Input::Script(line),
            (CommandText::Supplied(supplied), None) => Input::Supplied(supplied),
        };
        let mut session = CommandSession::begin(channel, input, shell, stdout, stderr).await?;
        session.set_bound(self.bound);
        if let Some(link) = self.link {
            session.set_link(link);
        }
        let interruption = session.drive(self.limit, self.cancel).await;
        let (is_cut, has_child) = (session.is_cut(), session.has_child());
        let reached = session.reached();
        let (has_quit_pager, prompt) = (session.has_quit_pager(), session.prompt());
        let has_announced = session.has_announced();
        let has_begun = has_announced || !takes_data;
        let ended = session.close(interruption, pool, self.alias).await?;
        if shell.is_posix && !has_announced && matches!(ended, ExitOutcome::Exited(_)) {
            doubt_shell(&pool.as_login_user(), self.alias).await?;
        }
        if !has_begun && matches!(ended, ExitOutcome::Exited(_) | ExitOutcome::Unknown) {
            let reason = "it has no sh, which alone takes stdin, cwd, env and script";
            return Err(no_shell(self.alias, reason));
        }
        Ok(ExecOutcome {
            ended,
            is_cut,
            reached,
            has_child,
            has_quit_pager,
            charset: shell.charset,
            prompt,
        })
    }
}

/// The error for a server without the shell that a call needs.
fn no_shell(alias: &str, reason: &str) -> Error {
    Error::NoShell {
        alias: alias.to_owned(),
        reason: reason.to_owned(),
    }
}
