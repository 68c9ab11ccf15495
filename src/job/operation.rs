//! What a job does, and how what came of it enters the record.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

use super::detached::{self, Attention};
use super::outputs::{Outputs, Streams};
use super::queue::Queue;
use super::record::Job;
use super::sequence::{self, Step};
use super::status::Status;
use super::stop::StopSignal;
use crate::config::Config;
use crate::error::{Error, Stopped};
use crate::guard::Guard;
use crate::secret::LONGEST;
use crate::sftp::transfer::{Request, Summary, Transfer};
use crate::sftp::{Notes, Progress};
use crate::ssh::background::leaves_behind;
use crate::ssh::conversation::{Answer, Conversation};
use crate::ssh::exec::Command;
use crate::ssh::{Bound, Ended, Pool, patience};

/// How often the record says how far a transfer has come.
const PROGRESS_NOTED: Duration = Duration::from_millis(250);

/// What a job does. Everything that a retry needs stands in the record.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Runs a command.
    Exec {
        /// The command line, for the login shell.
        cmd: String,
        /// Seconds that it may run; 0 is without limit, `None` the configured default.
        timeout: Option<f64>,
        /// Whether it is to outlive the connection and this process.
        detach: bool,
        /// How much is taken of its output.
        bound: Bound,
    },
    /// Runs a command at a terminal, and answers its prompts.
    Interactive {
        /// The command line, for the login shell.
        cmd: String,
        /// Answers by prompt.
        responses: Responses,
        /// Whether the usual questions get a yes.
        auto_respond: bool,
        /// Seconds that it may run; 0 is without limit, `None` the configured default.
        timeout: Option<f64>,
    },
    /// Runs commands one after another in the same shell.
    Sequence {
        /// The commands.
        steps: Vec<Step>,
        /// Whether to go on where one fails.
        continue_on_error: bool,
        /// Seconds that each may run; 0 is without limit, `None` the configured default.
        timeout: Option<f64>,
    },
    /// Moves a file or a tree.
    Transfer(Request),
}

impl Operation {
    /// Does it, and enters what came of it into `job`.
    pub(super) async fn perform(
        &self,
        context: &Context<'_>,
        job: &mut Job,
        begins: bool,
        stop: &StopSignal,
        attention: &Attention,
    ) {
        let cancel = stop.token();
        match self {
            Self::Exec {
                cmd,
                timeout,
                detach: true,
                ..
            } => {
                // What is to outlive everything has no timeout unless one was asked for.
                let limit = limit_of(*timeout, None);
                if !begins || detached::start(context, job, cmd, limit, cancel, attention).await {
                    detached::attend(context, job, limit, stop, attention).await;
                }
            }
            Self::Exec {
                cmd,
                timeout,
                bound,
                ..
            } => {
                let limit = limit_of(*timeout, context.config.command_timeout);
                execute(context, job, cmd, limit, (*bound, None), cancel).await;
            }
            Self::Interactive {
                cmd,
                responses,
                auto_respond,
                timeout,
            } => {
                let limit = limit_of(*timeout, context.config.interactive_timeout);
                match answers(responses) {
                    Ok(answers) => {
                        let talk = Conversation::new(answers, *auto_respond);
                        execute(
                            context,
                            job,
                            cmd,
                            limit,
                            (Bound::default(), Some(talk)),
                            cancel,
                        )
                        .await;
                    }
                    Err(error) => job.fail(error.report()),
                }
            }
            Self::Sequence {
                steps,
                continue_on_error,
                timeout,
            } => {
                let options = (*timeout, *continue_on_error);
                sequence::perform(context, job, steps, options, cancel).await;
            }
            Self::Transfer(request) => match move_files(context, job, request, cancel).await {
                Ok(summary) => enter_transfer(job, request, summary),
                Err(error) => job.fail(error.report()),
            },
        }
    }
}

/// Answers by prompt, as a call gives them.
pub type Responses = IndexMap<String, String>;

/// The answers as a conversation takes them.
pub fn answers(responses: &Responses) -> Result<Vec<Answer>, Error> {
    if responses.values().map(String::len).sum::<usize>() > LONGEST {
        let problem = format!("has answers of more than {LONGEST} bytes together");
        return Err(Error::invalid("responses", problem));
    }
    let answers = responses.iter().map(|(prompt, answer)| {
        Answer::new(prompt, answer).map_err(|error| {
            Error::invalid(
                "responses",
                format!("has `{prompt}`, which is not a regular expression: {error}"),
            )
        })
    });
    answers.collect()
}

/// What a job works with.
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) queue: &'a Arc<Queue>,
    pub(super) outputs: &'a Outputs,
    pub(super) pool: &'a Pool,
    pub(super) guard: &'a Guard,
}

impl Context<'_> {
    /// Notes what the job's server prints in, where that is known before it begins, for those who read
    /// its output while it runs.
    pub(super) fn note_charset(&self, job: &Job) {
        if let Some(name) = self.pool.charset(&job.alias).name() {
            self.queue.amend(&job.id, |job| job.encoding = Some(name));
        }
    }
}

/// Runs a transfer, and notes in the queue how far it has come.
async fn move_files(
    context: &Context<'_>,
    job: &Job,
    request: &Request,
    cancel: &CancellationToken,
) -> Result<Summary, Error> {
    let (progress, notes) = (Progress::default(), Notes::default());
    let roots = context.guard.roots().around(&request.local_bases());
    let transfer = Transfer {
        pool: context.pool,
        alias: &job.alias,
        request,
        token: job.part.as_deref().unwrap_or(job.id.as_str()),
        patience: patience(context.config.command_timeout),
        line_patience: context.config.line_patience,
        max_entries: context.config.max_entries,
        max_growth: context.config.max_growth,
        roots: &roots,
        may_write: &|| context.guard.write_check(),
        data: &context.config.data_dir,
        progress: &progress,
        notes: &notes,
        cancel,
    };
    // Boxed, or the compiler does not see that it may go from thread to thread.
    let mut moved: BoxFuture<'_, _> = Box::pin(transfer.run());
    let mut last = (0, None);
    loop {
        tokio::select! {
            outcome = &mut moved => return outcome,
            () = tokio::time::sleep(PROGRESS_NOTED) => {
                let now = (progress.bytes(), progress.whole());
                if now != last {
                    last = now;
                    context.queue.amend(&job.id, |job| job.note(&progress));
                }
            }
        }
    }
}

async fn execute(
    context: &Context<'_>,
    job: &mut Job,
    line: &str,
    limit: Option<Duration>,
    (bound, talk): (Bound, Option<Conversation>),
    cancel: &CancellationToken,
) {
    let (alias, is_at_terminal) = (job.alias.clone(), talk.is_some());
    let command = Command {
        alias: &alias,
        line,
        is_script: job.tool.is_some(),
        limit,
        bound,
        talk,
        cancel,
    };
    context.note_charset(job);
    let Streams {
        mut stdout,
        mut stderr,
    } = context.outputs.begin(&job.id, &alias);
    match command.run(context.pool, &mut stdout, &mut stderr).await {
        Ok(outcome) => {
            job.encoding = outcome.charset.name();
            job.keep(&stdout, &stderr);
            enter_command(job, outcome.ended, limit);
            // It may have ended by itself before it had to be stopped.
            if outcome.is_cut {
                job.bounded = Some(true);
            }
            let reached = outcome.reached.filter(|_| job.bounded == Some(true));
            job.bounded_by = reached.map(|reached| reached.to_string());
            // A terminal takes with it what was left at it, whatever that holds.
            let is_left =
                outcome.has_child || is_at_terminal && job.process.is_none() && leaves_behind(line);
            job.left_running = is_left.then_some(true);
            job.pager_quit = outcome.has_quit_pager.then_some(true);
            let prompt = outcome.prompt.filter(|prompt| !prompt.trim().is_empty());
            if let (Some(true), Some(error), Some(prompt)) = (job.timed_out, &mut job.error, prompt)
            {
                *error = format!("{error}; it was waiting at: {prompt}");
            }
        }
        Err(error) => job.fail(error.report()),
    }
}

/// A call's own timeout in seconds, or the configured one; 0 is none.
pub(super) fn limit_of(seconds: Option<f64>, default: Option<Duration>) -> Option<Duration> {
    match seconds {
        None => default,
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|limit| !limit.is_zero()),
    }
}

/// Enters how a command ended.
pub(super) fn enter_command(job: &mut Job, ended: Ended, limit: Option<Duration>) {
    match ended {
        Ended::Exited(0) => {
            job.exit_code = Some(0);
            job.enter(Status::Completed);
        }
        Ended::Exited(code) => {
            job.exit_code = Some(code);
            job.error = Some(format!("Exit code: {code}"));
            job.enter(Status::Failed);
        }
        Ended::Signalled(signal) => {
            job.error = Some(format!("killed by signal {signal}"));
            job.signal = Some(signal);
            job.enter(Status::Failed);
        }
        Ended::Unknown => {
            job.error = Some("the server closed the channel without an exit status".to_owned());
            job.enter(Status::Failed);
        }
        Ended::TimedOut(stopped) => {
            job.timed_out = Some(true);
            job.process = Some(stopped);
            job.fail(
                Error::CommandTimeout {
                    limit: limit.unwrap_or_default(),
                    stopped,
                }
                .report(),
            );
        }
        Ended::Bounded(stopped) => {
            job.bounded = Some(true);
            job.process = Some(stopped);
            job.enter(Status::Completed);
        }
        Ended::Cancelled(stopped) => {
            enter_cancelled(job, stopped, &format!("the command was {stopped}"));
        }
        Ended::NotBegun => enter_cancelled(job, Stopped::Stopped, "the command had not begun"),
        Ended::LineLost(error) => job.fail(error.report()),
    }
}

fn enter_cancelled(job: &mut Job, stopped: Stopped, what: &str) {
    job.process = Some(stopped);
    job.error = Some(what.to_owned());
    job.enter(Status::Cancelled);
}

fn enter_transfer(job: &mut Job, request: &Request, summary: Summary) {
    let (done, failures) = (summary.done, summary.failures);
    let total = done + failures;
    let mut output = format!(
        "{}: {done}/{total} files transferred",
        request.direction.name()
    );
    if let Some(first) = summary.failed.first() {
        let others = match failures - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        output = format!("{output}\nfailed: {}{others}", first.file);
    }
    for note in &summary.notes {
        output.push_str("\nNote: ");
        output.push_str(note);
    }
    job.output = Some(output);
    job.files_done = Some(done);
    job.files_total = Some(total);
    job.resumed_bytes = Some(summary.resumed).filter(|bytes| *bytes > 0);
    job.bytes_total = summary.whole.map(|whole| whole.bytes);
    job.bytes = Some(summary.bytes);
    job.failed_files = Some(summary.failed.clone());
    job.destinations = Some(summary.places).filter(|places| !places.is_empty());
    job.verified = summary.verified.then_some(true);
    if summary.abandoned {
        let what = "the transfer was given up on a server that does not answer; part files may have stayed";
        enter_cancelled(job, Stopped::Unknown, what);
    } else if summary.cancelled && failures > 0 {
        enter_cancelled(job, Stopped::Stopped, "the transfer was stopped");
    } else if failures == 0 {
        job.enter(Status::Completed);
    } else if let (0, Some(refusal), true) = (done, summary.refusal, summary.refused == failures) {
        job.fail(refusal.report());
    } else if done == 0 {
        job.fail(
            Error::Transfer {
                failed: summary.failed,
            }
            .report(),
        );
    } else {
        job.error = Some(format!("{failures} of {total} files failed"));
        job.enter(Status::Partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_timeout() {
        let default = Some(Duration::from_secs(300));
        assert_eq!(limit_of(None, default), default);
        assert_eq!(limit_of(Some(0.0), default), None);
        assert_eq!(
            limit_of(Some(1.5), default),
            Some(Duration::from_millis(1500))
        );
    }
}
