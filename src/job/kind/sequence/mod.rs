//! Commands one after another in the same shell.
//!
//! | module | what it is |
//! |---|---|
//! | `step` | the steps, as a call gives them |
//! | `in_channel` | running them in a channel, which ends with this program |
//! | `on_server` | having the server run them by itself |
//! | `result` | the result of a step |
//! | `outcome` | the outcome, and the answer's text about it |

mod in_channel;
mod on_server;
mod outcome;
mod result;
mod step;

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::{Context, limit_of};
use super::detached::remote::Remote;
use super::step::StepResult;
use super::{Kind, SSH_SEQUENCE, hide_work, is_of_type};
use crate::device;
use crate::error::Error;
use crate::guard::{DeviceLack, Guard};
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::job::status::Status;
use crate::shell::is_streaming;
use crate::ssh::command::sequence::BoundedCommand;
use crate::ssh::{Bound, ExitOutcome};
pub use outcome::SequenceOutcome;
pub use step::Step;

/// Runs commands one after another in the same shell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sequence {
    /// The commands.
    pub commands: Vec<Step>,
    /// Set if it goes on where one fails.
    #[serde(default)]
    pub continue_on_error: bool,
    /// Seconds that each may run; 0 is without limit, `None` the configured default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Set if its server goes on with it whatever becomes of this program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detach: bool,
    /// Set if it runs in a channel where its server cannot do that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub or_attached: bool,
}

impl Kind for Sequence {
    type Outcome = SequenceOutcome;

    fn record_type(&self) -> &'static str {
        SSH_SEQUENCE
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, SSH_SEQUENCE)
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn tool(&self) -> &'static str {
        "task_exec_sequence"
    }

    fn begin(&self, id: &JobId) -> SequenceOutcome {
        let mut outcome = SequenceOutcome::default();
        if self.detach {
            outcome.remote = Remote::of(id);
        }
        outcome
    }

    fn is_detached(&self) -> bool {
        self.detach
    }

    fn changes_server(&self) -> bool {
        true
    }

    fn may_change(&self) -> bool {
        !self.commands.iter().all(Step::only_reads)
    }

    fn lacks_on_device(&self) -> Option<DeviceLack> {
        let mut steps = self.commands.iter();
        if steps.any(|step| step.supplies().is_some()) {
            return Some(DeviceLack::SUPPLIES);
        }
        if self.detach && !self.or_attached {
            return Some(DeviceLack::DETACHED);
        }
        let mut steps = self.commands.iter();
        steps.find_map(|step| DeviceLack::for_line(step.command()))
    }

    fn may_change_device(&self) -> bool {
        let mut steps = self.commands.iter();
        !steps.all(|step| device::only_reads(step.command()))
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        for step in &self.commands {
            if let Some(supplies) = step.supplies() {
                supplies.authorize(guard, step.command())?;
            }
        }
        let commands: Vec<_> = self.commands.iter().map(Step::judged).collect();
        // The steps are also judged together: a quote that one leaves open would hide the next.
        commands
            .iter()
            .try_for_each(|command| guard.may_run(command))?;
        guard.may_run(&commands.join("\n"))
    }

    fn details(&self) -> String {
        let commands = self.commands.iter().map(Step::details).enumerate();
        let steps = commands.map(|(index, command)| format!("{}. {command}", index + 1));
        steps.collect::<Vec<_>>().join("\n")
    }

    fn commands(&mut self) -> Vec<&mut String> {
        self.commands.iter_mut().map(Step::command_mut).collect()
    }

    fn summary(&self) -> String {
        let commands = self.commands.iter().map(Step::summary);
        commands.collect::<Vec<_>>().join("; ")
    }

    fn again(&self, id: &JobId) -> Result<Self, Error> {
        let mut all = self.commands.iter().filter_map(Step::supplies);
        all.try_for_each(|supplies| supplies.check_whole(id))?;
        Ok(self.clone())
    }

    fn hide_secrets(&mut self, alias: &str) -> bool {
        let mut is_masked = false;
        for step in &mut self.commands {
            let command = step.command().to_owned();
            let supplies = step.supplies_mut();
            is_masked |= supplies.is_some_and(|supplies| supplies.hide_secrets(alias, &command));
            is_masked |= hide_work(alias, step.command_mut());
        }
        is_masked
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, SequenceOutcome) {
        if self.detach {
            self.run_on_server(context).await
        } else {
            self.run_in_channel(context, Remote::default()).await
        }
    }

    fn render(job: &Header, outcome: &SequenceOutcome, shown: &ShownOutput) -> String {
        outcome.render(job, shown)
    }
}

impl Sequence {
    /// Returns whether the next step runs although this one has failed.
    fn goes_on_after(&self, step: &Step, ended: &ExitOutcome) -> bool {
        let goes_on = matches!(
            ended,
            ExitOutcome::Exited(_)
                | ExitOutcome::Refused { .. }
                | ExitOutcome::Signalled(_)
                | ExitOutcome::TimedOut(_)
                | ExitOutcome::Unknown
        );
        goes_on && self.may_fail(step)
    }

    /// The texts of all steps, each for the shell that runs it.
    async fn texts(&self, context: &Context<'_>) -> Result<Vec<Cow<'_, str>>, Error> {
        let mut texts = Vec::new();
        for step in &self.commands {
            let command = step.command();
            texts.push(match step.supplies() {
                None => command.into(),
                Some(supplies) => {
                    let (secrets, alias) = (context.secrets, &context.job.alias);
                    let program = supplies.supplied(command, secrets, alias).await?;
                    program.step().into()
                }
            });
        }
        Ok(texts)
    }

    /// Returns whether the sequence goes on if a step fails.
    fn may_fail(&self, step: &Step) -> bool {
        step.continue_on_error().unwrap_or(self.continue_on_error)
    }

    /// The steps with their bounds. `default` is the time of one without a time of its own.
    fn lines<'t>(
        &self,
        default: Option<Duration>,
        texts: &'t [Cow<'_, str>],
    ) -> Vec<BoundedCommand<'t>> {
        let steps = self.commands.iter().zip(texts);
        let lines = steps.map(|(step, text)| BoundedCommand {
            text,
            is_private: step.supplies().is_some(),
            limit: limit_of(step.timeout(), default),
            may_fail: self.may_fail(step),
            bound: if is_streaming(step.command()) {
                Bound::STREAMING
            } else {
                Bound::default()
            },
        });
        lines.collect()
    }

    /// The ending of a sequence of which so many steps were done. `last` is the end of the one that has ended it.
    fn ending_of(&self, results: &[StepResult], last: Option<Ending>) -> Ending {
        let (done, all) = (results.len(), self.commands.len());
        let failed = results.iter().filter(|result| !result.success).count();
        match last {
            Some(ending) => ending.explain(|error| format!("step {done} of {all}: {error}")),
            None if failed > 0 => {
                Ending::of(Status::Failed, format!("{failed} of {done} steps failed"))
            }
            None => Ending::completed(),
        }
    }
}
