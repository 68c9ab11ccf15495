//! A command.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::{self, CommandOutcome, LEFT_RUNNING, Run};
use super::context::{Context, limit_of};
use super::{Kind, SSH, is_of_type, is_set};
use crate::error::Error;
use crate::guard::Guard;
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::shell::only_reads;
use crate::ssh::Bound;

/// Runs a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    /// The command line, for the login shell.
    pub cmd: String,
    /// Seconds that it may run; 0 is without limit, `None` the configured default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Most lines that are taken of its output.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_lines: Option<u64>,
    /// Seconds for which it is listened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_timeout: Option<f64>,
}

impl Exec {
    /// A command of which so much output is taken.
    pub fn new(cmd: String, timeout: Option<f64>, bound: Bound) -> Self {
        Self {
            cmd,
            timeout,
            max_lines: bound.lines,
            stream_timeout: bound.time.map(|time| time.as_secs_f64()),
        }
    }

    fn bound(&self) -> Bound {
        let time = self.stream_timeout;
        Bound {
            lines: self.max_lines,
            time: time.and_then(|time| Duration::try_from_secs_f64(time).ok()),
        }
    }
}

impl Kind for Exec {
    type Outcome = CommandOutcome;

    fn record_type(&self) -> &'static str {
        SSH
    }

    fn describes(record: &Map<String, Value>) -> bool {
        let is_another = ["detach", "interactive"].map(|flag| is_set(record, flag));
        is_of_type(record, SSH) && !record.contains_key("tool") && is_another == [false; 2]
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn tool(&self) -> &'static str {
        "task_exec"
    }

    fn changes_server(&self) -> bool {
        true
    }

    fn may_change(&self) -> bool {
        !only_reads(&self.cmd)
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        guard.may_run(&self.cmd)
    }

    fn commands(&mut self) -> Vec<&mut String> {
        vec![&mut self.cmd]
    }

    fn summary(&self) -> String {
        self.cmd.clone()
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, CommandOutcome) {
        let run = Run {
            line: &self.cmd,
            is_script: false,
            limit: limit_of(self.timeout, context.config.command_timeout),
            bound: self.bound(),
            responder: None,
        };
        run.execute(context).await
    }

    fn render(job: &Header, outcome: &CommandOutcome, shown: &ShownOutput) -> String {
        command::render(job, outcome, shown, LEFT_RUNNING)
    }
}
