//! The end of a session and its process, which is stopped where it has to be.

use std::collections::VecDeque;
use std::time::Duration;

use russh::Sig;
use tokio::time::{Instant, sleep_until, timeout};

use super::{CommandSession, LINGER};
use crate::error::{Error, NO_COMMANDS, Stopped};
use crate::ssh::command::exit_outcome::{ExitOutcome, StopReason};
use crate::ssh::command::step::OutputStep;
use crate::ssh::output::due;
use crate::ssh::pool::{Lease, Pool};
use crate::ssh::script::stop::{self, Victim};

/// The time that a command has to end after each signal that is sent over its own channel.
const SIGNAL_PATIENCE: Duration = Duration::from_millis(500);

/// The time that a shell has to end after its input.
const END_PATIENCE: Duration = Duration::from_secs(2);

impl CommandSession<'_> {
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
