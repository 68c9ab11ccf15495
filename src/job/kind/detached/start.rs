//! The start of work that its server goes on with: once, or not at all.

use std::time::Duration;

use super::follow::{on_server, publish, set_begun};
use super::remote::Remote;
use crate::error::Error;
use crate::job::ending::Ending;
use crate::job::kind::command::Exit;
use crate::job::kind::context::Context;
use crate::job::outputs::Streams;
use crate::ssh::command::detached::{DetachedState, DetachedText};
use crate::ssh::{ExitOutcome, ScriptFailure};

/// The outcome of a start.
pub(in crate::job::kind) enum Started {
    /// It runs on its server, or may run there: following it shows.
    OnServer,
    /// Its server cannot run it detached, and it has not begun.
    Refused(Error),
}

/// The way in which work goes on after an attempt to start it on its server.
pub(in crate::job::kind) enum AfterStart {
    /// It runs there, or may: following it shows.
    Follow,
    /// It is to run in a channel, which is noted.
    RunInChannel,
    /// It does not run.
    End(Ending),
}

/// Says how work goes on whose start came out so. With `or_attached`, it runs in a channel where its server cannot
/// run it detached.
pub(in crate::job::kind) fn after_start(
    context: &Context<'_>,
    remote: &mut Remote,
    started: Result<Started, Ending>,
    or_attached: bool,
) -> AfterStart {
    match started {
        Ok(Started::OnServer) => AfterStart::Follow,
        Ok(Started::Refused(error)) if or_attached => {
            run_attached(context, remote, &error);
            AfterStart::RunInChannel
        }
        Ok(Started::Refused(error)) => AfterStart::End(error.into()),
        Err(ending) => AfterStart::End(ending),
    }
}

/// Starts work on its server, once its record is on disk. An ending means that it does not run.
pub(in crate::job::kind) async fn start(
    context: &Context<'_>,
    remote: &mut Remote,
    text: &DetachedText<'_>,
    limit: Option<Duration>,
) -> Result<Started, Ending> {
    let alias = &context.job.alias;
    let recorded = record(context, remote).await;
    let directory = remote.directory_name().to_owned();
    let ending = match recorded {
        Err(error) => error.into(),
        Ok(()) if context.cancel().is_cancelled() => {
            Exit::default().close(ExitOutcome::NotBegun, limit)
        }
        Ok(()) => {
            let job = on_server(context.pool, alias, &directory);
            match job.start(text, limit).await {
                Ok(()) => {
                    set_begun(context, remote);
                    return Ok(Started::OnServer);
                }
                Err(ScriptFailure::Lost(error) | ScriptFailure::TimedOut(error)) => {
                    let id = &context.job.id;
                    tracing::warn!("whether task {id} has begun is not known: {error}");
                    return Ok(Started::OnServer);
                }
                Err(ScriptFailure::Refused(error)) => {
                    return Ok(if runs_nothing(context, &directory).await {
                        remote.directory = None;
                        Started::Refused(error)
                    } else {
                        Started::OnServer
                    });
                }
                Err(ScriptFailure::Unsent(error)) => error.into(),
            }
        }
    };
    remote.directory = None;
    Err(ending)
}

/// Writes to disk where it is started.
async fn record(context: &Context<'_>, remote: &mut Remote) -> Result<(), Error> {
    let alias = &context.job.alias;
    remote.endpoint = Some(context.pool.server(alias)?.endpoint());
    publish(context, remote);
    context.recorder.saved().await
}

/// Returns whether a server that has refused a start has truly not begun the work, and will not: its answer may be
/// what was lost.
async fn runs_nothing(context: &Context<'_>, directory: &str) -> bool {
    let Streams {
        mut stdout,
        mut stderr,
    } = context.scratch_output();
    let job = on_server(context.pool, &context.job.alias, directory);
    match job.look(&mut stdout, &mut stderr, None, true).await {
        Ok(look) => look.state == DetachedState::Absent,
        Err(error) => matches!(error, Error::NotDetached { .. }),
    }
}

/// Notes that work runs in a channel after all, for its server cannot run it detached.
fn run_attached(context: &Context<'_>, remote: &mut Remote, error: &Error) {
    let reason = match error {
        Error::NotDetached { reason, .. } => reason.clone(),
        error => error.to_string(),
    };
    remote.not_detached = Some(reason);
    set_begun(context, remote);
}
