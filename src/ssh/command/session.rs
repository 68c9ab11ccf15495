//! A session channel with a process on the other side: its messages, its end, and how it is stopped
//! (RFC 4254, sections 6.5 to 6.10).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use russh::{ChannelMsg, Sig};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::command_line::Sent;
use super::exit_outcome::{ExitOutcome, StopReason};
use super::feed::Feed;
use super::marker::Marker;
use super::step::OutputStep;
use super::supplied::Supplied;
use crate::charset::Charset;
use crate::error::{Error, Stopped};
use crate::ssh::output::bound::{Allowance, Bound, Reached};
use crate::ssh::output::{Output, due};
use crate::ssh::pool::{ChannelPurpose, Lease, OpenChannel, Pool, ShellKind};
use crate::ssh::prompt::PromptResponder;
use crate::ssh::prompt::link::{TerminalLink, TypedInput};
use crate::ssh::script::probe::shell_kind;
use crate::ssh::script::stop::{self, Victim};

/// The silence after the exit status for which a channel is kept open. A child that the command left in
/// the background would keep it open for as long as it lives.
const LINGER: Duration = Duration::from_secs(2);

/// The further silence for which it is kept open once the server has answered a ping: a server that was
/// held up has sent everything by then.
const LAST_LINGER: Duration = Duration::from_millis(500);

/// The time after the exit status for which it is kept open at most: the child may also print for ever.
const LONGEST_LINGER: Duration = Duration::from_secs(10);

/// The time that a command has to end after each signal that is sent over its own channel.
const SIGNAL_PATIENCE: Duration = Duration::from_millis(500);

/// The time that a command has to end by itself once it has printed the last line of its bound.
const BOUND_PATIENCE: Duration = Duration::from_millis(250);

/// The time that a shell has to end after its input.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// A terminal that programs know.
pub(super) const TERMINAL: &str = "xterm";

/// The size of a command's terminal, wide enough to break no line.
const TERMINAL_SIZE: (u32, u32) = (250, 50);

/// The line for which a shell waits that has asked whether to begin a step.
const GO: &str = "go\n";

/// The reason why no command runs.
pub(super) const NO_COMMANDS: &str = "the server refuses to run commands for this user";

/// Returns whether a server refuses to run commands.
pub fn has_refused_commands(error: &Error) -> bool {
    matches!(error, Error::Connection { reason, .. } if reason == NO_COMMANDS)
}

/// The data type of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

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

/// Waits until `deadline`; for ever if there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Waits for the next input that a caller types; for ever if none can.
async fn typed(input: &mut Option<UnboundedReceiver<TypedInput>>) -> Option<TypedInput> {
    match input {
        Some(input) => input.recv().await,
        None => std::future::pending().await,
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
    typed: Option<UnboundedReceiver<TypedInput>>,
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
                feed = Feed::of(supplied.all_input(reader, charset));
                Sent::reader(&prefix, reader, shell.is_restricted)
            }
        };
        channel.exec(&sent.line, charset).await?;
        if let Some(input) = sent.input {
            // If the server does not take it, the outcome shows that.
            let _ = channel.data(charset.encode(&input).as_slice()).await;
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
            typed: None,
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
        OutputStep::until(token, self.stdout, self.charset, bound.lines)
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

    /// Takes messages until the step is over, or the channel closes, or has lingered after the
    /// process's end, or the process has to be stopped.
    pub(in crate::ssh) async fn drive(
        &mut self,
        limit: Option<Duration>,
        cancel: &CancellationToken,
    ) -> Option<StopReason> {
        let after = |time: Option<Duration>| time.and_then(|time| Instant::now().checked_add(time));
        let (mut deadline, mut bound) = (after(limit), after(self.bound.time));
        let (mut lingers_until, mut is_full) = (None, false);
        let mut linger = LINGER;
        while !self.closed && !self.is_step_over() {
            if self.steps.front_mut().is_some_and(OutputStep::asks_now) {
                // A lost connection is noticed where the channel is read.
                let _ = self.type_in(GO).await;
                (deadline, bound) = (after(limit), after(self.bound.time));
            }
            let silent_until = self.exit.as_ref().map(|_| Instant::now() + linger);
            if silent_until.is_some() && lingers_until.is_none() {
                // Later output is a child's, and not this command's.
                lingers_until = Some(Instant::now() + LONGEST_LINGER);
            }
            if !is_full && self.is_at_bound() {
                is_full = true;
                let patience = Instant::now() + BOUND_PATIENCE;
                bound = Some(bound.map_or(patience, |bound| bound.min(patience)));
            }
            tokio::select! {
                message = self.channel.wait() => {
                    self.take(message);
                    linger = LINGER;
                }
                () = until(bound), if bound.is_some() => return Some(ExitOutcome::Bounded),
                () = due([self.stdout, self.stderr]) => self.write().await,
                () = until(silent_until.min(lingers_until)), if silent_until.is_some() => {
                    let is_long = lingers_until.is_some_and(|end| Instant::now() >= end);
                    let lease = self.channel.lease();
                    if linger == LAST_LINGER || is_long {
                        return None;
                    }
                    if !lease.connection().answers().await {
                        self.closed = true;
                    }
                    linger = LAST_LINGER;
                }
                () = until(self.responder.as_ref().and_then(|responder| responder.due())), if self.responder.is_some() => {
                    self.answer().await;
                }
                Some(input) = typed(&mut self.typed) => self.type_for_caller(&input).await,
                () = until(deadline) => {
                    if !self.has_ended_meanwhile().await {
                        return Some(ExitOutcome::TimedOut);
                    }
                }
                () = cancel.cancelled() => return Some(ExitOutcome::Cancelled),
            }
        }
        None
    }

    /// Takes all that the server has sent by now, of a step that is late. Returns whether the step has
    /// ended. The shell is at the next one then, which is not to be stopped for it.
    async fn has_ended_meanwhile(&mut self) -> bool {
        if !self.has_steps_ahead() {
            return false;
        }
        let lease = self.channel.lease();
        let ping = lease.connection().answers();
        tokio::pin!(ping);
        loop {
            tokio::select! {
                biased;
                message = self.channel.wait(), if !self.closed => self.take(message),
                _ = &mut ping => break,
            }
        }
        while let Some(message) = self.channel.wait().now_or_never().filter(|_| !self.closed) {
            self.take(message);
        }
        self.is_step_over()
    }

    /// Ends the input, and waits for the process to end. Returns whether a child of it still holds its
    /// output.
    pub(in crate::ssh) async fn end(mut self) -> bool {
        let _ = self.channel.eof().await;
        self.await_end(END_PATIENCE).await;
        let closing = async {
            while !self.closed {
                let message = self.channel.wait().await;
                self.take(message);
            }
        };
        let is_held = timeout(LINGER, closing).await.is_err() && self.exit.is_some();
        self.finish().await;
        is_held
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

    async fn type_for_caller(&mut self, input: &TypedInput) {
        if let Some(responder) = &mut self.responder {
            responder.note_typed(&input.text, input.secret.as_deref());
        }
        // A lost connection is noticed where the channel is read.
        let _ = self.type_in(&input.text).await;
    }

    /// Answers the prompt that waits, if one does, or tells that it gets no answer.
    async fn answer(&mut self) {
        let waits_at = self
            .responder
            .as_mut()
            .and_then(|responder| responder.waits_at());
        if let (Some(line), Some(link)) = (waits_at, &self.link) {
            link.note_waiting(line);
        }
        if let Some(answer) = self
            .responder
            .as_mut()
            .and_then(|responder| responder.answer())
        {
            // A lost connection is noticed where the channel is read.
            let answer = self.charset.encode(&answer);
            let _ = self.channel.data(answer.as_slice()).await;
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

    /// Ends the session, stopping its process if it was interrupted. Returns its end.
    pub(in crate::ssh) async fn close(
        self,
        interruption: Option<StopReason>,
        pool: &Pool,
        alias: &str,
    ) -> Result<ExitOutcome, Error> {
        let (ended, _) = self.close_with_steps(interruption, pool, alias).await?;
        Ok(ended)
    }

    /// Does the same, and returns the steps that were not taken out.
    pub(in crate::ssh) async fn close_with_steps(
        mut self,
        interruption: Option<StopReason>,
        pool: &Pool,
        alias: &str,
    ) -> Result<(ExitOutcome, VecDeque<OutputStep>), Error> {
        // A process that has ended by itself was not stopped by us, even if its channel is still open.
        let interruption = interruption.filter(|_| self.exit.is_none());
        let lease = self.channel.lease();
        let Some(ended) = interruption else {
            let steps = self.finish().await;
            return Ok((self.verdict(&lease).await?, steps));
        };
        let victim = match ended(Stopped::Unknown) {
            ExitOutcome::Cancelled(_) if self.has_steps_ahead() => Victim::ShellFirst,
            _ => Victim::Group,
        };
        let mut stopped = self.stop(victim, pool, alias).await;
        let steps = self.finish().await;
        let (group, began) = (self.group().await, self.began);
        drop(self);
        if let (Stopped::Unknown, Some(group)) = (stopped, group)
            && lease.is_current()
        {
            // No channel was to be had: the command's own connection makes room for one.
            lease.retire_if_alone();
            drop(lease);
            let ending = stop::end_group(pool, alias, group, began.elapsed(), victim).await;
            stopped = ending.unwrap_or(stopped);
        }
        Ok((ended(stopped), steps))
    }

    /// Takes messages until the command's end is known or the channel closes, at most for `patience`.
    async fn await_end(&mut self, patience: Duration) {
        let _ = timeout(patience, async {
            while self.exit.is_none() && !self.closed {
                let message = self.channel.wait().await;
                self.take(message);
            }
        })
        .await;
    }

    fn take(&mut self, message: Option<ChannelMsg>) {
        match message {
            Some(ChannelMsg::Data { data }) if self.responder.is_some() => {
                let data = self.unannounced(&data);
                if let Some(link) = &self.link {
                    link.note_output();
                }
                if let Some(responder) = &mut self.responder {
                    self.stdout.push(&responder.take(&data));
                }
            }
            Some(ChannelMsg::Data { data }) => {
                if self.steps.is_empty() {
                    let first = self.allowance.first(&data, self.stdout.captured());
                    self.stdout.push(first);
                } else {
                    self.take_stdout_of_steps(data.to_vec());
                }
            }
            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => {
                let data = self.unannounced(&data);
                self.take_stderr_of_steps(data);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                self.exit = Some(ExitOutcome::Exited(exit_status));
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                self.exit = Some(ExitOutcome::by(&signal_name));
            }
            // The program runs, and the channel is not replaced any more.
            Some(ChannelMsg::Success) => self.feed.begin(&self.channel),
            Some(ChannelMsg::Failure) => {
                self.refused = true;
                self.closed = true;
            }
            Some(ChannelMsg::Close) => {
                self.closed_by_server = true;
                self.closed = true;
            }
            None => self.closed = true,
            Some(_) => {}
        }
    }

    /// The bytes without the announcement of the shell's process.
    fn unannounced(&mut self, data: &[u8]) -> Vec<u8> {
        match &mut self.announcement {
            Some(announcement) => announcement.pass(data),
            None => data.to_vec(),
        }
    }

    /// Deals out bytes of standard output to the steps that have not ended there.
    fn take_stdout_of_steps(&mut self, mut rest: Vec<u8>) {
        for step in self.steps.iter_mut().filter(|step| !step.stdout.is_over()) {
            rest = step.take_stdout(self.stdout, &rest);
            if !step.stdout.is_over() {
                return;
            }
        }
        self.stdout.push(&rest);
    }

    /// Does the same with standard error.
    fn take_stderr_of_steps(&mut self, mut rest: Vec<u8>) {
        for step in self.steps.iter_mut().filter(|step| !step.stderr.is_over()) {
            rest = step.take_stderr(self.stderr, &rest);
            if !step.stderr.is_over() {
                return;
            }
        }
        self.stderr.push(&rest);
    }

    /// Writes the bytes that are due.
    async fn write(&mut self) {
        let now = Instant::now();
        for output in [&mut *self.stdout, &mut *self.stderr] {
            if output.due().is_some_and(|due| due <= now) {
                output.write().await;
            }
        }
    }

    /// Writes the last bytes. Returns the steps that were not taken out.
    async fn finish(&mut self) -> VecDeque<OutputStep> {
        let mut steps = std::mem::take(&mut self.steps);
        for step in &mut steps {
            step.take_rest(self.stdout, self.stderr);
        }
        if let Some(responder) = &mut self.responder {
            self.stdout.push(&responder.rest());
        }
        if let Some(announcement) = &mut self.announcement {
            self.stderr.push(&announcement.rest());
        }
        self.stdout.finish().await;
        self.stderr.finish().await;
        steps
    }

    async fn verdict(&mut self, lease: &Lease) -> Result<ExitOutcome, Error> {
        if self.refused {
            return Err(lease.refusal(NO_COMMANDS));
        }
        Ok(match self.exit.take() {
            Some(exit) => exit,
            None if self.closed_by_server => ExitOutcome::Unknown,
            None => ExitOutcome::ConnectionLost(lease.connection_lost().await),
        })
    }

    /// Ends the command with all its children, ever more firmly, and says what is known of it then.
    async fn stop(&mut self, victim: Victim, pool: &Pool, alias: &str) -> Stopped {
        // A shell that survives the signal would go on with the next step. sudo passes it to one process alone, after
        // whose end the others are not found.
        if victim == Victim::Group && !pool.is_elevated(alias) {
            // Servers may drop signals in silence, so having sent one proves nothing.
            let _ = self.channel.signal(Sig::TERM).await;
        }
        // The alias may name another server by now: its processes are none of this command's.
        let group = self
            .group()
            .await
            .filter(|_| self.channel.lease().is_current());
        if let Some(group) = group {
            let ending = stop::end_group(pool, alias, group, self.began.elapsed(), victim);
            tokio::pin!(ending);
            let outcome = loop {
                // Output that nobody reads would hold up the connection, and with it the other channel.
                tokio::select! {
                    outcome = &mut ending => break outcome,
                    message = self.channel.wait(), if !self.closed => self.take(message),
                    () = due([self.stdout, self.stderr]) => self.write().await,
                }
            };
            match outcome {
                Some(Stopped::Stopped) => {
                    self.await_end(SIGNAL_PATIENCE).await;
                    return Stopped::Stopped;
                }
                Some(stopped) => return stopped,
                None => {}
            }
        }
        self.await_end(SIGNAL_PATIENCE).await;
        if self.exit.is_none() && !self.closed {
            let _ = self.channel.signal(Sig::KILL).await;
            self.await_end(SIGNAL_PATIENCE).await;
        }
        if self.exit.is_some() {
            Stopped::Stopped
        } else {
            Stopped::Unknown
        }
    }

    /// The command's process group, which may be about to be announced.
    async fn group(&mut self) -> Option<u32> {
        let deadline = Instant::now() + SIGNAL_PATIENCE;
        loop {
            let line = self.announcement.as_ref()?.line();
            let group = line.and_then(|line| line.trim().parse().ok());
            if line.is_some() || self.closed {
                return group;
            }
            tokio::select! {
                message = self.channel.wait() => self.take(message),
                () = sleep_until(deadline) => return None,
            }
        }
    }
}
