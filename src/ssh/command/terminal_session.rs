//! A channel with a terminal whose program goes on from call to call (RFC 4254, sections 6.2 and 6.5).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::exit_outcome::signal_name;
use super::session::TERMINAL;
use crate::charset::Charset;
use crate::error::{Error, NO_COMMANDS};
use crate::shell::quote;
use crate::ssh::pool::{ChannelPurpose, Lease, OpenChannel, Pool, ShellKind, patience};
use crate::ssh::script::probe::shell_kind;
use crate::sync::lock;
use crate::terminal::{DisplayShape, TerminalDisplay};

/// The time in which a channel is closed once its program has ended. A child may hold the terminal.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// The time allowed for an answer of the terminal to a program's question.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// A program at a terminal of its own.
pub struct TerminalSession {
    outgoing: Arc<ChannelWriteHalf<Msg>>,
    terminal: Arc<SharedTerminal>,
    charset: Charset,
    /// True if it runs the script that was asked for.
    runs_script: bool,
    /// The input that is on its way.
    typing: Mutex<Option<JoinHandle<()>>>,
    reading: JoinHandle<()>,
    // Given back after the channel was closed.
    lease: Arc<Lease>,
}

/// The terminal that a program is to have.
#[derive(Clone, Copy, Debug)]
pub struct TerminalRequest<'l> {
    /// The text that `sh` runs; `None` asks for the login shell as a person gets it.
    pub script: Option<&'l str>,
    /// True if the terminal shows what is typed.
    pub echoes: bool,
    /// The word that begins signals on its display.
    pub token: &'l str,
    /// The shape of its display.
    pub shape: DisplayShape,
}

/// A terminal and its program, as they stand.
pub struct TerminalState {
    /// The display.
    pub display: TerminalDisplay,
    /// The bytes that have come.
    pub received: u64,
    /// The time at which the last ones came.
    pub last_output: Instant,
    /// The end of the program.
    pub ended: Option<TerminalEnd>,
}

/// The end of a program at a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalEnd {
    /// With an exit status.
    Exited(u32),
    /// By a signal.
    Signalled(String),
    /// The server closed the channel without an exit status.
    Unknown,
    /// The connection was lost, for this reason.
    ConnectionLost(String),
}

struct SharedTerminal {
    state: Mutex<TerminalState>,
    /// The bytes that have come, for those who wait for a change.
    changes: watch::Sender<u64>,
    over: CancellationToken,
}

impl TerminalSession {
    /// Starts a program on a channel of `pool`. The kind of the login shell is asked for over `others`, the
    /// connections that commands use.
    pub async fn start(
        pool: &Pool,
        others: &Pool,
        alias: &str,
        request: TerminalRequest<'_>,
    ) -> Result<Self, Error> {
        let script = match request.script {
            Some(script) if !others.server(alias)?.is_plain() => {
                let kind = shell_kind(others, alias, patience(None)).await?;
                // A restricted shell is to stay one.
                (!kind.is_restricted).then(|| command_line(script, kind))
            }
            _ => None,
        };
        let started = Self::on_channel(pool, alias, script.as_deref(), request).await?;
        if let Some(session) = started {
            return Ok(session);
        }
        // A server that runs no commands may still have a login shell.
        let session = Self::on_channel(pool, alias, None, request).await?;
        session.ok_or_else(|| Error::NoShell {
            alias: alias.to_owned(),
            reason: NO_COMMANDS.to_owned(),
        })
    }

    /// Starts a program; `None` if the server refuses it.
    async fn on_channel(
        pool: &Pool,
        alias: &str,
        command_line: Option<&str>,
        request: TerminalRequest<'_>,
    ) -> Result<Option<Self>, Error> {
        let mut channel = pool
            .open(alias, ChannelPurpose::Command, patience(None))
            .await?;
        let charset = pool.charset(alias);
        let size = request.shape.size();
        let refused = |channel: &OpenChannel, error: russh::Error| {
            let lease = channel.lease();
            lease.refusal(error.to_string())
        };
        let asked = channel.request_terminal(TERMINAL, size, request.echoes);
        asked.await.map_err(|error| refused(&channel, error))?;
        if let Some(line) = command_line {
            channel.exec(line, charset).await?;
        } else {
            let asked = channel.request_shell().await;
            asked.map_err(|error| refused(&channel, error))?;
        }
        let terminal = SharedTerminal::new(request);
        let is_started = first_answer(&mut channel, &terminal, charset).await?;
        let runs_script = command_line.is_some();
        Ok(is_started.then(|| Self::of(channel, terminal, charset, runs_script)))
    }

    fn of(
        channel: OpenChannel,
        terminal: SharedTerminal,
        charset: Charset,
        runs_script: bool,
    ) -> Self {
        let lease = channel.lease();
        let (early, incoming, outgoing) = channel.into_halves();
        let (terminal, outgoing) = (Arc::new(terminal), Arc::new(outgoing));
        let reading = tokio::spawn(read(
            (early, incoming),
            Arc::clone(&outgoing),
            Arc::clone(&terminal),
            Arc::clone(&lease),
            charset,
        ));
        Self {
            outgoing,
            terminal,
            charset,
            runs_script,
            typing: Mutex::default(),
            reading,
            lease,
        }
    }

    /// Looks at the terminal as it stands, or takes something from it.
    pub fn look<T>(&self, look: impl FnOnce(&mut TerminalState) -> T) -> T {
        let mut state = lock(&self.terminal.state);
        state.display.draw_held();
        look(&mut state)
    }

    /// Cancelled once the program has ended.
    pub fn over(&self) -> CancellationToken {
        self.terminal.over.clone()
    }

    /// The number of bytes that have come, to wait for a change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.terminal.changes.subscribe()
    }

    /// Begins to type. Returns false if the input before has not been taken yet.
    pub fn begin_typing(&self, text: &str) -> bool {
        let mut typing = lock(&self.typing);
        if typing.as_ref().is_some_and(|typing| !typing.is_finished()) {
            return false;
        }
        let (bytes, outgoing) = (self.charset.encode(text), Arc::clone(&self.outgoing));
        *typing = Some(tokio::spawn(async move {
            // A lost connection is noticed where the channel is read.
            let _ = outgoing.data(bytes.as_slice()).await;
        }));
        true
    }

    /// Returns whether input is on its way that the program has not taken.
    pub fn is_typing(&self) -> bool {
        let typing = lock(&self.typing);
        typing.as_ref().is_some_and(|typing| !typing.is_finished())
    }

    /// Returns whether it runs the script that was asked for, and not the login shell as it is.
    pub fn runs_script(&self) -> bool {
        self.runs_script
    }

    /// Has its connection carry no further channel, and end after this one.
    pub(super) fn retire_connection(&self) {
        self.lease.retire();
    }

    /// The error that its connection was lost.
    pub(super) async fn connection_lost(&self) -> Error {
        self.lease.connection_lost().await
    }

    /// Closes the channel; the server hangs up on what runs at the terminal.
    pub async fn close(&self) {
        let _ = timeout(ANSWERS_WITHIN, self.outgoing.close()).await;
    }
}

impl Drop for TerminalSession {
    fn drop(&mut self) {
        self.reading.abort();
        if let Some(typing) = lock(&self.typing).take() {
            typing.abort();
        }
    }
}

impl SharedTerminal {
    fn new(request: TerminalRequest<'_>) -> Self {
        let state = TerminalState {
            display: TerminalDisplay::new(request.token, request.shape),
            received: 0,
            last_output: Instant::now(),
            ended: None,
        };
        Self {
            state: Mutex::new(state),
            changes: watch::Sender::default(),
            over: CancellationToken::new(),
        }
    }

    /// Takes output, and returns what the terminal answers to it.
    fn take(&self, data: &[u8], charset: Charset) -> Vec<u8> {
        let (answers, received) = {
            let mut state = lock(&self.state);
            state.received += data.len() as u64;
            state.last_output = Instant::now();
            match charset {
                Charset::Utf8 => state.display.take(data),
                other => state.display.take(other.decode(data).text.as_bytes()),
            }
            (state.display.take_answers(), state.received)
        };
        self.changes.send_replace(received);
        answers
    }

    fn end(&self, end: TerminalEnd) {
        lock(&self.state).ended = Some(end);
        self.over.cancel();
        self.changes.send_modify(|_| {});
    }
}

/// Waits until the server has answered the request for the program. Returns false if it refuses it.
async fn first_answer(
    channel: &mut OpenChannel,
    terminal: &SharedTerminal,
    charset: Charset,
) -> Result<bool, Error> {
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return Ok(true),
            Some(ChannelMsg::Data { data }) => {
                terminal.take(&data, charset);
                return Ok(true);
            }
            Some(ChannelMsg::Failure | ChannelMsg::Close) => return Ok(false),
            None => return Err(channel.lease().connection_lost().await),
            Some(_) => {}
        }
    }
}

/// Takes all that the server sends, until the channel is closed.
async fn read(
    (mut early, mut incoming): (VecDeque<ChannelMsg>, ChannelReadHalf),
    outgoing: Arc<ChannelWriteHalf<Msg>>,
    terminal: Arc<SharedTerminal>,
    lease: Arc<Lease>,
    charset: Charset,
) {
    let mut exit = None;
    loop {
        let message = match (&exit, early.pop_front()) {
            (_, Some(message)) => Some(message),
            (None, None) => incoming.wait().await,
            (Some(_), None) => match timeout(CLOSES_WITHIN, incoming.wait()).await {
                Ok(message) => message,
                Err(_) => Some(ChannelMsg::Close),
            },
        };
        match message {
            Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. }) => {
                let answers = terminal.take(&data, charset);
                if !answers.is_empty() {
                    let _ = timeout(ANSWERS_WITHIN, outgoing.data(answers.as_slice())).await;
                }
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                exit = Some(TerminalEnd::Exited(exit_status));
            }
            Some(ChannelMsg::ExitSignal {
                signal_name: signal,
                ..
            }) => {
                exit = Some(TerminalEnd::Signalled(signal_name(&signal)));
            }
            Some(ChannelMsg::Close) => {
                return terminal.end(exit.unwrap_or(TerminalEnd::Unknown));
            }
            None => {
                let lost = exit.unwrap_or_else(|| {
                    TerminalEnd::ConnectionLost(lease.connection().closed_because())
                });
                return terminal.end(lost);
            }
            Some(_) => {}
        }
    }
}

/// The command line that runs a script in `sh`. A login shell of another kind takes nothing but octal digits for
/// the script, which it cannot misread.
fn command_line(script: &str, kind: ShellKind) -> String {
    if kind.is_posix {
        return format!("exec sh -c {}", quote(script));
    }
    let octal: Vec<_> = script.bytes().map(|byte| format!("\\{byte:03o}")).collect();
    let octal = octal.concat();
    format!("exec sh -c 'eval \"$(printf \"{octal}\")\"'")
}
