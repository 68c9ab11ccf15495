//! The outcome of a sequence, and the answer's text about it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::job::answer::{AnswerText, ShownOutput, cut_long};
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::kind::Results;
use crate::job::kind::command::{self, CommandOutcome, Exit, LEFT_RUNNING};
use crate::job::kind::detached::remote::Remote;
use crate::job::kind::step::{StepResult, add_steps};
use crate::job::printed::{Printed, shorten};
use crate::job::status::Status;
use crate::ssh::{HEAD, TAIL};
use crate::text::{abridge, share};

/// Bytes of all steps' outputs together that an answer shows.
const BUDGET: usize = HEAD + TAIL;

/// The outcome of a sequence.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SequenceOutcome {
    /// The output of all steps, and the end of the last one.
    #[serde(flatten)]
    pub command: CommandOutcome,
    /// The outcomes of the steps.
    #[serde(flatten)]
    pub steps: Steps,
    /// Its files on its server, where that goes on with it.
    #[serde(flatten)]
    pub remote: Remote,
}

/// The outcomes of the steps of a sequence.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Steps {
    /// The shell that ran them, where it was not the login shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// The number of the step that its server is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_step: Option<usize>,
    /// One result a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<StepResult>>,
}

impl Results for SequenceOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            command: Results::take(record)?,
            steps: take(record)?,
            remote: take(record)?,
        })
    }

    fn printed(&self) -> Option<&Printed> {
        self.command.printed()
    }

    fn exit(&self) -> Option<&Exit> {
        self.command.exit()
    }

    fn printed_mut(&mut self) -> Option<&mut Printed> {
        self.command.printed_mut()
    }

    fn progress(&self) -> Option<String> {
        let step = self.steps.running_step?;
        Some(format!("at step {step}"))
    }

    fn remote(&self) -> Option<&Remote> {
        Some(&self.remote).filter(|remote| remote.is_used())
    }

    fn remote_mut(&mut self) -> Option<&mut Remote> {
        Some(&mut self.remote).filter(|remote| remote.is_used())
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let results = self.steps.results.iter_mut().flatten();
        let steps = results.flat_map(|result| {
            let error = result.error.as_mut();
            error.into_iter().chain([&mut result.command])
        });
        steps.chain(self.command.texts()).collect()
    }

    fn shorten(&mut self) {
        self.command.printed.shorten();
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

    /// Returns the answer's text about a sequence that has ended.
    pub(super) fn render(&self, job: &Header, shown: &ShownOutput) -> String {
        let Self { command, steps, .. } = self;
        let Some(results) = &steps.results else {
            return command::render(job, command, shown, LEFT_RUNNING);
        };
        let mut text = AnswerText::of(job, headline_of(job, self, results));
        if let Some(shell) = &steps.shell {
            text.note(format!(
                "(run by {shell}, for the login shell is not a POSIX one)"
            ));
        }
        if let Some(prompt) = &command.exit.prompt {
            text.note(command::no_status(prompt));
        }
        if command.exit.left_running == Some(true) {
            text.note(LEFT_RUNNING);
        }
        add_steps(&mut text, job, results, &shown.view);
        text.end()
    }
}

/// Returns what came of a sequence, as an answer begins.
fn headline_of(job: &Header, outcome: &SequenceOutcome, results: &[StepResult]) -> String {
    let headline = command::headline(job, &outcome.command.printed, &outcome.command.exit);
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
