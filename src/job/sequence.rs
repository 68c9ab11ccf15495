//! A sequence of commands as a job: what it is given, and what came of each step.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::operation::{Context, enter_command, limit_of};
use super::outputs::Streams;
use super::record::Job;
use super::status::Status;
use crate::error::Stopped;
use crate::secret::hide_of;
use crate::shell::is_streaming;
use crate::ssh::command::sequence::{Line, Outcome, Sequence};
use crate::ssh::{Bound, ExitOutcome};
use crate::text::tell_loss;
use crate::time::millis;

/// A command of a sequence, as a call gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// A command line.
    Plain(String),
    /// A command line with what holds for it alone.
    Detailed {
        /// The command line.
        command: String,
        /// Seconds that it may run; 0 is without limit.
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout: Option<f64>,
        /// Whether the sequence goes on if it fails.
        #[serde(rename = "continueOnError", skip_serializing_if = "Option::is_none")]
        continue_on_error: Option<bool>,
    },
}

impl Step {
    /// The command line.
    pub fn command(&self) -> &str {
        match self {
            Self::Plain(command) | Self::Detailed { command, .. } => command,
        }
    }

    /// The command line, to be changed.
    pub(super) fn command_mut(&mut self) -> &mut String {
        match self {
            Self::Plain(command) | Self::Detailed { command, .. } => command,
        }
    }

    fn timeout(&self) -> Option<f64> {
        match self {
            Self::Plain(_) => None,
            Self::Detailed { timeout, .. } => *timeout,
        }
    }

    fn continue_on_error(&self) -> Option<bool> {
        match self {
            Self::Plain(_) => None,
            Self::Detailed {
                continue_on_error, ..
            } => *continue_on_error,
        }
    }
}

/// What came of a step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
// The original leaves out what a failed step has not.
#[serde(rename_all = "camelCase", default)]
pub struct StepResult {
    /// Its number, from 1.
    pub step: usize,
    /// The command line.
    pub command: String,
    /// Whether its exit status was 0, or it was stopped at its bound.
    pub success: bool,
    /// Head and tail of standard output.
    pub output: String,
    /// Head and tail of standard error.
    pub stderr: String,
    /// Its exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u32>,
    /// How long it took, in ms.
    pub duration: u64,
    /// Lines of standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_count: Option<u64>,
    /// Whether it would have printed for ever and was stopped, or some of its output was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounded: Option<bool>,
    /// The bound that it came to: so many lines, or seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounded_by: Option<String>,
    /// What became of its process, where that was stopped so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Stopped>,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Runs a sequence, and enters what came of it.
pub(super) async fn perform(
    context: &Context<'_>,
    job: &mut Job,
    steps: &[Step],
    (timeout, continue_on_error): (Option<f64>, bool),
    cancel: &CancellationToken,
) {
    let default = limit_of(timeout, context.config.command_timeout);
    let limits: Vec<Option<Duration>> = steps
        .iter()
        .map(|step| limit_of(step.timeout(), default))
        .collect();
    let lines: Vec<_> = steps
        .iter()
        .zip(&limits)
        .map(|(step, limit)| Line {
            text: step.command(),
            limit: *limit,
            bound: if is_streaming(step.command()) {
                Bound::STREAMING
            } else {
                Bound::default()
            },
        })
        .collect();
    let alias = job.alias.clone();
    context.note_charset(job);
    let Streams {
        mut stdout,
        mut stderr,
    } = context.outputs.begin(&job.id, &alias);
    let mut sequence = Sequence::new(context.pool, &alias, cancel);
    let mut results = Vec::new();
    // What ends the sequence, with the number of its step.
    let mut last: Option<ExitOutcome> = None;
    let mut failure = None;
    while results.len() < steps.len() && last.is_none() {
        let rest = &lines[results.len()..];
        let mut take = |outcome: Outcome| {
            let index = results.len();
            let (result, ended) = enter(&alias, index, &steps[index], outcome);
            let goes_on = result.success || {
                let may = steps[index]
                    .continue_on_error()
                    .unwrap_or(continue_on_error);
                may && matches!(
                    ended,
                    ExitOutcome::Exited(_)
                        | ExitOutcome::Signalled(_)
                        | ExitOutcome::TimedOut(_)
                        | ExitOutcome::Unknown
                )
            };
            results.push(result);
            if !goes_on {
                last = Some(ended);
            }
            goes_on
        };
        if let Err(error) = sequence
            .run(rest, &mut stdout, &mut stderr, &mut take)
            .await
        {
            failure = Some(error);
            break;
        }
    }
    job.shell = sequence.uses_sh_fallback.then(|| "sh".to_owned());
    job.left_running = sequence.has_child.then_some(true);
    job.encoding = sequence.charset.name();
    job.keep(&stdout, &stderr);
    for result in &mut results {
        tell_loss(&mut result.output, stdout.lost());
        tell_loss(&mut result.stderr, stderr.lost());
    }
    let (done, failed) = (
        results.len(),
        results.iter().filter(|result| !result.success).count(),
    );
    job.exit_code = results.last().and_then(|result| result.exit_code);
    job.results = Some(results);
    if let Some(error) = failure {
        return job.fail(error.report());
    }
    let Some(ended) = last else {
        job.enter(if failed == 0 {
            Status::Completed
        } else {
            Status::Failed
        });
        if failed > 0 {
            job.error = Some(format!("{failed} of {done} steps failed"));
        }
        return;
    };
    enter_command(job, ended, limits[done - 1]);
    if let Some(error) = &mut job.error {
        *error = format!("step {done} of {}: {error}", steps.len());
    }
}

fn enter(alias: &str, index: usize, step: &Step, outcome: Outcome) -> (StepResult, ExitOutcome) {
    let Outcome {
        stdout,
        stderr,
        ended,
        is_cut,
        reached,
        charset,
        duration,
    } = outcome;
    let mut process = None;
    let (exit_code, error) = match &ended {
        ExitOutcome::Exited(0) => (Some(0), None),
        ExitOutcome::Exited(code) => (Some(*code), Some(format!("Exit code: {code}"))),
        ExitOutcome::Signalled(signal) => (None, Some(format!("killed by signal {signal}"))),
        ExitOutcome::TimedOut(stopped) => (
            None,
            Some(format!("ran past its timeout and was {stopped}")),
        ),
        ExitOutcome::Bounded(stopped) => {
            process = Some(*stopped);
            (None, None)
        }
        ExitOutcome::Cancelled(stopped) => (None, Some(format!("cancelled: {stopped}"))),
        ExitOutcome::NotBegun => (None, Some("cancelled before it had begun".to_owned())),
        ExitOutcome::Unknown => (
            None,
            Some("the shell ended without an exit status".to_owned()),
        ),
        ExitOutcome::LineLost(error) => (None, Some(error.to_string())),
    };
    let is_bounded = is_cut || process.is_some();
    let reached = reached.filter(|_| is_bounded);
    let result = StepResult {
        step: index + 1,
        command: hide_of(Some(alias), step.command()).into_owned(),
        success: error.is_none(),
        output: stdout.shown(charset).text,
        stderr: stderr.shown(charset).text,
        exit_code,
        duration: millis(duration),
        line_count: stdout.lines(),
        bounded: is_bounded.then_some(true),
        bounded_by: reached.map(|reached| reached.to_string()),
        process,
        error,
    };
    (result, ended)
}
