//! One command on a server: its output, its end, and how it is stopped (RFC 4254, sections 6.5 to 6.10).

use std::time::Duration;

use russh::{ChannelMsg, Sig};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::output::{Output, due};
use super::pool::{Lease, OpenChannel, Pool, Use, patience};
use super::shell::Announcement;
use super::stop;
use crate::error::{Error, Stopped};

/// After the exit status, how long a channel may stay silent before it is closed: a child that the
/// command left in the background keeps it open for as long as it lives.
const LINGER: Duration = Duration::from_secs(2);

/// After the exit status, how long such a channel may stay open at all: the child may also print for ever.
const LONGEST_LINGER: Duration = Duration::from_secs(10);

/// How long a command has to end after each signal that is sent over its own channel.
const SIGNAL_PATIENCE: Duration = Duration::from_millis(500);

/// The data type of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// A command, and what bounds it.
pub struct Command<'a> {
    /// The server.
    pub alias: &'a str,
    /// The command line, for the login shell.
    pub line: &'a str,
    /// How long it may run; `None` is without limit.
    pub limit: Option<Duration>,
    /// Stops it when cancelled.
    pub cancel: &'a CancellationToken,
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

impl Command<'_> {
    /// Runs the command, and gives how it ended. `stdout` and `stderr` have whatever it printed,
    /// also if it did not end well.
    ///
    /// An error means that the command did not start.
    pub async fn run(
        &self,
        pool: &Pool,
        stdout: &mut Output,
        stderr: &mut Output,
    ) -> Result<Ended, Error> {
        let patience = patience(self.limit);
        let open = async {
            let shell = pool.shell(self.alias);
            let posix = shell.is_posix(pool, self.alias, patience).await?;
            let channel = pool.open(self.alias, Use::Command, patience).await?;
            Ok::<_, Error>((channel, posix))
        };
        let (channel, posix) = tokio::select! {
            opened = open => opened?,
            () = self.cancel.cancelled() => return Ok(Ended::NotBegun),
        };
        let lease = channel.lease();
        let announcement = posix.then(Announcement::new);
        let prefix = announcement.as_ref().map(Announcement::prefix);
        let line = prefix.unwrap_or_default() + self.line;
        let mut session = Session {
            channel,
            announcement,
            stdout,
            stderr,
            began: Instant::now(),
            exit: None,
            refused: false,
            closed: false,
            closed_by_server: false,
        };
        let sent = session.channel.exec(true, line).await;
        sent.map_err(|error| lease.refusal(error.to_string()))?;
        // Nothing will be typed: a command that reads its input finds the end of it.
        let _ = session.channel.eof().await;
        let interrupted = session.attend(self.limit, self.cancel).await;
        let interrupted = match interrupted {
            // What has ended by itself was not stopped by us, even if its channel is still open.
            Some(ended) if session.exit.is_none() => {
                Some((ended, session.stop(pool, self.alias).await))
            }
            _ => None,
        };
        session.finish().await;
        let Some((ended, mut stopped)) = interrupted else {
            return session.verdict(&lease).await;
        };
        let (group, began) = (session.group().await, session.began);
        drop(session);
        if let (Stopped::Unknown, Some(group)) = (stopped, group)
            && lease.is_current()
        {
            // No channel was to be had: the command's own connection makes room for one.
            lease.give_up_if_alone();
            drop(lease);
            let ending = stop::end_group(pool, self.alias, group, began.elapsed()).await;
            stopped = ending.unwrap_or(stopped);
        }
        Ok(ended(stopped))
    }
}

/// Waits until `deadline`; for ever if there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

struct Session<'a> {
    channel: OpenChannel,
    announcement: Option<Announcement>,
    stdout: &'a mut Output,
    stderr: &'a mut Output,
    began: Instant,
    exit: Option<Ended>,
    refused: bool,
    closed: bool,
    closed_by_server: bool,
}

type Interruption = fn(Stopped) -> Ended;

impl Session<'_> {
    /// Takes messages until the channel closes, or has lingered after the command's end, or the
    /// command has to be stopped.
    async fn attend(
        &mut self,
        limit: Option<Duration>,
        cancel: &CancellationToken,
    ) -> Option<Interruption> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut lingers_until = None;
        while !self.closed {
            let silent_until = self.exit.as_ref().map(|_| Instant::now() + LINGER);
            if silent_until.is_some() && lingers_until.is_none() {
                // What a child prints later than that is not this command's output.
                lingers_until = Some(Instant::now() + LONGEST_LINGER);
            }
            tokio::select! {
                message = self.channel.wait() => self.take(message),
                () = due([self.stdout, self.stderr]) => self.write().await,
                () = until(silent_until.min(lingers_until)), if silent_until.is_some() => return None,
                () = until(deadline) => return Some(Ended::TimedOut),
                () = cancel.cancelled() => return Some(Ended::Cancelled),
            }
        }
        None
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
            Some(ChannelMsg::Data { data }) => self.stdout.push(&data),
            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => match &mut self.announcement {
                Some(announcement) => self.stderr.push(&announcement.pass(&data)),
                None => self.stderr.push(&data),
            },
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

    /// Writes what is due to be written.
    async fn write(&mut self) {
        let now = Instant::now();
        for output in [&mut *self.stdout, &mut *self.stderr] {
            if output.due().is_some_and(|due| due <= now) {
                output.write().await;
            }
        }
    }

    async fn finish(&mut self) {
        if let Some(announcement) = &mut self.announcement {
            self.stderr.push(&announcement.rest());
        }
        self.stdout.finish().await;
        self.stderr.finish().await;
    }

    async fn verdict(&mut self, lease: &Lease) -> Result<Ended, Error> {
        if self.refused {
            return Err(lease.refusal("the server refuses to run commands for this user"));
        }
        Ok(match self.exit.take() {
            Some(exit) => exit,
            None if self.closed_by_server => Ended::Unknown,
            None => Ended::LineLost(lease.line_lost().await),
        })
    }

    /// Ends the command with all its children, ever more firmly, and says what is known of it then.
    async fn stop(&mut self, pool: &Pool, alias: &str) -> Stopped {
        // Servers may drop signals in silence, so having sent one proves nothing.
        let _ = self.channel.signal(Sig::TERM).await;
        // The alias may name another server by now: its processes are none of this command's.
        let group = self
            .group()
            .await
            .filter(|_| self.channel.lease().is_current());
        if let Some(group) = group {
            let ending = stop::end_group(pool, alias, group, self.began.elapsed());
            tokio::pin!(ending);
            let outcome = loop {
                // What nobody reads would hold up the connection, and with it the other channel.
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
            let group = self.announcement.as_ref()?.group();
            if group.is_some() || self.closed {
                return group;
            }
            tokio::select! {
                message = self.channel.wait() => self.take(message),
                () = sleep_until(deadline) => return None,
            }
        }
    }
}

fn signal_name_of(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
