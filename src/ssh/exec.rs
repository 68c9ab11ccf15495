//! One command on a server: its output, its end, and how it is stopped (RFC 4254, sections 6.5 to 6.10).

use std::time::Duration;

use russh::{ChannelMsg, Sig};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::capture::Captured;
use super::pool::{Lease, OpenChannel, Pool, Use, patience};
use crate::error::{Error, Stopped};

/// After the exit status, how long a channel may stay silent before it is closed: a child that the
/// command left in the background keeps it open for as long as it lives.
const LINGER: Duration = Duration::from_secs(2);

/// After the exit status, how long a channel may stay open at all: such a child may also print for ever.
const LONGEST_LINGER: Duration = Duration::from_secs(10);

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
    /// It was cancelled before it had begun.
    NotBegun,
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
    let channel = tokio::select! {
        opened = pool.open(alias, Use::Command, patience(limit)) => opened?,
        () = cancel.cancelled() => return Ok(never_started()),
    };
    let lease = channel.lease();
    let mut session = Session::new(channel);
    let sent = session.channel.exec(true, command).await;
    sent.map_err(|error| lease.refusal(error.to_string()))?;
    // Nothing will be typed: a command that reads its input finds the end of it.
    let _ = session.channel.eof().await;
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let interrupted = tokio::select! {
        () = session.drain() => None,
        () = until(deadline) => Some(Ended::TimedOut as fn(Stopped) -> Ended),
        () = cancel.cancelled() => Some(Ended::Cancelled as fn(Stopped) -> Ended),
    };
    let ended = match interrupted {
        // What has ended by itself was not stopped by us, even if its channel is still open.
        Some(ended) if session.exit.is_none() => ended(session.stop().await),
        _ => session.verdict(&lease).await,
    };
    if session.refused {
        return Err(lease.refusal("the server refuses to run commands for this user"));
    }
    let Session { stdout, stderr, .. } = session;
    Ok(Finished {
        stdout,
        stderr,
        ended,
    })
}

fn never_started() -> Finished {
    Finished {
        stdout: Captured::default(),
        stderr: Captured::default(),
        ended: Ended::NotBegun,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

struct Session {
    channel: OpenChannel,
    stdout: Captured,
    stderr: Captured,
    exit: Option<Ended>,
    refused: bool,
    closed: bool,
    closed_by_server: bool,
}

impl Session {
    fn new(channel: OpenChannel) -> Self {
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

    /// Takes messages until the channel closes, or has lingered after the command's end.
    async fn drain(&mut self) {
        while self.exit.is_none() && !self.closed {
            let message = self.channel.wait().await;
            self.take(message);
        }
        let linger = async {
            while !self.closed {
                let Ok(message) = timeout(LINGER, self.channel.wait()).await else {
                    return;
                };
                self.take(message);
            }
        };
        // What a child prints later than that is not this command's output.
        let _ = timeout(LONGEST_LINGER, linger).await;
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
