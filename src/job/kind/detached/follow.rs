//! Following work that its server goes on with: it is polled now and then, and collected at its end.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::remote::Remote;
use crate::error::{Error, Stopped};
use crate::job::ending::Ending;
use crate::job::header::Header;
use crate::job::kind::command::Exit;
use crate::job::kind::context::Context;
use crate::job::outputs::Streams;
use crate::job::printed::Printed;
use crate::job::status::Status;
use crate::ssh::command::detached::{DetachedCommand, DetachedState, DetachedTerminal, LookReport};
use crate::ssh::prompt::link::TypedInput;
use crate::ssh::{ExitOutcome, Pool};

/// The pause between two polls at first; later it is a tenth of the job's age.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two polls. A caller that asks for the job has it polled at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause between two attempts to reach a server.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// The time after which a job that has not begun is kept from beginning. A start takes seconds.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// The number of unreadable answers in a row after which a job is given up.
const MISREADINGS: u32 = 10;

/// Work that has ended on its server.
pub(in crate::job::kind) struct Followed {
    /// Its end.
    pub(in crate::job::kind) ended: ExitOutcome,
    /// Its output; `None` if it was never seen.
    pub(in crate::job::kind) streams: Option<Streams>,
    /// The marks that it has left of its steps.
    pub(in crate::job::kind) marks: String,
}

/// Follows work that may have begun to its end, and collects its output. `note` is told the marks of its steps
/// whenever there are more of them; prompts at its terminal, if it has one, are answered.
pub(in crate::job::kind) async fn follow(
    context: &Context<'_>,
    remote: &mut Remote,
    mut terminal: Option<&mut DetachedTerminal>,
    note: impl Fn(&str),
) -> Followed {
    let (id, alias) = (&context.job.id, &context.job.alias);
    let directory = remote.directory_name().to_owned();
    let job = on_server(context.pool, alias, &directory);
    let (mut streams, mut marks) = (None, String::new());
    let (since, mut backoff, mut misread) = (Instant::now(), SHORTEST_PAUSE, 0);
    let ended = loop {
        let claim = remote.begun.is_none() && since.elapsed() > START_PATIENCE;
        let polled = poll(
            context,
            remote,
            &job,
            (&mut streams, terminal.as_deref_mut()),
            claim,
        )
        .await;
        let pause = match polled {
            Ok(Polled::Ended(ended)) => break ended,
            Ok(Polled::Live(look)) => {
                (backoff, misread) = (SHORTEST_PAUSE, 0);
                set_reachable(context, remote, None);
                if look.state == DetachedState::Running {
                    set_begun(context, remote);
                }
                if look.marks.len() > marks.len() {
                    note(&look.marks);
                    marks.clone_from(&look.marks);
                }
                let age = context.job.created_at.elapsed();
                let rests_for = terminal
                    .as_ref()
                    .map_or(age, |one| one.rests_for().min(age));
                match pause_or_end(&look, remote, rests_for) {
                    ControlFlow::Continue(pause) => match &terminal {
                        Some(terminal) => terminal.pause(pause),
                        None => pause,
                    },
                    ControlFlow::Break(ended) => break ended,
                }
            }
            Err(error) => {
                misread += u32::from(matches!(error, Error::Internal { .. }));
                if misread == MISREADINGS {
                    tracing::error!("task {id} is given up: {error}");
                    break ExitOutcome::Unknown;
                }
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
                if let Some(terminal) = &mut terminal {
                    terminal.lose(&error);
                }
                set_reachable(context, remote, Some(error.to_string()));
                backoff
            }
        };
        context.trigger.polled();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = context.trigger.asked() => {}
            input = typed(&mut terminal) => {
                if let Some(terminal) = &mut terminal {
                    terminal.type_for_caller(&job, &input).await;
                }
            }
            () = context.stop.asked(), if remote.cancel_requested.is_none() => {
                remote.cancel_requested = Some(true);
                publish(context, remote);
            }
            // A second request to stop while the server cannot be reached gives the job up.
            () = context.stop.insisted(), if remote.unreachable.is_some() => {
                break ExitOutcome::Cancelled(Stopped::Unknown);
            }
        }
    };
    set_reachable(context, remote, None);
    if let (Some(terminal), Some(streams)) = (terminal, &mut streams) {
        streams.stdout.push(&terminal.rest());
    }
    Followed {
        ended,
        streams,
        marks,
    }
}

impl Followed {
    /// Keeps the output. Once it is durable here, the directory may be removed from the server. Returns whether the
    /// work is over.
    pub(in crate::job::kind) async fn keep(
        &mut self,
        remote: &mut Remote,
        printed: &mut Printed,
    ) -> bool {
        let mut is_kept = false;
        if let Some(Streams { stdout, stderr }) = &mut self.streams {
            stdout.finish().await;
            stderr.finish().await;
            let synced = stdout.sync().await.and(stderr.sync().await);
            is_kept = printed.keep(stdout, stderr) && synced.is_ok();
        }
        // The directory stays while the command may still run, and where its output could not be saved here.
        let is_over = match &self.ended {
            ExitOutcome::Exited(_) => true,
            ExitOutcome::TimedOut(stopped) | ExitOutcome::Cancelled(stopped) => {
                *stopped == Stopped::Stopped
            }
            _ => false,
        };
        remote.collected = (is_over && is_kept).then_some(true);
        is_over
    }
}

/// Notes how work has ended, and gives how its job ends by that.
pub(in crate::job::kind) fn close(
    remote: &mut Remote,
    exit: &mut Exit,
    ended: ExitOutcome,
    limit: Option<Duration>,
) -> Ending {
    match ended {
        ExitOutcome::NotBegun => {
            // The claim that now lies in the directory keeps it from beginning late.
            remote.directory = None;
            if remote.is_cancelled() {
                exit.close(ended, limit)
            } else {
                let what = "the command had not begun when the connection was lost, and will not";
                Ending::of(Status::Crashed, what)
            }
        }
        ExitOutcome::Unknown => Ending::of(
            Status::Crashed,
            "its process on the server is gone without an exit status: was the server restarted?",
        ),
        ended => exit.close(ended, limit),
    }
}

pub(in crate::job) fn on_server<'a>(
    pool: &'a Pool,
    alias: &'a str,
    directory: &'a str,
) -> DetachedCommand<'a> {
    DetachedCommand {
        pool,
        alias,
        directory,
    }
}

/// Writes into the record what is known of the work.
pub(super) fn publish(context: &Context<'_>, remote: &Remote) {
    let remote = remote.clone();
    context.change_outcome(|recorded| {
        if let Some(recorded) = recorded.results_mut().remote_mut() {
            *recorded = remote;
        }
    });
}

pub(super) fn set_begun(context: &Context<'_>, remote: &mut Remote) {
    if remote.begun.is_none() {
        remote.begun = Some(true);
        publish(context, remote);
    }
    context.trigger.set_begun();
}

/// Returns the pause before the next poll, or the end of work that has ended.
fn pause_or_end(
    look: &LookReport,
    remote: &Remote,
    age: Duration,
) -> ControlFlow<ExitOutcome, Duration> {
    let ended = match look.state {
        _ if look.more => return ControlFlow::Continue(Duration::ZERO),
        DetachedState::Starting => return ControlFlow::Continue(SHORTEST_PAUSE),
        DetachedState::Running => {
            return ControlFlow::Continue((age / 10).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        }
        DetachedState::Exited(code) => ExitOutcome::Exited(code),
        DetachedState::TimedOut(stopped) => ExitOutcome::TimedOut(stopped),
        DetachedState::Cancelled(stopped) => ExitOutcome::Cancelled(stopped),
        DetachedState::Absent if remote.begun.is_none() => ExitOutcome::NotBegun,
        DetachedState::Absent | DetachedState::Gone if remote.is_cancelled() => {
            ExitOutcome::Cancelled(Stopped::Unknown)
        }
        DetachedState::Absent | DetachedState::Gone => ExitOutcome::Unknown,
    };
    ControlFlow::Break(ended)
}

/// Publishes whether the server can be reached, where that has changed.
fn set_reachable(context: &Context<'_>, remote: &mut Remote, problem: Option<String>) {
    if remote.unreachable != problem {
        remote.unreachable = problem;
        publish(context, remote);
    }
}

/// Waits for the next input that a caller types; for ever where there is no terminal.
async fn typed(terminal: &mut Option<&mut DetachedTerminal>) -> TypedInput {
    match terminal {
        Some(terminal) => terminal.typed().await,
        None => std::future::pending().await,
    }
}

/// The result of a poll.
enum Polled {
    Live(LookReport),
    Ended(ExitOutcome),
}

/// Stops the job if that was asked for, then looks at it, and answers the prompt at its terminal.
async fn poll(
    context: &Context<'_>,
    remote: &Remote,
    detached: &DetachedCommand<'_>,
    (streams, mut terminal): (&mut Option<Streams>, Option<&mut DetachedTerminal>),
    claim: bool,
) -> Result<Polled, Error> {
    let Header { id, alias, .. } = context.job;
    let endpoint = context.pool.server(alias)?.endpoint();
    let started_on = remote.endpoint.as_ref();
    if let Some(started_on) = started_on.filter(|started_on| **started_on != endpoint) {
        return Err(Error::NotDetached {
            alias: alias.clone(),
            reason: format!("it was started on {started_on}, and the alias names {endpoint} now"),
        });
    }
    let streams = match streams {
        Some(streams) => streams,
        None => streams.insert(context.outputs.resume(id, alias).await?),
    };
    if remote.is_cancelled() {
        let stopped = detached.stop().await?;
        if stopped != Stopped::Stopped {
            return Ok(Polled::Ended(ExitOutcome::Cancelled(stopped)));
        }
    }
    let Streams { stdout, stderr } = streams;
    let look = detached
        .look(stdout, stderr, terminal.as_deref_mut(), claim)
        .await?;
    if let Some(terminal) = terminal
        && look.state == DetachedState::Running
        && !look.more
    {
        terminal.answer(detached).await?;
    }
    Ok(Polled::Live(look))
}
