//! One command on a server.
//!
//! | module | what it is |
//! |---|---|
//! | `session` | one channel that runs a command, from its request to its end |
//! | `command_line` | the command line and input that a command is sent as |
//! | `sequence`, `shell_text`, `step`, `marker` | several commands in one shell, told apart |
//! | `detached` | commands that outlive the connection |
//! | `exit_outcome` | the ends of commands |

pub(in crate::ssh) mod command_line;
pub mod detached;
pub(in crate::ssh) mod exit_outcome;
pub(in crate::ssh) mod marker;
pub mod sequence;
pub(in crate::ssh) mod session;
mod shell_text;
pub(in crate::ssh) mod step;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::charset::Charset;
use crate::error::Error;
use crate::ssh::output::Output;
use crate::ssh::output::bound::{Bound, Reached};
use crate::ssh::pool::{Pool, patience};
use crate::ssh::prompt::PromptResponder;
use exit_outcome::ExitOutcome;
use session::{CommandSession, Input, open};

/// A command, and what bounds it.
pub struct RemoteCommand<'a> {
    /// The server.
    pub alias: &'a str,
    /// The command line, for the login shell.
    pub line: &'a str,
    /// True for a script of this program's own, which `sh` runs and not the login shell.
    pub is_script: bool,
    /// The time that it may run; `None` is without limit.
    pub limit: Option<Duration>,
    /// The most that is taken of its output.
    pub bound: Bound,
    /// Answers its prompts, if it runs at a terminal.
    pub responder: Option<PromptResponder>,
    /// Stops it when cancelled.
    pub cancel: &'a CancellationToken,
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
        let patience = patience(self.limit);
        let opened = open(pool, self.alias, patience, self.cancel).await?;
        let Some((channel, shell)) = opened else {
            return Ok(ExecOutcome {
                ended: ExitOutcome::NotBegun,
                is_cut: false,
                reached: None,
                has_child: false,
                has_quit_pager: false,
                charset: Charset::default(),
                prompt: None,
            });
        };
        let input = match self.responder {
            Some(responder) => Input::Talk(self.line, Box::new(responder)),
            None if self.is_script => Input::Script(self.line),
            None => Input::Nothing(self.line),
        };
        let mut session = CommandSession::begin(channel, input, shell, stdout, stderr).await?;
        session.set_bound(self.bound);
        let interruption = session.drive(self.limit, self.cancel).await;
        let (is_cut, has_child) = (session.is_cut(), session.has_child());
        let reached = session.reached();
        let (has_quit_pager, prompt) = (session.has_quit_pager(), session.prompt());
        let ended = session.close(interruption, pool, self.alias).await?;
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
