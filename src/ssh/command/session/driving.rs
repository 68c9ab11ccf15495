//! The wait for the end of a process, with its time, its bound and its prompts.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{CommandSession, LINGER};
use crate::ssh::command::exit_outcome::{ExitOutcome, StopReason};
use crate::ssh::command::step::OutputStep;
use crate::ssh::output::due;
use crate::ssh::prompt::link::TypedInput;

/// The further silence for which it is kept open once the server has answered a ping: a server that was
/// held up has sent everything by then.
const LAST_LINGER: Duration = Duration::from_millis(500);

/// The time after the exit status for which it is kept open at most: the child may also print for ever.
const LONGEST_LINGER: Duration = Duration::from_secs(10);

/// The time that a command has to end by itself once it has printed the last line of its bound.
const BOUND_PATIENCE: Duration = Duration::from_millis(250);

/// The line for which a shell waits that has asked whether to begin a step.
const GO: &str = "go\n";

/// Waits until `deadline`; for ever if there is none.
pub(in crate::ssh::command) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl CommandSession<'_> {
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
                input = self.typed.next() => self.type_for_caller(&input).await,
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

    async fn type_for_caller(&mut self, input: &TypedInput) {
        input.place.note(Ok(self.stdout.taken()));
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
}
