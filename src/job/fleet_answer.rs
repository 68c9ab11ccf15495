//! The answer about a job on many servers: its outcome, and the outputs of all, equal ones once.

use std::collections::HashMap;
use std::io::Read;

use sha2::{Digest, Sha256};

use super::excerpt::{OutputView, any_output_call};
use super::kind::fleet::{Child, ChildState, FleetOutcome};
use super::record::Job;
use super::runner::Jobs;
use super::status::Status;
use super::stream::Stream;
use crate::error::Error;
use crate::fleet::fold::{ChildOutcome, ChildReport, fold};
use crate::fs::blocking;

/// Codes of errors by which a server was not reached.
const UNREACHED: [&str; 4] = [
    "CONNECTION_FAILED",
    "AUTH_FAILED",
    "HOST_KEY_MISMATCH",
    "SSH_CONFIG_ERROR",
];

/// The bytes that are read of an output at a time.
const BLOCK: usize = 64 * 1024;

impl Jobs {
    /// The text of an answer about a job on many servers.
    pub(super) async fn text_of_fleet(
        &self,
        job: &Job,
        outcome: &FleetOutcome,
        view: &OutputView,
    ) -> Result<String, Error> {
        self.text_with_facts(job, outcome, view, HashMap::new())
            .await
    }

    /// The same with `facts` in the place of what these servers have printed, or with the reason for which it could
    /// not be read.
    pub async fn text_with_facts(
        &self,
        job: &Job,
        outcome: &FleetOutcome,
        view: &OutputView,
        mut facts: HashMap<String, Result<String, String>>,
    ) -> Result<String, Error> {
        let mut reports = Vec::new();
        for child in &outcome.children {
            let mut report = ChildReport {
                host: self.host(&child.alias),
                alias: child.alias.clone(),
                task: child.task.as_ref().map(ToString::to_string),
                outcome: outcome_of(job, outcome, child),
                output: String::new(),
                digest: None,
            };
            match facts.remove(&child.alias) {
                Some(Ok(text)) => report.output = text,
                Some(Err(reason)) => report.outcome = ChildOutcome::Failed { reason },
                None => self.add_output(&mut report, child, view).await?,
            }
            reports.push(report);
        }
        let head = if job.status.is_live() {
            self.text_of_live(job, view).await?
        } else {
            outcome.text(job).end()
        };
        let budget = view.budget().saturating_sub(head.len());
        let folded = fold(job.id.as_str(), &reports, budget);
        let newline = if folded.is_empty() { "" } else { "\n" };
        Ok(format!("{head}{newline}{folded}"))
    }

    /// Adds the output of a child to the report about its server.
    async fn add_output(
        &self,
        report: &mut ChildReport,
        child: &Child,
        view: &OutputView,
    ) -> Result<(), Error> {
        if matches!(child.state(), ChildState::Running | ChildState::Crashed) {
            return Ok(());
        }
        let has_failed = child.state() != ChildState::Done;
        let check = child.check.as_ref().filter(|_| has_failed);
        for task in child.task.iter().chain(check) {
            // It may have left the queue, or been lost with its process.
            let Ok(job) = self.record(task).await else {
                continue;
            };
            let shown = self.shown(&job, view).await?;
            let text = job.text(&shown);
            let Some((_, printed)) = text.split_once('\n') else {
                continue;
            };
            if !report.output.is_empty() {
                report.output.push('\n');
            }
            report.output.push_str(printed);
            if printed.contains(&any_output_call(&job.id)) {
                report.digest = Some(self.digest(&job).await?);
            }
        }
        Ok(())
    }

    /// A hash of all that a job has printed.
    async fn digest(&self, job: &Job) -> Result<[u8; 32], Error> {
        let blobs = Stream::BOTH.map(|stream| self.outputs().blob(&job.id, stream));
        blocking(move || {
            let mut digest = Sha256::new();
            let mut block = vec![0; BLOCK];
            for blob in blobs {
                let Ok(mut file) = blob.open() else { continue };
                loop {
                    let length = file.read(&mut block);
                    let length = length.map_err(|error| blob.failure("read", &error))?;
                    if length == 0 {
                        break;
                    }
                    digest.update(&block[..length]);
                }
                // The end of one stream is no beginning of the other.
                digest.update([0]);
            }
            Ok(digest.finalize().into())
        })
        .await
    }
}

fn outcome_of(job: &Job, outcome: &FleetOutcome, child: &Child) -> ChildOutcome {
    let reason = reason_of(child);
    match child.state() {
        ChildState::Done => ChildOutcome::Succeeded,
        ChildState::Running => ChildOutcome::Running,
        ChildState::Refused => ChildOutcome::Refused { reason },
        ChildState::NotBegun => {
            let stopped = outcome.stopped.clone();
            let reason = match job.status {
                Status::Pending | Status::Running => "its turn has not come".to_owned(),
                Status::Crashed => "the process that ran the task ended before".to_owned(),
                _ => stopped.unwrap_or_default(),
            };
            ChildOutcome::NotBegun { reason }
        }
        ChildState::Failed => {
            let code = child.error_code.as_deref().unwrap_or_default();
            if UNREACHED.contains(&code) {
                ChildOutcome::Unreachable { reason }
            } else {
                ChildOutcome::Failed { reason }
            }
        }
        ChildState::Cancelled => ChildOutcome::Failed {
            reason: format!("cancelled: {reason}"),
        },
        ChildState::Crashed => ChildOutcome::Failed {
            reason: "under way when the process that ran it ended; how it ended is not known"
                .to_owned(),
        },
    }
}

/// The reason for which a child did not end well, and what was not put back.
fn reason_of(child: &Child) -> String {
    let reason = match (child.exit_code, &child.error) {
        (Some(code), Some(error)) if *error == format!("Exit code: {code}") => {
            format!("exit status {code}")
        }
        (_, error) => error.clone().unwrap_or_default(),
    };
    match &child.undo_error {
        Some(error) => format!("{reason}; not put back: {error}"),
        None => reason,
    }
}
