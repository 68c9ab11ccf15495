//! One command on a server.
//!
//! | module | what it is |
//! |---|---|
//! | `session` | one channel that runs a command, from its request to its end |
//! | `command_line` | how a command line is put to the shell |
//! | `sequence`, `step`, `marker` | several commands in one shell, told apart |
//! | `detached` | commands that outlive the connection |
//! | `exit_outcome` | how a command has ended |

pub(in crate::ssh) mod command_line;
pub mod detached;
pub(in crate::ssh) mod exit_outcome;
pub(in crate::ssh) mod marker;
pub mod sequence;
pub(in crate::ssh) mod session;
pub(in crate::ssh) mod step;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::charset::Charset;
use crate::error::Error;
use crate::ssh::command::exit_outcome::ExitOutcome;
use crate::ssh::command::session::{CommandSession, Input, open};
use crate::ssh::output::Output;
use crate::ssh::output::bound::{Bound, Reached};
use crate::ssh::pool::{Pool, patience};
use crate::ssh::prompt::PromptResponder;

/// A command, and what bounds it.
pub struct RemoteCommand<'a> {
    /// The server.
    pub alias: &'a str,
    /// The command line, for the login shell.
    pub line: &'a str,
    /// Whether the line is a script of this program's own, for `sh` and not the login shell.
    pub is_script: bool,
    /// How long it may run; `None` is without limit.
    pub limit: Option<Duration>,
    /// How much is taken of its output.
    pub bound: Bound,
    /// What is said to it, where it runs at a terminal.
    pub responder: Option<PromptResponder>,
    /// Stops it when cancelled.
    pub cancel: &'a CancellationToken,
}

/// What came of a command, besides what it printed.
#[derive(Debug)]
pub struct ExecOutcome {
    /// How it ended.
    pub ended: ExitOutcome,
    /// Whether its bound has left out some of its output.
    pub is_cut: bool,
    /// The end of its bound that it came to, where it was stopped there or cut.
    pub reached: Option<Reached>,
    /// Whether it has left a process in the background that holds its output, which ends here.
    pub has_child: bool,
    /// Whether a pager that waited for keys was quit.
    pub has_quit_pager: bool,
    /// What it printed in.
    pub charset: Charset,
    /// The last lines of one at a terminal.
    pub prompt: Option<String>,
}

impl RemoteCommand<'_> {
    /// Runs the command. `stdout` and `stderr` have whatever it printed, also if it did not end well.
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
