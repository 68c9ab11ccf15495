//! Jobs as tasks of the protocol's extension (SEP-2663): a task's ID is its job's, and its state is the queue's.

use std::time::Duration;

use rmcp::model::{CreateTaskResult, Task, TaskStatus};

use super::outcome::put_outcome;
use super::{Reply, outcome_of};
use crate::job::{Job, Status};
use crate::readable::readable;
use crate::text::beginning;
use crate::time::millis;

/// The shortest time between two looks of a client at a task.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(500);
/// The longest one.
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
/// The most bytes of a command that a task's message shows.
const LONGEST_SUMMARY: usize = 200;

impl Reply {
    /// A job that goes on in the background, for a client that looks at it by the extension.
    pub fn of_task(job: &Job) -> Self {
        let mut result = CreateTaskResult::new(task_of(job));
        put_outcome(&mut result.meta, &outcome_of(job));
        Self(result.into())
    }
}

/// A job as a task.
pub fn task_of(job: &Job) -> Task {
    let changed = job.updated_at.unwrap_or(job.created_at);
    let mut task = Task::new(
        job.id.as_str(),
        status_of(job.status),
        job.created_at.to_string(),
        changed.to_string(),
    );
    task.status_message = Some(readable(&message(job)).into_owned());
    task.ttl_ms = job.lifetime().map(millis);
    task.poll_interval_ms = job.status.is_live().then(|| millis(interval(job)));
    task
}

fn status_of(status: Status) -> TaskStatus {
    match status {
        Status::Pending | Status::Running => TaskStatus::Working,
        // A command that has failed has a result, too.
        Status::Completed | Status::Failed | Status::Partial => TaskStatus::Completed,
        Status::Cancelled => TaskStatus::Cancelled,
        // There is no result: the process that would have given it is gone.
        Status::Crashed => TaskStatus::Failed,
    }
}

fn message(job: &Job) -> String {
    let summary = job.summary();
    let mut message = format!(
        "{} on `{}`: {}",
        job.status,
        job.alias,
        beginning(&summary, LONGEST_SUMMARY)
    );
    let reasons = [
        job.waits_for.as_deref(),
        job.unreachable(),
        job.error.as_deref(),
    ];
    for reason in reasons.into_iter().flatten() {
        message.push('\n');
        message.push_str(reason);
    }
    message
}

/// The time until the next look: what has run for long will hardly end at once.
fn interval(job: &Job) -> Duration {
    (job.created_at.elapsed() / 10).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn task(record: &Value) -> Task {
        let mut whole = json!({"id": "a1b2c3d4", "type": "ssh", "alias": "web1", "cmd": "make",
            "createdAt": "2026-11-22T13:00:00.000Z"});
        let fields = record.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(fields);
        task_of(&serde_json::from_value(whole).unwrap())
    }

    #[test]
    fn a_task_that_has_ended_is_kept_for_a_day_from_then() {
        let ended = task(&json!({"status": "completed", "updatedAt": "2026-11-22T14:00:00.000Z"}));
        assert_eq!(
            (ended.status, ended.ttl_ms),
            (TaskStatus::Completed, Some(25 * 3_600_000))
        );
        assert_eq!(ended.poll_interval_ms, None);
        let running = task(&json!({"status": "running", "updatedAt": "2026-11-22T14:00:00.000Z"}));
        assert_eq!(
            (running.status, running.ttl_ms),
            (TaskStatus::Working, None)
        );
        assert_eq!(running.poll_interval_ms, Some(10_000));
    }

    #[test]
    fn a_command_that_failed_has_a_result_and_a_crashed_one_has_none() {
        let failed = task(&json!({"status": "failed", "exitCode": 1}));
        assert_eq!(failed.status, TaskStatus::Completed);
        let crashed = task(&json!({"status": "crashed", "error": "it is gone"}));
        assert_eq!(crashed.status, TaskStatus::Failed);
        assert_eq!(
            crashed.status_message.unwrap(),
            "crashed on `web1`: make\nit is gone"
        );
    }
}
