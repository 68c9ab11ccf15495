//! A question of a monitoring tool. Its script is this program's own, so neither a read-only server nor
//! the command policy stands in its way; for that it is made of the tool's name and arguments whenever
//! it runs, and never taken from a record.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::{self, CommandOutcome, LEFT_RUNNING, Run};
use super::context::{Context, limit_of};
use super::{Kind, SSH, is_of_type};
use crate::error::Error;
use crate::guard::{DeviceLack, Guard};
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::monitor::Question;
use crate::shell::quote;
use crate::ssh::Bound;
use crate::ssh::command::CommandText;

/// Asks a server for a monitoring tool.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    #[serde(flatten)]
    question: Question,
    /// The command line, for those who read the record.
    cmd: String,
}

impl Probe {
    /// Asks this question.
    pub fn new(question: Question) -> Result<Self, Error> {
        let cmd = command_line(&question)?;
        Ok(Self { question, cmd })
    }
}

fn command_line(question: &Question) -> Result<String, Error> {
    Ok(format!("sh -c {}", quote(&question.script()?)))
}

impl Kind for Probe {
    type Outcome = CommandOutcome;

    fn record_type(&self) -> &'static str {
        SSH
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, SSH) && record.contains_key("tool")
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Command {
            cmd: String,
        }
        let question = Question::deserialize(Value::Object(record.clone()))?;
        let Command { cmd } = take(record)?;
        for field in Question::FIELDS {
            record.remove(field);
        }
        Ok(Self { question, cmd })
    }

    fn again(&self, _id: &JobId) -> Result<Self, Error> {
        Self::new(self.question.clone())
    }

    fn tool(&self) -> &'static str {
        self.question.tool()
    }

    fn changes_server(&self) -> bool {
        false
    }

    fn lacks_on_device(&self) -> Option<DeviceLack> {
        Some(DeviceLack::FIGURES)
    }

    fn authorize(&self, _guard: &Guard) -> Result<(), Error> {
        Ok(())
    }

    fn commands(&mut self) -> Vec<&mut String> {
        vec![&mut self.cmd]
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let mut texts = self.question.arguments();
        texts.push(&mut self.cmd);
        texts
    }

    fn summary(&self) -> String {
        self.question.tool().to_owned()
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, CommandOutcome) {
        let line = match command_line(&self.question) {
            Ok(line) => line,
            Err(error) => return (error.into(), CommandOutcome::default()),
        };
        let run = Run {
            text: CommandText::OwnLine(&line),
            limit: limit_of(None, context.config.command_timeout),
            bound: Bound::default(),
            responder: None,
        };
        run.execute(context).await
    }

    fn render(job: &Header, outcome: &CommandOutcome, shown: &ShownOutput) -> String {
        command::render(job, outcome, shown, LEFT_RUNNING)
    }
}
