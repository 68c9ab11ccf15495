//! A session channel with a process on the other side: its messages, its end, and how it is stopped
//! (RFC 4254, sections 6.5 to 6.10).
//!
//! | module | what it is |
//! |---|---|
//! | `driving` | the wait for its end, with its time, its bound and its prompts |
//! | `messages` | what the server sends, dealt out to streams and steps |
//! | `closing` | its end, and its stop |

mod closing;
mod driving;
mod messages;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::command_line::Sent;
use super::exit_outcome::ExitOutcome;
use super::feed::Feed;
use super::marker::Marker;
use super::step::OutputStep;
use super::supplied::Supplied;
use crate::charset::Charset;
use crate::error::{Error, NO_COMMANDS};
use crate::ssh::output::Output;
use crate::ssh::output::bound::{Allowance, Bound, Reached};
use crate::ssh::pool::{ChannelPurpose, OpenChannel, Pool, ShellKind};
use crate::ssh::prompt::PromptResponder;
use crate::ssh::prompt::link::{TerminalLink, TypedInputs};
use crate::ssh::script::probe::shell_kind;
pub(super) use driving::until;

/// The silence after the exit status for which a channel is kept open. A child that the command left in
/// the background would keep it open for as long as it lives.
const LINGER: Duration = Duration::from_secs(2);

/// A terminal that programs know.
pub(super) const TERMINAL: &str = "xterm";

/// The size of a command's terminal, wide enough to break no line.
pub(super) const TERMINAL_SIZE: (u32, u32) = (250, 50);

/// Returns whether a server refuses to run commands.
pub fn has_refused_commands(error: &Error) -> bool {
    matches!(error, Error::Connection { reason, .. } if reason == NO_COMMANDS)
}

/// Opens a channel for a command of `alias`, waiting for one at most `patience`. Gives also what its
/// login shell is like; `None` if that was cancelled.
pub(in crate::ssh) async fn open(
    pool: &Pool,
    alias: &str,
    patience: Duration,
    cancel: &CancellationToken,
) -> Result<Option<(OpenChannel, ShellKind)>, Error> {
    let open = async {
        let mut shell = shell_kind(&pool.as_login_user(), alias, patience).await?;
        shell.charset = pool.charset(alias);
        let channel = pool.open(alias, ChannelPurpose::Command, patience).await?;
        Ok(Some((channel, shell)))
    };
    tokio::select! {
        opened = open => opened,
        () = cancel.cancelled() => Ok(None),
    }
}

/// A process on the other side of a channel.
pub(in crate::ssh) struct CommandSession<'a> {
    channel: OpenChannel,
    /// In it, on standard error, the shell tells the number of its process: that of its process group.
    announcement: Option<Marker>,
    stdout: &'a mut Output,
    stderr: &'a mut Output,
    charset: Charset,
    /// The steps that are not taken out yet, in the order in which the shell runs them.
    steps: VecDeque<OutputStep>,
    /// Answers the prompts of a command at a terminal.
    responder: Option<Box<PromptResponder>>,
    /// Tells callers that it waits, and has what they type.
    link: Option<Arc<TerminalLink>>,
    typed: TypedInputs,
    feed: Feed,
    bound: Bound,
    allowance: Allowance,
    began: Instant,
    exit: Option<ExitOutcome>,
    refused: bool,
    closed: bool,
    closed_by_server: bool,
}

/// A command line, and its input.
pub(in crate::ssh) enum Input<'l> {
    /// A command line whose input is at its end.
    Nothing(&'l str),
    /// A command line that reads what is typed to it.
    Typed(&'l str),
    /// A command line at a terminal, and what is said to it.
    Talk(&'l str, Box<PromptResponder>),
    /// A command line for `sh`, whatever the login shell is.
    Script(&'l str),
    /// A program that comes with its input.
    Supplied(&'l Supplied<'l>),
}

impl<'a> CommandSession<'a> {
    /// Runs a command line in the login shell; a POSIX one tells its process group.
    pub(in crate::ssh) async fn begin(
        mut channel: OpenChannel,
        input: Input<'_>,
        shell: ShellKind,
        stdout: &'a mut Output,
        stderr: &'a mut Output,
    ) -> Result<Self, Error> {
        let is_silent = matches!(input, Input::Nothing(_) | Input::Script(_));
        let (charset, mut feed) = (shell.charset, Feed::default());
        // Other shells might misread the announcement, and a program of another kind the whole line.
        let takes_announcement =
            shell.is_posix || matches!(input, Input::Script(_) | Input::Supplied(_));
        let announcement = takes_announcement.then(Marker::new);
        // On the same line as the command: an error in it is reported as ever.
        let prefix = announcement
            .as_ref()
            .map(|marker| format!("echo {}$$ >&2; ", marker.token()))
            .unwrap_or_default();
        let mut responder = None;
        let sent = match input {
            Input::Nothing(line) | Input::Typed(line) => Sent::line(prefix, line, shell.is_posix),
            Input::Script(line) => Sent::script(prefix, line, shell),
            Input::Talk(line, mut talks) => {
                talks.set_charset(charset);
                responder = Some(talks);
                let asked = channel
                    .request_terminal(TERMINAL, TERMINAL_SIZE, true)
                    .await;
                asked.map_err(|error| channel.lease().refusal(error.to_string()))?;
                Sent::at_terminal(&prefix, line, shell.is_posix)?
            }
            Input::Supplied(supplied) => {
                let reader = supplied.reader(shell.is_posix);
                let all = supplied.all_input(reader, charset);
                channel.expect_input(all.len());
                feed = Feed::of(all);
                Sent::reader(&prefix, reader, shell.is_restricted)
            }
        };
        let input = sent.input.map(|input| charset.encode(&input));
        if is_silent {
            channel.expect_input(input.as_ref().map_or(0, Vec::len));
        }
        channel.exec(&sent.line, charset).await?;
        if let Some(input) = input {
            // If the server does not take it, the outcome shows that.
            let _ = channel.data(&input).await;
        }
        if is_silent {
            // A command that reads its input finds the end of it.
            let _ = channel.eof().await;
        }
        Ok(Self {
            channel,
            announcement,
            stdout,
            stderr,
            charset,
            steps: VecDeque::new(),
            responder,
            link: None,
            typed: TypedInputs::default(),
            feed,
            bound: Bound::default(),
            allowance: Allowance::default(),
            began: Instant::now(),
            exit: None,
            refused: false,
            closed: false,
            closed_by_server: false,
        })
    }

    /// Returns whether the shell has told its process group.
    pub(in crate::ssh) fn has_announced(&self) -> bool {
        let line = self.announcement.as_ref().and_then(Marker::line);
        line.is_some()
    }

    /// Takes no more of the output than that.
    pub(in crate::ssh) fn set_bound(&mut self, bound: Bound) {
        self.bound = bound;
        self.allowance = Allowance::new(bound.lines);
    }

    /// The end of its bound that the command came to, if it came to one.
    pub(in crate::ssh) fn reached(&self) -> Option<Reached> {
        if self.is_at_bound() {
            self.bound.lines.map(Reached::Lines)
        } else {
            self.bound.time.map(Reached::Time)
        }
    }

    /// Returns whether the bound has left something out.
    pub(in crate::ssh) fn is_cut(&self) -> bool {
        self.allowance.is_cut
    }

    fn is_at_bound(&self) -> bool {
        match self.steps.front() {
            Some(step) => step.is_at_bound(),
            None => self.allowance.is_used(self.stdout.captured()),
        }
    }

    /// A step of this session, which ends with lines of `token`.
    pub(in crate::ssh) fn step(&self, token: &str, bound: Bound) -> OutputStep {
        let is_merged = self.channel.merges_streams();
        OutputStep::until(token, self.stdout, self.charset, bound.lines).merged(is_merged)
    }

    /// Expects the output of a further step.
    pub(in crate::ssh) fn expect(&mut self, step: OutputStep) {
        self.steps.push_back(step);
    }

    /// Types to the process.
    pub(in crate::ssh) async fn type_in(&mut self, text: &str) -> Result<(), Error> {
        let text = self.charset.encode(text);
        let sent = self.channel.data(text.as_slice()).await;
        sent.map_err(|error| self.channel.lease().refusal(error.to_string()))
    }

    /// Takes out the step that runs, with its output.
    pub(in crate::ssh) fn take_step(&mut self) -> Option<OutputStep> {
        let mut step = self.steps.pop_front()?;
        step.take_rest(self.stdout, self.stderr);
        Some(step)
    }

    /// Returns whether the step that runs has ended, as far as standard output tells.
    pub(in crate::ssh) fn has_told_end(&self) -> bool {
        let step = self.steps.front();
        step.is_some_and(|step| step.stdout.is_over())
    }

    fn is_step_over(&self) -> bool {
        self.steps.front().is_some_and(OutputStep::is_over)
    }

    /// Returns whether the shell goes on with a further step by itself.
    fn has_steps_ahead(&self) -> bool {
        self.steps.len() > 1
    }

    /// Returns whether a child still holds the output of the process, which has ended.
    pub(in crate::ssh) fn has_child(&self) -> bool {
        self.exit.is_some() && !self.closed
    }

    /// Lets callers see at what it waits, and type to it, where it runs at a terminal.
    pub(in crate::ssh) fn set_link(&mut self, link: &Arc<TerminalLink>) {
        if self.responder.is_some() {
            self.typed = link.take_input();
            self.link = Some(Arc::clone(link));
        }
    }
    /// The last lines that a command at a terminal has shown.
    pub(in crate::ssh) fn prompt(&self) -> Option<String> {
        self.responder.as_ref().map(|responder| responder.prompt())
    }

    /// Returns whether a pager that waited for keys was quit.
    pub(in crate::ssh) fn has_quit_pager(&self) -> bool {
        self.responder
            .as_ref()
            .is_some_and(|responder| responder.has_quit_pager())
    }

    /// Returns whether the process takes a further step.
    pub(in crate::ssh) fn goes_on(&self) -> bool {
        self.exit.is_none() && !self.closed
    }
}
