//! A command that outlives the connection and this process: started once, polled now and then, collected.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::{self, CommandOutcome, Exit};
use super::context::{Context, JobStart, limit_of};
use super::supplies::Supplies;
use super::{Always, Kind, Outcome, Results, SSH, hide_text, is_of_type, is_set};
use crate::error::{Error, Stopped};
use crate::guard::Guard;
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::job::outputs::Streams;
use crate::job::printed::Printed;
use crate::job::status::Status;
use crate::shell::leaves_behind;
use crate::ssh::command::detached;
use crate::ssh::command::detached::{DetachedState, LookReport};
use crate::ssh::{ExitOutcome, Pool, ScriptFailure};

/// The directory of detached jobs on their servers.
const REMOTE_BASE: &str = "~/.mcp-sftp-orchestrator";

/// The pause between two polls at first; later it is a tenth of the job's age.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two polls. A caller that asks for the job has it polled at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause between two attempts to reach a server.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// The time after which a job that has not begun is kept from beginning. A start takes seconds.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// The number of unreadable answers in a row after which a job is given up.
const MISREADINGS: u32 = 10;

/// The note in an answer about a process that was left in the background.
const LEFT_RUNNING: &str = "(what it left in the background is on its own: nothing that it still prints is kept, and task_cancel does not reach it: a detached command needs no &)";

/// Runs a command that outlives the connection and this process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(
    clippy::unsafe_derive_deserialize,
    reason = "what is unsafe is in what tokio::select! becomes"
)]
pub struct Detached {
    /// The command line, for the login shell.
    pub cmd: String,
    /// Its directory, variables, input or script.
    #[serde(default, skip_serializing_if = "Supplies::is_empty")]
    supplies: Supplies,
    /// Seconds that it may run; 0 and `None` are without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    #[serde(rename = "detach")]
    flag: Always,
}

impl Detached {
    /// A command with this timeout.
    pub fn new(cmd: String, timeout: Option<f64>) -> Self {
        Self {
            cmd,
            supplies: Supplies::default(),
            timeout,
            flag: Always,
        }
    }

    /// The same with directory, variables, input or script.
    pub fn supplied(self, supplies: Supplies) -> Self {
        Self { supplies, ..self }
    }
}

/// The files of a detached job on its server, until they are collected.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remote {
    /// The directory of its output and exit status there.
    #[serde(rename = "remoteDirectory", skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The server that it was started on.
    #[serde(rename = "place", skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Set once it is known to have begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begun: Option<bool>,
    /// Set once its whole output is on this machine, so that its directory may be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected: Option<bool>,
    /// Set if it was asked to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<bool>,
    /// The reason for which it cannot be polled at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
}

impl Remote {
    /// Returns the name of the directory. It never leads out of the base.
    pub(in crate::job) fn directory_name(&self) -> &str {
        let path = self.directory.as_deref().unwrap_or_default();
        path.rsplit('/')
            .next()
            .filter(|name| !name.starts_with('.'))
            .unwrap_or_default()
    }

    fn is_cancelled(&self) -> bool {
        self.cancel_requested == Some(true)
    }
}

/// The outcome of a detached command, so far while it runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DetachedOutcome {
    /// Its files on the server.
    #[serde(flatten)]
    pub remote: Remote,
    /// Its output and its end.
    #[serde(flatten)]
    pub command: CommandOutcome,
}

impl Results for DetachedOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            remote: take(record)?,
            command: Results::take(record)?,
        })
    }

    fn printed(&self) -> Option<&Printed> {
        self.command.printed()
    }

    fn exit(&self) -> Option<&Exit> {
        Some(&self.command.exit)
    }

    fn printed_mut(&mut self) -> Option<&mut Printed> {
        self.command.printed_mut()
    }

    fn texts(&mut self) -> Vec<&mut String> {
        self.command.texts()
    }

    fn remote(&self) -> Option<&Remote> {
        Some(&self.remote)
    }

    fn remote_mut(&mut self) -> Option<&mut Remote> {
        Some(&mut self.remote)
    }
}

impl Kind for Detached {
    type Outcome = DetachedOutcome;

    fn record_type(&self) -> &'static str {
        SSH
    }

    fn describes(record: &Map<String, Value>) -> bool {
        let is_at_terminal = is_set(record, "interactive");
        is_of_type(record, SSH) && is_set(record, "detach") && !is_at_terminal
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn again(&self, id: &JobId) -> Result<Self, Error> {
        self.supplies.check_whole(id)?;
        Ok(self.clone())
    }

    /// Names a directory on the server that no other job has.
    fn begin(&self, id: &JobId) -> DetachedOutcome {
        let name = format!("{id}-{}", crate::random::hex::<8>());
        DetachedOutcome {
            remote: Remote {
                directory: Some(format!("{REMOTE_BASE}/{name}")),
                ..Remote::default()
            },
            ..DetachedOutcome::default()
        }
    }

    fn tool(&self) -> &'static str {
        "task_exec"
    }

    fn changes_server(&self) -> bool {
        true
    }

    fn is_detached(&self) -> bool {
        true
    }

    fn may_change(&self) -> bool {
        !self.supplies.only_reads(&self.cmd)
    }

    fn usual_command(&self) -> Option<&str> {
        self.supplies.is_empty().then_some(&*self.cmd)
    }

    fn details(&self) -> String {
        self.supplies.details(&self.cmd)
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        self.supplies.authorize(guard, &self.cmd)
    }

    fn commands(&mut self) -> Vec<&mut String> {
        vec![&mut self.cmd]
    }

    fn hide_secrets(&mut self, alias: &str) -> bool {
        let is_masked = self.supplies.hide_secrets(alias);
        hide_text(alias, &mut self.cmd) || is_masked
    }

    fn summary(&self) -> String {
        self.supplies.summary(&self.cmd).into_owned()
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, DetachedOutcome) {
        let mut outcome = match context.recorded {
            Outcome::Detached(recorded) => recorded.clone(),
            _ => DetachedOutcome::default(),
        };
        // A detached command has no timeout unless the call gives one.
        let limit = limit_of(self.timeout, None);
        if context.start == JobStart::Fresh
            && let Err(ending) = self.start(context, &mut outcome, limit).await
        {
            return (ending, outcome);
        }
        let ending = self.drive(context, &mut outcome, limit).await;
        (ending, outcome)
    }

    fn render(job: &Header, outcome: &DetachedOutcome, shown: &ShownOutput) -> String {
        command::render(job, &outcome.command, shown, LEFT_RUNNING)
    }
}

impl Detached {
    /// Starts the command on the server, once its record is on disk. An error means that it does not run.
    async fn start(
        &self,
        context: &Context<'_>,
        outcome: &mut DetachedOutcome,
        limit: Option<Duration>,
    ) -> Result<(), Ending> {
        let alias = &context.job.alias;
        let recorded = match context.pool.server(alias) {
            Ok(server) => {
                outcome.remote.endpoint = Some(server.endpoint());
                outcome.command.printed.encoding = context.pool.charset(alias).name();
                context.save(Outcome::Detached(outcome.clone())).await
            }
            Err(error) => Err(error),
        };
        let directory = outcome.remote.directory_name().to_owned();
        let ending = match recorded {
            Err(error) => error.into(),
            Ok(()) if context.cancel().is_cancelled() => {
                outcome.command.exit.close(ExitOutcome::NotBegun, limit)
            }
            Ok(()) => {
                let (supplies, secrets) = (&self.supplies, context.secrets);
                let text = match supplies.text(&self.cmd, secrets, alias).await {
                    Ok(text) => text,
                    Err(error) => {
                        outcome.remote.directory = None;
                        return Err(error.into());
                    }
                };
                let job = on_server(context.pool, alias, &directory);
                match job.start(&text, limit).await {
                    Ok(()) => {
                        set_begun(context, outcome);
                        return Ok(());
                    }
                    Err(ScriptFailure::Lost(error)) => {
                        let id = &context.job.id;
                        tracing::warn!("whether task {id} has begun is not known: {error}");
                        return Ok(());
                    }
                    Err(ScriptFailure::Unsent(error) | ScriptFailure::Refused(error)) => {
                        error.into()
                    }
                }
            }
        };
        outcome.remote.directory = None;
        Err(ending)
    }

    /// Follows a job that may have begun to its end: collects its output, and notes how it ended.
    async fn drive(
        &self,
        context: &Context<'_>,
        outcome: &mut DetachedOutcome,
        limit: Option<Duration>,
    ) -> Ending {
        let (id, alias) = (&context.job.id, &context.job.alias);
        let directory = outcome.remote.directory_name().to_owned();
        let job = on_server(context.pool, alias, &directory);
        let mut streams: Option<Streams> = None;
        let (since, mut backoff, mut misread) = (Instant::now(), SHORTEST_PAUSE, 0);
        let ended = loop {
            let claim = outcome.remote.begun.is_none() && since.elapsed() > START_PATIENCE;
            let polled = poll(context, &outcome.remote, &job, &mut streams, claim).await;
            let pause = match polled {
                Ok(Polled::Ended(ended)) => break ended,
                Ok(Polled::Live(look)) => {
                    (backoff, misread) = (SHORTEST_PAUSE, 0);
                    set_reachable(context, outcome, None);
                    if look.state == DetachedState::Running {
                        set_begun(context, outcome);
                    }
                    match pause_or_end(&look, &outcome.remote, context.job.created_at.elapsed()) {
                        ControlFlow::Continue(pause) => pause,
                        ControlFlow::Break(ended) => break ended,
                    }
                }
                Err(error) => {
                    misread += u32::from(matches!(error, Error::Internal { .. }));
                    if misread == MISREADINGS {
                        tracing::error!("task {id} is given up: {error}");
                        break ExitOutcome::Unknown;
                    }
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                    set_reachable(context, outcome, Some(error.to_string()));
                    backoff
                }
            };
            context.trigger.polled();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = context.trigger.asked() => {}
                () = context.stop.asked(), if outcome.remote.cancel_requested.is_none() => {
                    outcome.remote.cancel_requested = Some(true);
                    context.publish(Outcome::Detached(outcome.clone()));
                }
                // A second request to stop while the server cannot be reached gives the job up.
                () = context.stop.insisted(), if outcome.remote.unreachable.is_some() => {
                    break ExitOutcome::Cancelled(Stopped::Unknown);
                }
            }
        };
        set_reachable(context, outcome, None);
        let ending = self.close(outcome, streams, ended, limit).await;
        context.trigger.polled();
        ending
    }

    /// Notes the end. Once the output is durable here, the directory may be removed from the server.
    async fn close(
        &self,
        outcome: &mut DetachedOutcome,
        streams: Option<Streams>,
        ended: ExitOutcome,
        limit: Option<Duration>,
    ) -> Ending {
        let DetachedOutcome {
            remote,
            command: CommandOutcome { printed, exit },
        } = outcome;
        let mut is_kept = false;
        if let Some(Streams {
            mut stdout,
            mut stderr,
        }) = streams
        {
            stdout.finish().await;
            stderr.finish().await;
            let synced = stdout.sync().await.and(stderr.sync().await);
            is_kept = printed.keep(&stdout, &stderr) && synced.is_ok();
        }
        // The directory stays while the command may still run, and where its output could not be saved here.
        let is_over = match &ended {
            ExitOutcome::Exited(_) => true,
            ExitOutcome::TimedOut(stopped) | ExitOutcome::Cancelled(stopped) => {
                *stopped == Stopped::Stopped
            }
            _ => false,
        };
        remote.collected = (is_over && is_kept).then_some(true);
        // A process left in the background goes on; nothing reads its output any more.
        exit.left_running = (is_over && leaves_behind(&self.cmd)).then_some(true);
        match ended {
            ExitOutcome::NotBegun => {
                // The claim that now lies in the directory keeps it from beginning late.
                remote.directory = None;
                if remote.is_cancelled() {
                    exit.close(ended, limit)
                } else {
                    let what =
                        "the command had not begun when the connection was lost, and will not";
                    Ending::of(Status::Crashed, what)
                }
            }
            ExitOutcome::Unknown => Ending::of(
                Status::Crashed,
                "its process on the server is gone without an exit status: was the server restarted?",
            ),
            ended => exit.close(ended, limit),
        }
    }
}

pub(in crate::job) fn on_server<'a>(
    pool: &'a Pool,
    alias: &'a str,
    directory: &'a str,
) -> detached::DetachedCommand<'a> {
    detached::DetachedCommand {
        pool,
        alias,
        directory,
    }
}

fn set_begun(context: &Context<'_>, outcome: &mut DetachedOutcome) {
    if outcome.remote.begun.is_none() {
        outcome.remote.begun = Some(true);
        context.publish(Outcome::Detached(outcome.clone()));
    }
    context.trigger.set_begun();
}

/// Returns the pause before the next poll, or the end of a job that has ended.
fn pause_or_end(
    look: &LookReport,
    remote: &Remote,
    age: Duration,
) -> ControlFlow<ExitOutcome, Duration> {
    let ended = match look.state {
        _ if look.more => return ControlFlow::Continue(Duration::ZERO),
        DetachedState::Starting => return ControlFlow::Continue(SHORTEST_PAUSE),
        DetachedState::Running => {
            return ControlFlow::Continue((age / 10).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        }
        DetachedState::Exited(code) => ExitOutcome::Exited(code),
        DetachedState::TimedOut(stopped) => ExitOutcome::TimedOut(stopped),
        DetachedState::Cancelled(stopped) => ExitOutcome::Cancelled(stopped),
        DetachedState::Absent if remote.begun.is_none() => ExitOutcome::NotBegun,
        DetachedState::Absent | DetachedState::Gone if remote.is_cancelled() => {
            ExitOutcome::Cancelled(Stopped::Unknown)
        }
        DetachedState::Absent | DetachedState::Gone => ExitOutcome::Unknown,
    };
    ControlFlow::Break(ended)
}

/// Publishes whether the server can be reached, where that has changed.
fn set_reachable(context: &Context<'_>, outcome: &mut DetachedOutcome, problem: Option<String>) {
    if outcome.remote.unreachable != problem {
        outcome.remote.unreachable = problem;
        context.publish(Outcome::Detached(outcome.clone()));
    }
}

/// The result of a poll.
enum Polled {
    Live(LookReport),
    Ended(ExitOutcome),
}

/// Stops the job if that was asked for, then looks at it.
async fn poll(
    context: &Context<'_>,
    remote: &Remote,
    detached: &detached::DetachedCommand<'_>,
    streams: &mut Option<Streams>,
    claim: bool,
) -> Result<Polled, Error> {
    let Header { id, alias, .. } = context.job;
    let endpoint = context.pool.server(alias)?.endpoint();
    let started_on = remote.endpoint.as_ref();
    if let Some(started_on) = started_on.filter(|started_on| **started_on != endpoint) {
        return Err(Error::NotDetached {
            alias: alias.clone(),
            reason: format!("it was started on {started_on}, and the alias names {endpoint} now"),
        });
    }
    let streams = match streams {
        Some(streams) => streams,
        None => streams.insert(context.outputs.resume(id, alias).await?),
    };
    if remote.is_cancelled() {
        let stopped = detached.stop().await?;
        if stopped != Stopped::Stopped {
            return Ok(Polled::Ended(ExitOutcome::Cancelled(stopped)));
        }
    }
    let look = detached
        .look(&mut streams.stdout, &mut streams.stderr, claim)
        .await?;
    Ok(Polled::Live(look))
}
