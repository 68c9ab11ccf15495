//! Having the server run a sequence by itself, whatever becomes of the connection and this program.

use std::time::Duration;

use super::Sequence;
use super::outcome::SequenceOutcome;
use super::result::result_of;
use crate::charset::Charset;
use crate::error::Error;
use crate::job::ending::Ending;
use crate::job::kind::Outcome;
use crate::job::kind::command::CommandOutcome;
use crate::job::kind::context::{Context, JobStart, limit_of};
use crate::job::kind::detached::follow::{Followed, close, follow};
use crate::job::kind::detached::start::{AfterStart, Started, after_start, start};
use crate::job::kind::step::StepResult;
use crate::job::status::Status;
use crate::job::stream_parts::StreamParts;
use crate::ssh::ExitOutcome;
use crate::ssh::command::detached_steps::{StepRun, runs, text_of};
use crate::ssh::command::sequence::StepOutcome;

impl Sequence {
    /// Starts the sequence on its server, or takes up what another process has started there, and follows it.
    pub(super) async fn run_on_server(&self, context: &Context<'_>) -> (Ending, SequenceOutcome) {
        let mut outcome = match context.recorded {
            Outcome::Sequence(recorded) => recorded.clone(),
            _ => SequenceOutcome::default(),
        };
        if context.start == JobStart::Fresh {
            outcome.command.printed.encoding = context.note_encoding();
            let started = self.start(context, &mut outcome).await;
            match after_start(context, &mut outcome.remote, started, self.or_attached) {
                AfterStart::Follow => {}
                AfterStart::RunInChannel => {
                    return self.run_in_channel(context, outcome.remote).await;
                }
                AfterStart::End(ending) => return (ending, outcome),
            }
        }
        let ending = self.follow(context, &mut outcome).await;
        (ending, outcome)
    }

    async fn start(
        &self,
        context: &Context<'_>,
        outcome: &mut SequenceOutcome,
    ) -> Result<Started, Ending> {
        let SequenceOutcome { remote, steps, .. } = outcome;
        let text = async {
            let texts = self.texts(context).await?;
            let lines = self.lines(self.limit(), &texts);
            let (alias, directory) = (&context.job.alias, remote.directory_name());
            text_of(context.pool, alias, directory, &lines).await
        };
        match text.await {
            Ok((text, uses_sh)) => {
                if uses_sh {
                    let shell = Some("sh".to_owned());
                    steps.shell.clone_from(&shell);
                    context.change_outcome(|recorded| {
                        if let Outcome::Sequence(recorded) = recorded {
                            recorded.steps.shell = shell;
                        }
                    });
                }
                start(context, remote, &text, None).await
            }
            Err(error) => {
                remote.directory = None;
                match error {
                    error @ Error::NotDetached { .. } => Ok(Started::Refused(error)),
                    error => Err(error.into()),
                }
            }
        }
    }

    /// The time of a step without one of its own. A detached one has none unless the call gives it.
    fn limit(&self) -> Option<Duration> {
        limit_of(self.timeout, None)
    }

    async fn follow(&self, context: &Context<'_>, outcome: &mut SequenceOutcome) -> Ending {
        let note = |marks: &str| {
            let step = runs(marks).last().map(|run| run.step);
            context.change_outcome(move |recorded| {
                if let Outcome::Sequence(recorded) = recorded {
                    recorded.steps.running_step = step;
                }
            });
        };
        let SequenceOutcome {
            command: CommandOutcome { printed, exit },
            steps,
            remote,
        } = outcome;
        let mut followed = follow(context, remote, None, note).await;
        followed.keep(remote, printed).await;
        let ran = match self.ran(context, &followed, printed.charset()).await {
            Ok(ran) => ran,
            Err(error) => return error.into(),
        };
        let (mut results, mut last) = (Vec::new(), None);
        for (index, (outcome, step)) in ran.into_iter().zip(&self.commands).enumerate() {
            let (result, ended) = result_of(index, step, outcome);
            let goes_on = result.success || self.goes_on_after(step, &ended);
            last = Some(ended).filter(|_| !goes_on);
            results.push(result);
        }
        exit.code = results.last().and_then(|result| result.exit_code);
        let ending = match (followed.ended, last) {
            (ExitOutcome::Exited(_), None) if results.len() < self.commands.len() => {
                self.ending_of_stuck(&results)
            }
            (ExitOutcome::Exited(_), last) => {
                let step = &self.commands[results.len().saturating_sub(1)];
                let limit = limit_of(step.timeout(), self.limit());
                let last = last.map(|ended| exit.close(ended, limit));
                self.ending_of(&results, last)
            }
            (ended, _) => close(remote, exit, ended, None),
        };
        steps.results = Some(results);
        context.trigger.polled();
        ending
    }

    /// The outcomes of the steps that have begun, with the parts of both streams that are theirs.
    async fn ran(
        &self,
        context: &Context<'_>,
        followed: &Followed,
        charset: Charset,
    ) -> Result<Vec<StepOutcome>, Error> {
        let runs = runs(&followed.marks);
        let Some(streams) = &followed.streams else {
            return Ok(Vec::new());
        };
        let ranges = runs.iter().map(|run| run.ranges.clone()).collect();
        let parts = context
            .outputs
            .parts(&context.job.id, streams, ranges)
            .await?;
        let ran = runs.into_iter().zip(parts).map(|(run, parts)| {
            let StreamParts { stdout, stderr } = parts;
            let StepRun {
                ended, duration, ..
            } = run;
            StepOutcome {
                stdout,
                stderr,
                ended: ended.unwrap_or_else(|| followed.ended.clone()),
                is_cut: false,
                reached: None,
                charset,
                duration,
            }
        });
        Ok(ran.collect())
    }

    /// The ending of a sequence whose next step has not begun: the directory of the last one is gone.
    fn ending_of_stuck(&self, results: &[StepResult]) -> Ending {
        let (next, all) = (results.len() + 1, self.commands.len());
        let reason = format!(
            "step {next} of {all} did not begin: its shell did not start in the directory of the step before"
        );
        Ending::of(Status::Failed, reason)
    }
}
