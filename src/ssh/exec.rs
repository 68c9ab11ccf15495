//! One command on a server.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::conversation::Conversation;
use super::ended::Ended;
use super::output::Output;
use super::pool::{Pool, patience};
use super::session::{Bound, Input, Session, open};
use crate::error::Error;

/// A command, and what bounds it.
pub struct Command<'a> {
    /// The server.
    pub alias: &'a str,
    /// The command line, for the login shell.
    pub line: &'a str,
    /// Whether the line is a script of this program's own, for `sh` and not the login shell.
    pub is_script: bool,
    /// How long it may run; `None` is without limit.
    pub limit: Option<Duration>,
    /// How much is taken of its output, where it would print for ever.
    pub bound: Option<Bound>,
    /// What is said to it, where it runs at a terminal.
    pub talk: Option<Conversation>,
    /// Stops it when cancelled.
    pub cancel: &'a CancellationToken,
}

impl Command<'_> {
    /// Runs the command, and gives how it ended, and the last lines of one at a terminal. `stdout` and `stderr` have whatever it printed,
    /// also if it did not end well.
    ///
    /// An error means that the command did not start.
    pub async fn run(
        self,
        pool: &Pool,
        stdout: &mut Output,
        stderr: &mut Output,
    ) -> Result<(Ended, Option<String>), Error> {
        let patience = patience(self.limit);
        let opened = open(pool, self.alias, patience, self.cancel).await?;
        let Some((channel, posix)) = opened else {
            return Ok((Ended::NotBegun, None));
        };
        let input = match self.talk {
            Some(talk) => Input::Talk(self.line, Box::new(talk)),
            None if self.is_script => Input::Script(self.line),
            None => Input::Nothing(self.line),
        };
        let mut session = Session::begin(channel, input, posix, stdout, stderr).await?;
        session.set_bound(self.bound);
        let interruption = session.attend(self.limit, self.cancel).await;
        let prompt = session.prompt();
        let ended = session.conclude(interruption, pool, self.alias).await?;
        Ok((ended, prompt))
    }
}
