//! A command.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::{self, CommandOutcome, LEFT_RUNNING, Run};
use super::context::{Context, limit_of};
use super::supplies::Supplies;
use super::{Kind, SSH, hide_work, is_of_type, is_set};
use crate::device;
use crate::error::Error;
use crate::guard::{DeviceLack, Guard};
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::ssh::Bound;

/// Runs a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    /// The command line, for the login shell.
    pub cmd: String,
    /// Its directory, variables, input or script.
    #[serde(default, skip_serializing_if = "Supplies::is_empty")]
    supplies: Supplies,
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
            supplies: Supplies::default(),
            timeout,
            max_lines: bound.lines,
            stream_timeout: bound.time.map(|time| time.as_secs_f64()),
        }
    }

    /// The same with directory, variables, input or script.
    pub fn supplied(self, supplies: Supplies) -> Self {
        Self { supplies, ..self }
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

    fn again(&self, id: &JobId) -> Result<Self, Error> {
        self.supplies.check_whole(id)?;
        Ok(self.clone())
    }

    fn tool(&self) -> &'static str {
        "task_exec"
    }

    fn changes_server(&self) -> bool {
        true
    }

    fn may_change(&self) -> bool {
        !self.supplies.only_reads(&self.cmd)
    }

    fn lacks_on_device(&self) -> Option<DeviceLack> {
        let supplies = (!self.supplies.is_empty()).then_some(DeviceLack::SUPPLIES);
        supplies.or_else(|| DeviceLack::for_line(&self.cmd))
    }

    fn may_change_device(&self) -> bool {
        !device::only_reads(&self.cmd)
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        self.supplies.authorize(guard, &self.cmd)
    }

    fn usual_command(&self) -> Option<&str> {
        self.supplies.is_empty().then_some(&*self.cmd)
    }

    fn details(&self) -> String {
        self.supplies.details(&self.cmd)
    }

    fn commands(&mut self) -> Vec<&mut String> {
        vec![&mut self.cmd]
    }

    fn hide_secrets(&mut self, alias: &str) -> bool {
        let is_masked = self.supplies.hide_secrets(alias, &self.cmd);
        hide_work(alias, &mut self.cmd) || is_masked
    }

    fn summary(&self) -> String {
        self.supplies.summary(&self.cmd).into_owned()
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, CommandOutcome) {
        let (supplies, alias) = (&self.supplies, &context.job.alias);
        let text = match supplies.text(&self.cmd, context.secrets, alias).await {
            Ok(text) => text,
            Err(error) => return (error.into(), CommandOutcome::default()),
        };
        let run = Run {
            text,
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
