//! Commands.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::brakes::GivenBrakes;
use super::call::Start;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::life::Life;
use super::supplies::{GivenSupplies, take_of_step};
use super::{Call, NumberOfSeconds, On, Parameters, Quantity, Switch, Viewed, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::fleet::TargetExpression;
use crate::guard::Access;
use crate::job::Spec;
use crate::job::kind::interactive::{Interactive, Responses, answers};
use crate::job::kind::sequence::{Sequence, Step};
use crate::job::kind::supplies::Supplies;
use crate::reply::Reply;
use crate::secret::Secret;
use crate::shell::is_streaming;
use crate::ssh::Bound;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RunCommand {
    /// Server alias, or several: a,b, web*, tag:x, all.
    alias: TargetExpression,
    /// Command line for the login shell.
    #[schemars(required)]
    cmd: Option<String>,
    /// Seconds until task_queue reminds of it.
    rappel: Option<NumberOfSeconds>,
    /// Seconds until it is killed; 0: never. Default 300.
    timeout: Option<NumberOfSeconds>,
    /// Answer at once; it outlives this program. No timeout unless given.
    #[serde(default)]
    background: Switch,
    /// false: background ends with this program. true: fail where it would.
    detach: Option<Switch>,
    /// Kill it after so many lines; endless commands (tail -f) after 100.
    #[schemars(range(min = 1))]
    max_lines: Option<Quantity>,
    /// Kill it after so many seconds; endless commands after 10.
    stream_timeout: Option<NumberOfSeconds>,
}

impl RunCommand {
    /// The command line; empty if a script takes its place.
    fn cmd(&self) -> &str {
        self.cmd.as_deref().unwrap_or_default()
    }

    /// The bound on the output that the caller asks for; for endless commands, the usual one fills its gaps.
    fn bound(&self) -> Result<Bound, Error> {
        let asked = [
            ("maxLines", self.max_lines.map(|lines| lines.0 == 0)),
            (
                "streamTimeout",
                self.stream_timeout.map(|time| time.duration().is_zero()),
            ),
        ];
        for (parameter, is_zero) in asked {
            match is_zero {
                Some(true) => return Err(Error::invalid(parameter, "is 0, and has to be more")),
                Some(false) if self.life() == Life::Detached => {
                    return Err(Error::invalid(
                        parameter,
                        "does not go with `detach`, which lets the command run to its end",
                    ));
                }
                _ => {}
            }
        }
        let asked = Bound {
            lines: self.max_lines.map(|lines| lines.0 as u64),
            time: self.stream_timeout.map(NumberOfSeconds::duration),
        };
        // Somebody who wants it in the background wants it to go on.
        let streams = self.life() == Life::Waited && is_streaming(self.cmd());
        Ok(if streams {
            asked.or(Bound::STREAMING)
        } else {
            asked
        })
    }

    fn life(&self) -> Life {
        match Life::of(self.background, self.detach) {
            // A bound is kept by whoever reads the output.
            Life::Background if self.max_lines.is_some() || self.stream_timeout.is_some() => {
                Life::InChannel
            }
            life => life,
        }
    }

    fn spec(&self, supplies: Supplies) -> Result<(Spec, WaitFor), Error> {
        let (cmd, bound) = (self.cmd().to_owned(), self.bound()?);
        let timeout = self.timeout.map(|timeout| timeout.0);
        let life = self.life();
        let spec = life.spec(cmd, timeout, bound, supplies);
        Ok((spec, life.wait()))
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RunInteractive {
    /// Server alias.
    alias: TargetExpression,
    /// Command line for the login shell.
    cmd: String,
    /// Answers by prompt (part of its text, or /regex/), each given whenever its prompt comes.
    #[schemars(extend("examples" = [{"password for": "…"}]))]
    responses: Option<IndexMap<String, ResponseArgument>>,
    /// Say yes to the usual questions; never a password, nor to what destroys.
    #[serde(default)]
    auto_respond: On,
    /// false: no terminal, no answers.
    #[serde(default)]
    interactive: On,
    /// Seconds until it is killed; 0: never. Default 120.
    timeout: Option<NumberOfSeconds>,
    /// Seconds until task_queue reminds of it.
    rappel: Option<NumberOfSeconds>,
    /// Answer at once; it outlives this program. No timeout unless given.
    #[serde(default)]
    background: Switch,
    /// false: background ends with this program. true: fail where it would.
    #[schemars(extend("toolset" = "live"))]
    detach: Option<Switch>,
}

impl RunInteractive {
    fn spec(&self) -> Result<(Spec, WaitFor), Error> {
        let (mut responses, mut by_server) = (Responses::new(), IndexMap::new());
        for (name, given) in self.responses.iter().flatten() {
            match given {
                ResponseArgument::Answer(answer) => {
                    responses.insert(name.clone(), answer.expose().to_owned());
                }
                ResponseArgument::OfServer(given) => {
                    let given = given.iter();
                    let given =
                        given.map(|(prompt, answer)| (prompt.clone(), answer.expose().to_owned()));
                    by_server.insert(name.clone(), given.collect::<Responses>());
                }
            }
        }
        for responses in by_server.values().chain([&responses]) {
            answers(responses)?;
        }
        let (cmd, timeout) = (self.cmd.clone(), self.timeout.map(|timeout| timeout.0));
        let life = Life::of(self.background, self.detach);
        if !self.interactive.0 {
            let spec = life.spec(cmd, timeout, Bound::default(), Supplies::default());
            return Ok((spec, life.wait()));
        }
        let interactive = Interactive::new(cmd, timeout, responses, self.auto_respond.0);
        let interactive = interactive.by_server(by_server);
        let spec = if life.is_on_server() {
            interactive.detached(life == Life::Background)
        } else {
            interactive
        };
        Ok((spec.into(), life.wait()))
    }
}

/// An answer to a prompt, or the answers of one of several servers.
#[derive(Debug)]
enum ResponseArgument {
    Answer(Secret),
    OfServer(IndexMap<String, Secret>),
}

impl<'de> Deserialize<'de> for ResponseArgument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(deserializer)?;
        let parsed = match given {
            given @ Value::Object(_) => IndexMap::deserialize(given).map(Self::OfServer),
            given => Secret::deserialize(given).map(Self::Answer),
        };
        parsed.map_err(D::Error::custom)
    }
}

/// Listed as an answer, which is a secret.
impl JsonSchema for ResponseArgument {
    fn inline_schema() -> bool {
        Secret::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        Secret::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Secret::json_schema(generator)
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RunSequence {
    /// Server alias.
    alias: TargetExpression,
    /// In order: strings, or objects with options of their own.
    #[schemars(length(min = 1), extend("examples" = [["cd /srv/app", {"command": "make", "timeout": 900}]]))]
    commands: Vec<StepArgument>,
    /// Go on after a step that fails.
    #[serde(default)]
    continue_on_error: bool,
    /// Seconds for each step; 0: no limit. Default 300.
    timeout: Option<NumberOfSeconds>,
    /// Seconds until task_queue reminds of it.
    rappel: Option<NumberOfSeconds>,
    /// Answer at once; it outlives this program. No timeout unless given.
    #[serde(default)]
    background: Switch,
    /// false: background ends with this program. true: fail where it would.
    #[schemars(extend("toolset" = "live"))]
    detach: Option<Switch>,
}

impl RunSequence {
    fn life(&self) -> Life {
        Life::of(self.background, self.detach)
    }

    fn spec(&self) -> Result<Sequence, Error> {
        if self.commands.is_empty() {
            return Err(Error::invalid("commands", "is empty"));
        }
        let commands: Vec<_> = self.commands.iter().map(StepArgument::step).collect();
        for (index, step) in commands.iter().enumerate() {
            let parameter = format!("commands[{index}]");
            match step.supplies() {
                Some(supplies) => supplies.check((&parameter, step.command()))?,
                None => not_empty(&parameter, step.command())?,
            }
        }
        Ok(Sequence {
            commands,
            continue_on_error: self.continue_on_error,
            timeout: self.timeout.map(|timeout| timeout.0),
            detach: self.life().is_on_server(),
            or_attached: self.life() == Life::Background,
        })
    }
}

/// A command line, alone or with options of its own.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
enum StepArgument {
    Plain(String),
    Detailed(Box<DetailedCommand>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DetailedCommand {
    #[schemars(required)]
    command: Option<String>,
    timeout: Option<NumberOfSeconds>,
    continue_on_error: Option<bool>,
    /// Taken before the rest is parsed.
    #[serde(skip)]
    supplies: Supplies,
}

impl<'de> Deserialize<'de> for StepArgument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(command) => Ok(Self::Plain(command)),
            Value::Object(mut step) => {
                let supplies = take_of_step(&mut step).map_err(D::Error::custom)?;
                let detailed = DetailedCommand::deserialize(Value::Object(step));
                let detailed = detailed.map_err(D::Error::custom)?;
                Ok(Self::Detailed(Box::new(DetailedCommand {
                    supplies,
                    ..detailed
                })))
            }
            other => Err(D::Error::custom(format!(
                "invalid type: {other}, expected a string or an object with `command`"
            ))),
        }
    }
}

impl StepArgument {
    fn step(&self) -> Step {
        match self {
            Self::Plain(command) => Step::Plain(command.clone()),
            Self::Detailed(detailed) => Step::Detailed {
                command: detailed.command.clone().unwrap_or_default(),
                timeout: detailed.timeout.map(|timeout| timeout.0),
                continue_on_error: detailed.continue_on_error,
                supplies: Box::new(detailed.supplies.clone()),
            },
        }
    }
}

fn not_empty(parameter: &str, command: &str) -> Result<(), Error> {
    if command.trim().is_empty() {
        return Err(Error::invalid(parameter, "is empty"));
    }
    Ok(())
}

#[tool_router(router = exec_tools, vis = "pub(super)")]
impl App {
    /// Run a shell command on an SSH server. Each call is a new shell in the home directory, with empty stdin. After 30 s it goes on, and the answer is a task ID.
    #[tool(title = "Run a command", meta = declare(Access::RunsCommands, Toolset::Core).braked().supplied().elevated())]
    async fn task_exec(
        &self,
        GivenBrakes(brakes): GivenBrakes,
        GivenSupplies(supplies): GivenSupplies,
        Parameters(viewed): Parameters<Viewed<RunCommand>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let exec = viewed.arguments;
        supplies.check(("cmd", exec.cmd()))?;
        supplies.check_secrets(self.jobs().secrets())?;
        let (spec, wait) = exec.spec(supplies)?;
        let start = Start::of(spec, exec.rappel).braked(brakes);
        let servers = self.targets(&exec.alias)?;
        self.run(&call, servers, start, wait, &viewed.view).await
    }

    /// Run a command at a terminal on an SSH server and answer its prompts (sudo, passwords, [y/N]). An unanswered one ends in COMMAND_TIMEOUT, which quotes it.
    #[tool(title = "Run an interactive command", meta = declare(Access::RunsCommands, Toolset::Core).braked().elevated())]
    async fn task_exec_interactive(
        &self,
        GivenBrakes(brakes): GivenBrakes,
        Parameters(viewed): Parameters<Viewed<RunInteractive>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let at_terminal = viewed.arguments;
        not_empty("cmd", &at_terminal.cmd)?;
        let (spec, wait) = at_terminal.spec()?;
        let start = Start::of(spec, at_terminal.rappel).braked(brakes);
        let servers = self.targets(&at_terminal.alias)?;
        self.run(&call, servers, start, wait, &viewed.view).await
    }

    /// Run commands in turn in one shell on an SSH server, so that cd and export last. Stops at the first that fails.
    #[tool(title = "Run a sequence of commands", meta = declare(Access::RunsCommands, Toolset::Core).braked().elevated())]
    async fn task_exec_sequence(
        &self,
        GivenBrakes(brakes): GivenBrakes,
        Parameters(viewed): Parameters<Viewed<RunSequence>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let sequence = viewed.arguments;
        let spec = sequence.spec()?;
        let mut supplies = spec.commands.iter().filter_map(Step::supplies);
        supplies.try_for_each(|supplies| supplies.check_secrets(self.jobs().secrets()))?;
        let start = Start::of(spec, sequence.rappel).braked(brakes);
        let wait = sequence.life().wait();
        let servers = self.targets(&sequence.alias)?;
        self.run(&call, servers, start, wait, &viewed.view).await
    }
}
