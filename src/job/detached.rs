//! A detached job's life as this process sees it: started once, looked at now and then, collected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::operation::{Context, enter_command};
use super::outputs::Streams;
use super::record::Job;
use super::stop::StopSignal;
use crate::error::{Error, Stopped};
use crate::ssh::Ended;
use crate::ssh::Failure;
use crate::ssh::background::leaves_behind;
use crate::ssh::detached::{Detached, Look, State};

/// Between two looks, at first; later a tenth of the job's age.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// Between two looks at a job that runs for long. Who asks for it has it looked at at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Between two attempts to reach a server that cannot be reached.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// A start takes seconds; what has not begun after so long is not let begin any more.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Answers that make no sense, one after another, before a job is given up.
const MISREADINGS: u32 = 10;

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
    cancel: &CancellationToken,
    attention: &Attention,
) -> bool {
    let recorded = match context.pool.server(&job.alias) {
        Ok(server) => {
            job.place = Some(server.endpoint());
            job.encoding = context.pool.charset(&job.alias).name();
            *job = Arc::unwrap_or_clone(context.queue.put(job.clone()));
            context.queue.flush().await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = recorded {
        job.remote_directory = None;
        job.fail(error.report());
        return false;
    }
    if cancel.is_cancelled() {
        job.remote_directory = None;
        enter_command(job, Ended::NotBegun, limit);
        return false;
    }
    let (alias, directory) = (job.alias.clone(), job.directory().to_owned());
    let detached = detached(context, &alias, &directory);
    match detached.start(command, limit).await {
        Ok(()) => {
            begun(context, job, attention);
            true
        }
        Err(Failure::Lost(error)) => {
            tracing::warn!("whether task {} has begun is not known: {error}", job.id);
            true
        }
        Err(Failure::Unsent(error) | Failure::Refused(error)) => {
            job.remote_directory = None;
            job.fail(error.report());
            false
        }
    }
}

fn detached<'a>(context: &Context<'a>, alias: &'a str, directory: &'a str) -> Detached<'a> {
    Detached {
        pool: context.pool,
        alias,
        directory,
    }
}

fn begun(context: &Context<'_>, job: &mut Job, attention: &Attention) {
    if job.begun.is_none() {
        job.begun = Some(true);
        context.queue.put(job.clone());
    }
    attention.begun.send_replace(true);
}

/// Attends a job that may have begun: collects what it prints, and enters how it ended.
pub(super) async fn attend(
    context: &Context<'_>,
    job: &mut Job,
    limit: Option<Duration>,
    stop: &StopSignal,
    attention: &Attention,
) {
    let (alias, directory) = (job.alias.clone(), job.directory().to_owned());
    let detached = detached(context, &alias, &directory);
    let mut streams: Option<Streams> = None;
    let (since, mut backoff, mut misread) = (Instant::now(), SHORTEST_PAUSE, 0);
    let ended = loop {
        let claim = job.begun.is_none() && since.elapsed() > START_PATIENCE;
        let looked = look(context, job, &detached, &mut streams, claim).await;
        let pause = match looked {
            Ok(Step::Ended(ended)) => break ended,
            Ok(Step::Looked(look)) => {
                (backoff, misread) = (SHORTEST_PAUSE, 0);
                reach(context, job, None);
                if look.state == State::Running {
                    begun(context, job, attention);
                }
                let cancelled = job.cancel_requested == Some(true);
                match look.state {
                    _ if look.more => Duration::ZERO,
                    State::Starting => SHORTEST_PAUSE,
                    State::Running => {
                        (job.created_at.elapsed() / 10).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
                    }
                    State::Exited(code) => break Ended::Exited(code),
                    State::TimedOut(stopped) => break Ended::TimedOut(stopped),
                    State::Cancelled(stopped) => break Ended::Cancelled(stopped),
                    State::Absent if job.begun.is_none() => break Ended::NotBegun,
                    State::Absent | State::Gone if cancelled => {
                        break Ended::Cancelled(Stopped::Unknown);
                    }
                    State::Absent | State::Gone => break Ended::Unknown,
                }
            }
            Err(error) => {
                misread += u32::from(matches!(error, Error::Internal { .. }));
                if misread == MISREADINGS {
                    tracing::error!("task {} is given up: {error}", job.id);
                    break Ended::Unknown;
                }
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
                reach(context, job, Some(error.to_string()));
                backoff
            }
        };
        attention.looked();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = attention.nudge.notified() => {}
            () = stop.asked(), if job.cancel_requested.is_none() => {
                job.cancel_requested = Some(true);
                context.queue.put(job.clone());
            }
            // Asked again while the server cannot be reached: somebody wants to be rid of it.
            () = stop.insisted(), if job.unreachable.is_some() => {
                break Ended::Cancelled(Stopped::Unknown);
            }
        }
    };
    reach(context, job, None);
    settle(job, streams, ended, limit).await;
    attention.looked();
}

/// What came of a step.
enum Step {
    Looked(Look),
    Ended(Ended),
}

/// Stops the job if that was asked for, then looks at it.
async fn look(
    context: &Context<'_>,
    job: &Job,
    detached: &Detached<'_>,
    streams: &mut Option<Streams>,
    claim: bool,
) -> Result<Step, Error> {
    let place = context.pool.server(&job.alias)?.endpoint();
    if let Some(started_on) = job
        .place
        .as_ref()
        .filter(|started_on| **started_on != place)
    {
        return Err(Error::NotDetached {
            alias: job.alias.clone(),
            reason: format!("it was started on {started_on}, and the alias names {place} now"),
        });
    }
    let streams = match streams {
        Some(streams) => streams,
        None => streams.insert(context.outputs.resume(&job.id, &job.alias).await?),
    };
    if job.cancel_requested == Some(true) {
        let stopped = detached.stop().await?;
        if stopped != Stopped::Stopped {
            return Ok(Step::Ended(Ended::Cancelled(stopped)));
        }
    }
    let look = detached
        .look(&mut streams.stdout, &mut streams.stderr, claim)
        .await?;
    Ok(Step::Looked(look))
}

/// Enters whether the server can be reached, where that has changed.
fn reach(context: &Context<'_>, job: &mut Job, problem: Option<String>) {
    if job.unreachable != problem {
        job.unreachable = problem;
        context.queue.put(job.clone());
    }
}

/// Enters the end. Once all of it is durable here, it may be removed from the server.
async fn settle(job: &mut Job, streams: Option<Streams>, ended: Ended, limit: Option<Duration>) {
    let mut is_kept = false;
    if let Some(Streams {
        mut stdout,
        mut stderr,
    }) = streams
    {
        stdout.finish().await;
        stderr.finish().await;
        let synced = stdout.sync().await.and(stderr.sync().await);
        is_kept = job.keep(&stdout, &stderr) && synced.is_ok();
    }
    let cancelled = job.cancel_requested == Some(true);
    // What may still run keeps its directory, and so does what could not be kept here.
    let is_over = match &ended {
        Ended::Exited(_) => true,
        Ended::TimedOut(stopped) | Ended::Cancelled(stopped) => *stopped == Stopped::Stopped,
        _ => false,
    };
    job.collected = (is_over && is_kept).then_some(true);
    // What was left in the background goes on, and prints where nobody looks any more.
    let is_left = is_over && job.cmd.as_deref().is_some_and(leaves_behind);
    job.left_running = is_left.then_some(true);
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
        ended => enter_command(job, ended, limit),
    }
}

/// Removes what a job has left on its server, once its end is on disk here. Tries until that is done,
/// or for as long as this process lives; the next one goes on with it.
pub(super) async fn clear(context: &Context<'_>, job: &Job) {
    let detached = detached(context, &job.alias, job.directory());
    let mut backoff = SHORTEST_PAUSE;
    loop {
        let is_there = context
            .pool
            .server(&job.alias)
            .map(|server| server.endpoint());
        if is_there.ok() != job.place {
            tracing::warn!("what task {} has left on its server stays there", job.id);
            return context.queue.amend(&job.id, |job| job.collected = None);
        }
        if context.queue.flush().await.is_ok() {
            match detached.remove().await {
                Ok(()) => break,
                Err(Failure::Refused(error)) => {
                    tracing::warn!("what task {} has left stays: {error}", job.id);
                    return context.queue.amend(&job.id, |job| job.collected = None);
                }
                Err(Failure::Unsent(error) | Failure::Lost(error)) => {
                    tracing::debug!("task {} is not cleared away yet: {error}", job.id);
                }
            }
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
    context
        .queue
        .amend(&job.id, |job| job.remote_directory = None);
}
