//! A detached job's life as this process sees it: started once, looked at now and then, collected.

use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::operation::{Context, enter_command};
use super::outputs::Streams;
use super::record::{Job, Status};
use crate::error::{Error, Stopped};
use crate::ssh::Failure;
use crate::ssh::detached::{Detached, State};
use crate::ssh::exec::Ended;

/// Between two looks, at first; later a tenth of the job's age.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// Between two looks at a job that runs for long. Who asks for it has it looked at at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Between two attempts to reach a server that cannot be reached.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// A start takes seconds; what has not begun after so long has failed without a word.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How those who ask for a job and the one who attends it hear of each other.
#[derive(Debug, Default)]
pub(super) struct Attention {
    nudge: Notify,
    looks: watch::Sender<u64>,
    begun: watch::Sender<bool>,
}

impl Attention {
    /// Waits until the job has begun on the server.
    pub(super) async fn begun(&self) {
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Has the job looked at, and waits for that.
    pub(super) async fn look(&self) {
        let mut looks = self.looks.subscribe();
        // A look that is under way may have missed what the caller wants to know: the next one has not.
        for _ in 0..2 {
            self.nudge.notify_one();
            let _ = looks.changed().await;
        }
    }

    fn looked(&self) {
        self.looks.send_modify(|looks| *looks += 1);
    }
}

/// Starts a job's command on the server, once its record is durable. Gives whether there is
/// something to attend; if not, the record says why.
pub(super) async fn start(
    context: &Context<'_>,
    job: &mut Job,
    command: &str,
    limit: Option<Duration>,
    attention: &Attention,
) -> bool {
    if let Err(error) = context.queue.flush().await {
        job.fail(error.report());
        return false;
    }
    let (alias, directory) = (job.alias.clone(), job.directory().to_owned());
    let detached = Detached {
        pool: context.pool,
        alias: &alias,
        directory: &directory,
    };
    match detached.start(command, limit).await {
        Ok(()) => {
            attention.begun.send_replace(true);
            true
        }
        Err(Failure::Lost(error)) => {
            tracing::warn!("whether task {} has begun is not known: {error}", job.id);
            true
        }
        Err(Failure::Unsent(error)) => {
            job.remote_directory = None;
            job.fail(error.report());
            false
        }
        Err(Failure::Refused(error)) => {
            job.fail(error.report());
            false
        }
    }
}

/// Attends a job that may have begun: collects what it prints, and enters how it ended.
pub(super) async fn attend(
    context: &Context<'_>,
    job: &mut Job,
    limit: Option<Duration>,
    cancel: &CancellationToken,
    attention: &Attention,
) {
    let mut streams = match context.outputs.resume(&job.id) {
        Ok(streams) => streams,
        Err(error) => {
            let reason = format!("its output cannot be read: {error}");
            return job.fail(Error::Internal { reason }.report());
        }
    };
    let (alias, directory) = (job.alias.clone(), job.directory().to_owned());
    let detached = Detached {
        pool: context.pool,
        alias: &alias,
        directory: &directory,
    };
    let first_look = Instant::now();
    let mut backoff = SHORTEST_PAUSE;
    let ended = loop {
        if job.cancel_requested == Some(true) {
            match detached.stop().await {
                Ok(Stopped::Stopped) => {}
                Ok(stopped) => break Ended::Cancelled(stopped),
                Err(error) => tracing::warn!("task {} cannot be stopped yet: {error}", job.id),
            }
        }
        let look = detached
            .look(&mut streams.stdout, &mut streams.stderr)
            .await;
        let pause = match look {
            Ok(look) => {
                backoff = SHORTEST_PAUSE;
                reach(context, job, None);
                match look.state {
                    _ if look.more => Duration::ZERO,
                    State::Starting if first_look.elapsed() < START_PATIENCE => SHORTEST_PAUSE,
                    State::Running => {
                        attention.begun.send_replace(true);
                        (job.created_at.elapsed() / 10).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
                    }
                    State::Exited(code) => break Ended::Exited(code),
                    State::TimedOut => break Ended::TimedOut(Stopped::Stopped),
                    State::Stopped => break Ended::Cancelled(Stopped::Stopped),
                    State::Absent => break Ended::NotBegun,
                    State::Gone if job.cancel_requested == Some(true) => {
                        break Ended::Cancelled(Stopped::Stopped);
                    }
                    State::Starting | State::Gone => break Ended::Unknown,
                }
            }
            Err(error) => {
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
                reach(context, job, Some(error.to_string()));
                backoff
            }
        };
        attention.looked();
        let cancelled = cancel.cancelled();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = attention.nudge.notified() => {}
            () = cancelled, if job.cancel_requested.is_none() => {
                job.cancel_requested = Some(true);
                context.queue.put(job.clone());
            }
        }
    };
    reach(context, job, None);
    settle(job, streams, ended, limit).await;
    attention.looked();
}

/// Enters whether the server can be reached, where that has changed.
fn reach(context: &Context<'_>, job: &mut Job, problem: Option<String>) {
    if job.unreachable != problem {
        job.unreachable = problem;
        context.queue.put(job.clone());
    }
}

/// Enters the end. What was collected is durable by then, for it is removed from the server next.
async fn settle(job: &mut Job, mut streams: Streams, ended: Ended, limit: Option<Duration>) {
    let mut kept = Ok(());
    for output in [&mut streams.stdout, &mut streams.stderr] {
        kept = kept.and(output.sync().await);
    }
    let cancelled = job.cancel_requested == Some(true);
    let is_kept = kept.is_ok() && job.keep(&streams.stdout, &streams.stderr);
    if !is_kept {
        tracing::error!(
            "task {} stays on its server: its output is not whole here",
            job.id
        );
        job.kept_on_server = Some(true);
    }
    match ended {
        Ended::NotBegun => {
            // What lies there now keeps it from beginning late.
            job.remote_directory = None;
            if cancelled {
                enter_command(job, ended, limit);
            } else {
                job.crash("the command had not begun when the line was lost, and will not");
            }
        }
        Ended::Unknown => job.crash(
            "its process on the server is gone without an exit status: was the server restarted?",
        ),
        // What a request to stop found ended already has ended by itself.
        ended => enter_command(job, ended, limit),
    }
    if job.status == Status::Cancelled && job.process != Some(Stopped::Stopped) {
        job.kept_on_server = Some(true);
    }
}

/// Removes what a job has left on its server, once its end is on disk here. Tries until that is done,
/// or for as long as this process lives; the next one goes on with it.
pub(super) async fn clear(context: &Context<'_>, job: &Job) {
    let detached = Detached {
        pool: context.pool,
        alias: &job.alias,
        directory: job.directory(),
    };
    let mut backoff = SHORTEST_PAUSE;
    loop {
        let cleared = match context.queue.flush().await {
            Ok(()) => detached.remove().await,
            Err(error) => Err(error),
        };
        match cleared {
            Ok(()) => break,
            Err(error @ Error::UnknownAlias { .. }) => {
                tracing::warn!("what task {} has left on its server stays: {error}", job.id);
                break;
            }
            Err(error) => tracing::debug!("task {} is not cleared away yet: {error}", job.id),
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
    context
        .queue
        .amend(&job.id, |job| job.remote_directory = None);
}
