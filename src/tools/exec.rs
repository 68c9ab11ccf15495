//! Commands.

use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Call, Parameters, Patience, Seconds};
use crate::error::Error;
use crate::job::{Operation, Options};
use crate::reply::Reply;
use crate::server::Orchestrator;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Exec {
    /// Alias of the server.
    alias: String,
    /// Command line for the user's login shell.
    cmd: String,
    /// Seconds from now after which task_queue and task_status remind of this task.
    rappel: Option<Seconds>,
    /// Seconds the command may run before it is stopped; 0 is without limit. 300 unless configured otherwise.
    timeout: Option<Seconds>,
    /// Hand the task to the background at once instead of waiting for it.
    #[serde(default)]
    background: bool,
    /// Start the command so that it outlives the connection and this program: the task is found again after a restart. Without a timeout unless one is given.
    #[serde(default)]
    detach: bool,
}

#[tool_router(router = exec_tools, vis = "pub(super)")]
impl Orchestrator {
    /// Run a command on a server. Answers with its output and exit status, or, if it takes longer than the sync timeout, with a task ID that goes on in the background.
    #[tool(
        title = "Run a command",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = true
        )
    )]
    async fn task_exec(
        &self,
        Parameters(exec): Parameters<Exec>,
        call: Call,
    ) -> Result<Reply, Error> {
        if exec.cmd.trim().is_empty() {
            return Err(Error::invalid("cmd", "is empty"));
        }
        let operation = Operation::Exec {
            cmd: exec.cmd,
            timeout: exec.timeout.map(|timeout| timeout.0),
            detach: exec.detach,
        };
        let options = Options {
            reminder: exec.rappel.map(Seconds::duration),
        };
        let job = self.jobs().start(&exec.alias, operation, options)?;
        let patience = if exec.detach {
            Patience::ForItsBeginning
        } else {
            Patience::of(exec.background)
        };
        self.attend(&call, &job, patience).await
    }
}
