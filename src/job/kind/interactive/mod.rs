//! A command at a terminal, whose prompts are answered.
//!
//! | module | what it is |
//! |---|---|
//! | `on_server` | having the server go on with it by itself |

mod on_server;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::{self, Run};
use super::context::{Context, JobStart, limit_of};
use super::detached::outcome::DetachedOutcome;
use super::detached::remote::Remote;
use super::{Always, Kind, SSH, hide_work, is_of_type, is_set};
use crate::device;
use crate::error::Error;
use crate::guard::{DeviceLack, Guard};
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::secret::{LONGEST, MASK};
use crate::ssh::Bound;
use crate::ssh::command::CommandText;
use crate::ssh::prompt::secrecy;
use crate::ssh::prompt::{PromptAnswer, PromptResponder};

/// The note in an answer about a process that was left in the background.
const LEFT_RUNNING: &str = "(what it left in the background ended with its terminal: for what has to go on use task_exec with detach: true)";

/// Answers by prompt, as a call gives them.
pub type Responses = IndexMap<String, String>;

/// Runs a command at a terminal, and answers its prompts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interactive {
    /// The command line, for the login shell.
    pub cmd: String,
    /// Seconds that it may run; 0 is without limit, `None` the configured default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    #[serde(rename = "interactive")]
    flag: Always,
    /// Set if the usual questions get a yes.
    #[serde(default = "yes")]
    pub auto_respond: bool,
    /// Answers by prompt. A record has them masked where they might be secrets.
    #[serde(default)]
    pub responses: Responses,
    /// Answers by server and prompt, which precede the others there.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    by_server: IndexMap<String, Responses>,
    /// Set if its server goes on with it whatever becomes of this program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    detach: bool,
    /// Set if it runs in a channel where its server cannot do that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    or_attached: bool,
}

fn yes() -> bool {
    true
}

impl Interactive {
    /// A command with these answers.
    pub fn new(
        cmd: String,
        timeout: Option<f64>,
        responses: Responses,
        auto_respond: bool,
    ) -> Self {
        Self {
            cmd,
            timeout,
            flag: Always,
            auto_respond,
            responses,
            by_server: IndexMap::new(),
            detach: false,
            or_attached: false,
        }
    }

    /// The same with answers by server.
    pub fn by_server(self, by_server: IndexMap<String, Responses>) -> Self {
        Self { by_server, ..self }
    }

    /// The same on its server, whatever becomes of this program; with `or_attached`, in a channel where that cannot be.
    pub fn detached(self, or_attached: bool) -> Self {
        Self {
            detach: true,
            or_attached,
            ..self
        }
    }

    fn all_responses(&mut self) -> impl Iterator<Item = (&String, &mut String)> {
        self.by_server
            .values_mut()
            .chain([&mut self.responses])
            .flatten()
    }
}

impl Kind for Interactive {
    type Outcome = DetachedOutcome;

    fn record_type(&self) -> &'static str {
        SSH
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, SSH) && is_set(record, "interactive")
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn again(&self, id: &JobId) -> Result<Self, Error> {
        let mut again = self.clone();
        if again.all_responses().any(|(_, answer)| answer == MASK) {
            return Err(Error::NotRetryable {
                id: id.to_string(),
                reason: "its record does not hold its answers, which may be secrets".to_owned(),
            });
        }
        Ok(again)
    }

    fn begin(&self, id: &JobId) -> DetachedOutcome {
        let mut outcome = DetachedOutcome::default();
        if self.detach {
            outcome.remote = Remote::of(id);
        }
        outcome
    }

    fn tool(&self) -> &'static str {
        "task_exec_interactive"
    }

    fn is_detached(&self) -> bool {
        self.detach
    }

    fn changes_server(&self) -> bool {
        true
    }

    fn lacks_on_device(&self) -> Option<DeviceLack> {
        if self.detach && !self.or_attached {
            return Some(DeviceLack::DETACHED);
        }
        DeviceLack::for_line(&self.cmd)
    }

    fn may_change_device(&self) -> bool {
        !device::only_reads(&self.cmd)
    }

    fn check_targets(&self, targets: &[String]) -> Result<(), Error> {
        let mut named = self.by_server.keys();
        let stranger = named.find(|alias| !targets.contains(alias));
        stranger.map_or(Ok(()), |alias| {
            let problem =
                format!("has answers for `{alias}`, which is none of the servers of this call");
            Err(Error::invalid("responses", problem))
        })
    }

    fn for_server(&self, alias: &str) -> Result<Self, Error> {
        let mut own = self.by_server.get(alias).cloned().unwrap_or_default();
        for (prompt, answer) in &self.responses {
            own.entry(prompt.clone()).or_insert_with(|| answer.clone());
        }
        Ok(Self {
            responses: own,
            by_server: IndexMap::new(),
            ..self.clone()
        })
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        if !self.by_server.is_empty() {
            let problem = "has answers by server, and `alias` names one: give {prompt: answer}";
            return Err(Error::invalid("responses", problem));
        }
        guard.may_run(&self.cmd)?;
        guard.may_answer(&self.cmd, &self.responses)
    }

    fn commands(&mut self) -> Vec<&mut String> {
        vec![&mut self.cmd]
    }

    fn hide_secrets(&mut self, alias: &str) -> bool {
        for (prompt, answer) in self.all_responses() {
            if !secrecy::is_harmless(prompt, answer) {
                MASK.clone_into(answer);
            }
        }
        hide_work(alias, &mut self.cmd)
    }

    fn summary(&self) -> String {
        self.cmd.clone()
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, DetachedOutcome) {
        let responder = match self.responder(context.start) {
            Ok(responder) => responder,
            Err(error) => return (error.into(), DetachedOutcome::default()),
        };
        if self.detach {
            self.run_on_server(context, responder).await
        } else {
            self.run_in_channel(context, responder, Remote::default())
                .await
        }
    }

    fn render(job: &Header, outcome: &DetachedOutcome, shown: &ShownOutput) -> String {
        command::render(job, &outcome.command, shown, LEFT_RUNNING)
    }
}

impl Interactive {
    /// The responder that gives its answers, as far as they are known.
    fn responder(&self, start: JobStart) -> Result<PromptResponder, Error> {
        let mut responses = self.responses.clone();
        if start == JobStart::Adopted {
            responses.retain(|_, answer| answer != MASK);
        }
        let answers = answers(&responses)?;
        Ok(PromptResponder::new(answers, self.auto_respond))
    }

    async fn run_in_channel(
        &self,
        context: &Context<'_>,
        responder: PromptResponder,
        remote: Remote,
    ) -> (Ending, DetachedOutcome) {
        let run = Run {
            text: CommandText::Line(&self.cmd),
            limit: limit_of(self.timeout, context.config.interactive_timeout),
            bound: Bound::default(),
            responder: Some(responder),
        };
        let (ending, command) = run.execute(context).await;
        (ending, DetachedOutcome { remote, command })
    }
}

/// The answers as a prompt responder takes them.
pub fn answers(responses: &Responses) -> Result<Vec<PromptAnswer>, Error> {
    if responses.values().map(String::len).sum::<usize>() > LONGEST {
        let problem = format!("has answers of more than {LONGEST} bytes together");
        return Err(Error::invalid("responses", problem));
    }
    let answers = responses.iter().map(|(prompt, answer)| {
        PromptAnswer::new(prompt, answer).map_err(|error| {
            Error::invalid(
                "responses",
                format!("has `{prompt}`, which is not a regular expression: {error}"),
            )
        })
    });
    answers.collect()
}
