//! One command on a server: its output, its end, and how it is stopped (RFC 4254, sections 6.5 to 6.10).

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, Sig};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::capture::Captured;
use super::pool::{Lease, Pool, Use};
use crate::error::{Error, Stopped};

/// After the exit status, how long a channel may stay silent before it is closed: a child that the
/// command left in the background keeps it open for as long as it lives.
const LINGER: Duration = Duration::from_secs(2);

/// How long a command has to end after each signal.
const SIGNAL_PATIENCE: Duration = Duration::from_millis(500);

/// The data type of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// What a command left behind.
#[derive(Debug)]
pub struct Finished {
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// How it ended.
    pub ended: Ended,
}

/// How a command ended.
#[derive(Debug)]
pub enum Ended {
    /// With an exit status.
    Exited(u32),
    /// By a signal, named as in RFC 4254, section 6.10 (without `SIG`).
    Signalled(String),
    /// It ran past its timeout.
    TimedOut(Stopped),
    /// It was cancelled.
    Cancelled(Stopped),
    /// The server closed the channel without saying how the command ended.
    Unknown,
    /// The line was lost before the command's end was known.
    LineLost(Error),
}

/// Runs `command` through the login shell of `alias`, for at most `limit`.
///
/// An error means that the command did not start; how a command that started ended is
/// [`Finished::ended`], and whatever it printed is kept.
pub async fn run(
    pool: &Pool,
    alias: &str,
    command: &str,
    limit: Option<Duration>,
    cancel: &CancellationToken,
) -> Result<Finished, Error> {
    let (lease, channel) = tokio::select! {
        opened = pool.open(alias, Use::Command, limit) => opened?,
        () = cancel.cancelled() => return Ok(never_started()),
    };
    let mut session = Session::new(channel);
    session
        .channel
        .exec(true, command)
        .await
        .map_err(|error| lease.refusal(error.to_string()))?;
    let deadline = limit.map(|limit| Instant::now() + limit);
    let ended = tokio::select! {
        () = session.drain() => session.verdict(&lease).await,
        () = until(deadline) => Ended::TimedOut(session.stop().await),
        () = cancel.cancelled() => Ended::Cancelled(session.stop().await),
    };
    // Explicit on every path: dropping a channel does not close it.
    let _ = session.channel.close().await;
    if session.refused {
        return Err(lease.refusal("the server refuses to run commands for this user"));
    }
    Ok(Finished {
        stdout: session.stdout,
        stderr: session.stderr,
        ended,
    })
}

fn never_started() -> Finished {
    Finished {
        stdout: Captured::default(),
        stderr: Captured::default(),
        ended: Ended::Cancelled(Stopped::Stopped),
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

struct Session {
    channel: Channel<Msg>,
    stdout: Captured,
    stderr: Captured,
    exit: Option<Ended>,
    refused: bool,
    closed: bool,
    closed_by_server: bool,
}

impl Session {
    fn new(channel: Channel<Msg>) -> Self {
        Self {
            channel,
            stdout: Captured::default(),
            stderr: Captured::default(),
            exit: None,
            refused: false,
            closed: false,
            closed_by_server: false,
        }
    }

    /// Takes messages until the channel closes, or lingers after the command's end.
    async fn drain(&mut self) {
        while !self.closed {
            let message = if self.exit.is_some() {
                match timeout(LINGER, self.channel.wait()).await {
                    Ok(message) => message,
                    Err(_) => return,
                }
            } else {
                self.channel.wait().await
            };
            self.take(message);
        }
    }

    fn take(&mut self, message: Option<ChannelMsg>) {
        match message {
            Some(ChannelMsg::Data { data }) => self.stdout.push(&data),
            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => self.stderr.push(&data),
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                self.exit = Some(Ended::Exited(exit_status));
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                self.exit = Some(Ended::Signalled(signal_name_of(&signal_name)));
            }
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

    async fn verdict(&mut self, lease: &Lease) -> Ended {
        match self.exit.take() {
            Some(exit) => exit,
            None if self.closed_by_server => Ended::Unknown,
            None => Ended::LineLost(lease.line_lost().await),
        }
    }

    /// Asks the server to end the command, ever more firmly, and says what is known of it then.
    async fn stop(&mut self) -> Stopped {
        for signal in [Sig::TERM, Sig::KILL] {
            if self.channel.signal(signal).await.is_err() {
                return Stopped::Unknown;
            }
            let ended = timeout(SIGNAL_PATIENCE, async {
                while self.exit.is_none() && !self.closed {
                    let message = self.channel.wait().await;
                    self.take(message);
                }
            });
            if ended.await.is_ok() {
                return if self.exit.is_some() {
                    Stopped::Stopped
                } else {
                    Stopped::Unknown
                };
            }
        }
        // Servers may drop signals in silence, so having sent one proves nothing.
        Stopped::Unknown
    }
}

fn signal_name_of(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
