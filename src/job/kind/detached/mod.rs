//! A command that outlives the connection and this process: started once, polled now and then, collected.
//!
//! | module | what it is |
//! |---|---|
//! | `remote` | the part of a record about work that its server goes on with |
//! | `start`, `follow` | the start of such work, and following it to its end; other kinds use them as well |
//! | `outcome` | the outcome of a command |

pub(in crate::job) mod follow;
pub mod outcome;
pub mod remote;
pub(in crate::job::kind) mod start;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command;
use super::context::{Context, JobStart, limit_of};
use super::exec::Exec;
use super::supplies::Supplies;
use super::{Always, Kind, Outcome, SSH, hide_work, is_of_type, is_set};
use crate::device;
use crate::error::Error;
use crate::guard::{DeviceLack, Guard};
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::shell::leaves_behind;
use crate::ssh::Bound;
use follow::{close, follow};
use outcome::DetachedOutcome;
use remote::Remote;
use start::{AfterStart, Started, after_start, start};

/// The note in an answer about a process that was left in the background.
const LEFT_RUNNING: &str = "(what it left in the background is on its own: nothing that it still prints is kept, and task_cancel does not reach it: a detached command needs no &)";

/// Runs a command that outlives the connection and this process.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Set if it runs in a channel where its server cannot run it detached.
    #[serde(
        default,
        rename = "orAttached",
        skip_serializing_if = "std::ops::Not::not"
    )]
    or_attached: bool,
}

impl Detached {
    /// A command with this timeout.
    pub fn new(cmd: String, timeout: Option<f64>) -> Self {
        Self {
            cmd,
            supplies: Supplies::default(),
            timeout,
            flag: Always,
            or_attached: false,
        }
    }

    /// The same with directory, variables, input or script.
    pub fn supplied(self, supplies: Supplies) -> Self {
        Self { supplies, ..self }
    }

    /// The same in a channel where its server cannot run it detached.
    pub fn or_attached(self) -> Self {
        Self {
            or_attached: true,
            ..self
        }
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

    fn begin(&self, id: &JobId) -> DetachedOutcome {
        DetachedOutcome {
            remote: Remote::of(id),
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

    fn lacks_on_device(&self) -> Option<DeviceLack> {
        if !self.supplies.is_empty() {
            return Some(DeviceLack::SUPPLIES);
        }
        let detached = (!self.or_attached).then_some(DeviceLack::DETACHED);
        detached.or_else(|| DeviceLack::for_line(&self.cmd))
    }

    fn may_change_device(&self) -> bool {
        !device::only_reads(&self.cmd)
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        self.supplies.authorize(guard, &self.cmd)
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

    async fn run(&self, context: &Context<'_>) -> (Ending, DetachedOutcome) {
        let mut outcome = match context.recorded {
            Outcome::Detached(recorded) => recorded.clone(),
            _ => DetachedOutcome::default(),
        };
        if context.start == JobStart::Fresh {
            outcome.command.printed.encoding = context.note_encoding();
            let remote = &mut outcome.remote;
            let started = self.start(context, remote).await;
            match after_start(context, remote, started, self.or_attached) {
                AfterStart::Follow => {}
                AfterStart::RunInChannel => {
                    let (ending, command) = self.attached().run(context).await;
                    return (ending, DetachedOutcome { command, ..outcome });
                }
                AfterStart::End(ending) => return (ending, outcome),
            }
        }
        let DetachedOutcome { remote, command } = &mut outcome;
        let mut followed = follow(context, remote, None, |_| {}).await;
        let is_over = followed.keep(remote, &mut command.printed).await;
        // A process left in the background goes on; nothing reads its output any more.
        command.exit.left_running = (is_over && leaves_behind(&self.cmd)).then_some(true);
        let limit = limit_of(self.timeout, None);
        let ending = close(remote, &mut command.exit, followed.ended, limit);
        context.trigger.polled();
        (ending, outcome)
    }

    fn render(job: &Header, outcome: &DetachedOutcome, shown: &ShownOutput) -> String {
        let left = match outcome.remote.not_detached {
            Some(_) => command::LEFT_RUNNING,
            None => LEFT_RUNNING,
        };
        command::render(job, &outcome.command, shown, left)
    }
}

impl Detached {
    /// Starts the command on the server.
    async fn start(&self, context: &Context<'_>, remote: &mut Remote) -> Result<Started, Ending> {
        let (secrets, alias) = (context.secrets, &context.job.alias);
        let text = match self.supplies.text(&self.cmd, secrets, alias).await {
            Ok(text) => text,
            Err(error) => {
                remote.directory = None;
                return Err(error.into());
            }
        };
        // A detached command has no timeout unless the call gives one.
        let limit = limit_of(self.timeout, None);
        start(context, remote, &text.detached(), limit).await
    }

    /// The same command for a channel.
    fn attached(&self) -> Exec {
        let exec = Exec::new(self.cmd.clone(), self.timeout, Bound::default());
        exec.supplied(self.supplies.clone())
    }
}
