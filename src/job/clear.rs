//! Removing the directories of detached jobs from their servers.

use std::sync::Arc;
use std::time::Duration;

use super::kind::detached::follow::on_server;
use super::kind::detached::remote::Remote;
use super::queue::Queue;
use super::record::Job;
use crate::ssh::{Pool, ScriptFailure};

/// The pause before the second attempt. It doubles with each further one.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(250);
/// The longest pause between two attempts to reach a server.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Removes what a job has left on its server, once its end is on disk here. Tries until that is done,
/// or for as long as this process lives; the next one goes on with it.
pub(super) async fn clear(queue: &Arc<Queue>, pool: &Pool, job: &Job) {
    let Some(remote) = job.outcome.results().remote() else {
        return;
    };
    let amend = |change: fn(&mut Remote)| {
        queue.amend(&job.id, |job| {
            job.outcome.results_mut().remote_mut().map(change);
        });
    };
    let left = on_server(pool, &job.alias, remote.directory_name());
    let mut backoff = SHORTEST_BACKOFF;
    loop {
        let is_there = pool.server(&job.alias).map(|server| server.endpoint());
        if is_there.ok() != remote.endpoint {
            tracing::warn!("what task {} has left on its server stays there", job.id);
            return amend(|remote| remote.collected = None);
        }
        if queue.flush().await.is_ok() {
            match left.remove().await {
                Ok(()) => break,
                Err(ScriptFailure::Refused(error)) => {
                    tracing::warn!("what task {} has left stays: {error}", job.id);
                    return amend(|remote| remote.collected = None);
                }
                Err(
                    ScriptFailure::Unsent(error)
                    | ScriptFailure::Lost(error)
                    | ScriptFailure::TimedOut(error),
                ) => {
                    tracing::debug!("task {} is not cleared away yet: {error}", job.id);
                }
            }
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
    amend(|remote| remote.directory = None);
}
