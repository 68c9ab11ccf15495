//! Commands one after another in the same shell.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::{self, CommandOutcome, Exit, LEFT_RUNNING};
use super::context::{Context, limit_of};
use super::step::{StepResult, add_steps};
use super::supplies::Supplies;
use super::{Kind, Results, SSH_SEQUENCE, hide_text, is_of_type};
use crate::error::Error;
use crate::guard::Guard;
use crate::job::answer::{AnswerText, ShownOutput, cut_long};
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::job::outputs::Streams;
use crate::job::printed::{Printed, shorten};
use crate::job::status::Status;
use crate::shell::{is_streaming, only_reads};
use crate::ssh::command::sequence::{self, BoundedCommand};
use crate::ssh::{Bound, ExitOutcome, HEAD, TAIL};
use crate::text::{abridge, share, tell_loss};
use crate::time::millis;

/// Bytes of all steps' outputs together that an answer shows.
const BUDGET: usize = HEAD + TAIL;

/// Follow the error of a lost connection: the server has got all steps, and the shell begins the next one
/// by itself as long as it does not know of the loss.
const MAY_GO_ON: &str = "; the steps after it were sent along and may have run";
const MAY_HAVE_RUN: &str = "; the steps were sent along and may have run";

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
}

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
        /// Set if the sequence goes on where it fails; the sequence's own setting by default.
        #[serde(rename = "continueOnError", skip_serializing_if = "Option::is_none")]
        continue_on_error: Option<bool>,
        /// Its directory, variables, input or script.
        #[serde(default, skip_serializing_if = "Supplies::is_empty")]
        supplies: Box<Supplies>,
    },
}

impl Step {
    /// The command line.
    pub fn command(&self) -> &str {
        match self {
            Self::Plain(command) | Self::Detailed { command, .. } => command,
        }
    }

    fn command_mut(&mut self) -> &mut String {
        match self {
            Self::Plain(command) | Self::Detailed { command, .. } => command,
        }
    }

    /// Its directory, variables, input or script.
    pub fn supplies(&self) -> Option<&Supplies> {
        match self {
            Self::Plain(_) => None,
            Self::Detailed { supplies, .. } => Some(&**supplies).filter(|one| !one.is_empty()),
        }
    }

    fn supplies_mut(&mut self) -> Option<&mut Supplies> {
        match self {
            Self::Plain(_) => None,
            Self::Detailed { supplies, .. } => Some(supplies),
        }
    }

    fn summary(&self) -> Cow<'_, str> {
        let command = self.command();
        let supplies = self.supplies();
        supplies.map_or(command.into(), |supplies| supplies.summary(command))
    }

    /// The commands that stand for it where it is judged.
    fn judged(&self) -> Cow<'_, str> {
        let command = self.command();
        let supplies = self.supplies();
        supplies.map_or(command.into(), |supplies| supplies.judged(command).into())
    }

    /// All that a person has to know of it, in lines.
    fn details(&self) -> String {
        let command = self.command();
        let supplies = self.supplies();
        supplies.map_or_else(|| command.to_owned(), |one| one.details(command))
    }

    fn only_reads(&self) -> bool {
        let command = self.command();
        let supplies = self.supplies();
        supplies.map_or_else(|| only_reads(command), |one| one.only_reads(command))
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

/// The outcome of a sequence.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SequenceOutcome {
    /// The output of all steps.
    #[serde(flatten)]
    pub printed: Printed,
    /// The end of the last step.
    #[serde(flatten)]
    pub exit: Exit,
    /// The outcomes of the steps.
    #[serde(flatten)]
    pub steps: Steps,
}

/// The outcomes of the steps of a sequence.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Steps {
    /// The shell that ran them, where it was not the login shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// One result a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<StepResult>>,
}

impl Results for SequenceOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            printed: take(record)?,
            exit: take(record)?,
            steps: take(record)?,
        })
    }

    fn printed(&self) -> Option<&Printed> {
        Some(&self.printed)
    }

    fn exit(&self) -> Option<&Exit> {
        Some(&self.exit)
    }

    fn printed_mut(&mut self) -> Option<&mut Printed> {
        Some(&mut self.printed)
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let results = self.steps.results.iter_mut().flatten();
        let steps = results.flat_map(|result| {
            let error = result.error.as_mut();
            error.into_iter().chain([&mut result.command])
        });
        steps.chain(&mut self.printed.output).collect()
    }

    fn shorten(&mut self) {
        self.printed.shorten();
        self.outputs_of_steps().into_iter().for_each(shorten);
    }

    /// Cuts long commands, and has the steps share what an answer shows of one output.
    fn shorten_for_answer(&mut self) {
        for result in self.steps.results.iter_mut().flatten() {
            cut_long(&mut result.command);
        }
        let texts = self.outputs_of_steps();
        let lengths: Vec<_> = texts.iter().map(|text| text.len()).collect();
        let share = share(&lengths, BUDGET);
        for text in texts {
            if text.len() > share {
                *text = abridge(text, share);
            }
        }
    }
}

impl SequenceOutcome {
    fn outputs_of_steps(&mut self) -> Vec<&mut String> {
        let results = self.steps.results.iter_mut().flatten();
        results
            .flat_map(|step| [&mut step.output, &mut step.stderr])
            .collect()
    }
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

    fn changes_server(&self) -> bool {
        true
    }

    fn may_change(&self) -> bool {
        !self.commands.iter().all(Step::only_reads)
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
            is_masked |= hide_text(alias, step.command_mut());
            let supplies = step.supplies_mut();
            is_masked |= supplies.is_some_and(|supplies| supplies.hide_secrets(alias));
        }
        is_masked
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, SequenceOutcome) {
        let alias = &context.job.alias;
        let texts = match self.texts(context).await {
            Ok(texts) => texts,
            Err(error) => return (error.into(), SequenceOutcome::default()),
        };
        let lines = self.lines(context, &texts);
        let Streams {
            mut stdout,
            mut stderr,
        } = context.begin_output();
        let mut sequence = sequence::ShellSequence::new(context.pool, alias, context.cancel());
        let mut results = Vec::new();
        // The end of the step that ends the sequence.
        let mut last: Option<ExitOutcome> = None;
        let mut failure = None;
        while results.len() < self.commands.len() && last.is_none() {
            let rest = &lines[results.len()..];
            let mut take = |ran: sequence::StepOutcome| {
                let index = results.len();
                let step = &self.commands[index];
                let (result, ended) = result_of(index, step, ran);
                let goes_on = result.success || self.goes_on_after(step, &ended);
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
        let mut outcome = SequenceOutcome::default();
        let SequenceOutcome {
            printed,
            exit,
            steps,
        } = &mut outcome;
        steps.shell = sequence.uses_sh_fallback.then(|| "sh".to_owned());
        exit.left_running = sequence.has_child.then_some(true);
        printed.encoding = sequence.charset.name();
        printed.keep(&stdout, &stderr);
        for result in &mut results {
            tell_loss(&mut result.output, stdout.lost());
            tell_loss(&mut result.stderr, stderr.lost());
        }
        let done = results.len();
        let failed = results.iter().filter(|result| !result.success).count();
        exit.code = results.last().and_then(|result| result.exit_code);
        let ending = match (failure, last) {
            (Some(error @ Error::ConnectionLost { .. }), _) if sequence.is_sent_ahead => {
                Ending::from(error).explain(|error| format!("{error}{MAY_HAVE_RUN}"))
            }
            (Some(error), _) => error.into(),
            (None, Some(ended)) => {
                let is_lost = matches!(ended, ExitOutcome::ConnectionLost(_));
                let may_go_on = is_lost && sequence.is_sent_ahead && done < self.commands.len();
                let rest = if may_go_on { MAY_GO_ON } else { "" };
                exit.close(ended, lines[done - 1].limit).explain(|error| {
                    format!("step {done} of {}: {error}{rest}", self.commands.len())
                })
            }
            (None, None) if failed > 0 => {
                Ending::of(Status::Failed, format!("{failed} of {done} steps failed"))
            }
            (None, None) => Ending::completed(),
        };
        steps.results = Some(results);
        (ending, outcome)
    }

    fn render(job: &Header, outcome: &SequenceOutcome, shown: &ShownOutput) -> String {
        let SequenceOutcome {
            printed,
            exit,
            steps,
        } = outcome;
        let Some(results) = &steps.results else {
            let (printed, exit) = (printed.clone(), exit.clone());
            let command = CommandOutcome { printed, exit };
            return command::render(job, &command, shown, LEFT_RUNNING);
        };
        let mut text = AnswerText::of(job, headline_of(job, outcome, results));
        if let Some(shell) = &steps.shell {
            text.note(format!(
                "(run by {shell}, for the login shell is not a POSIX one)"
            ));
        }
        if exit.left_running == Some(true) {
            text.note(LEFT_RUNNING);
        }
        add_steps(&mut text, job, results, &shown.view);
        text.end()
    }
}

/// Returns what came of a sequence, as an answer begins.
fn headline_of(job: &Header, outcome: &SequenceOutcome, results: &[StepResult]) -> String {
    let headline = command::headline(job, &outcome.printed, &outcome.exit);
    let steps = results.len();
    match (job.status, &job.error) {
        (Status::Completed, _) if steps == 1 => format!("{headline}, 1 step"),
        (Status::Completed, _) => format!("{headline}, {steps} steps"),
        // It names the step.
        (Status::Failed, Some(error)) if job.error_code.is_none() => {
            let time = job.time_taken().unwrap_or_default();
            format!("{error}, in {time}")
        }
        _ => headline,
    }
}

impl Sequence {
    /// Returns whether the next step runs although this one has failed.
    fn goes_on_after(&self, step: &Step, ended: &ExitOutcome) -> bool {
        let may = step.continue_on_error().unwrap_or(self.continue_on_error);
        may && matches!(
            ended,
            ExitOutcome::Exited(_)
                | ExitOutcome::Signalled(_)
                | ExitOutcome::TimedOut(_)
                | ExitOutcome::Unknown
        )
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

    fn lines<'t>(
        &self,
        context: &Context<'_>,
        texts: &'t [Cow<'_, str>],
    ) -> Vec<BoundedCommand<'t>> {
        let default = limit_of(self.timeout, context.config.command_timeout);
        let steps = self.commands.iter().zip(texts);
        let lines = steps.map(|(step, text)| BoundedCommand {
            text,
            is_private: step.supplies().is_some(),
            limit: limit_of(step.timeout(), default),
            may_fail: step.continue_on_error().unwrap_or(self.continue_on_error),
            bound: if is_streaming(step.command()) {
                Bound::STREAMING
            } else {
                Bound::default()
            },
        });
        lines.collect()
    }
}

fn result_of(index: usize, step: &Step, ran: sequence::StepOutcome) -> (StepResult, ExitOutcome) {
    let sequence::StepOutcome {
        stdout,
        stderr,
        ended,
        is_cut,
        reached,
        charset,
        duration,
    } = ran;
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
        ExitOutcome::ConnectionLost(error) => (None, Some(error.to_string())),
    };
    let is_bounded = is_cut || process.is_some();
    let reached = reached.filter(|_| is_bounded);
    let result = StepResult {
        step: index + 1,
        command: step.summary().into_owned(),
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
