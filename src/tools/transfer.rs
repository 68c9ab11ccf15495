//! Transfers.

use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Call, Parameters, Patience, Seconds};
use crate::error::Error;
use crate::job::{Operation, Options};
use crate::reply::Reply;
use crate::server::Orchestrator;
use crate::sftp::transfer::{Direction, Entry, Request};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Transfer {
    /// Alias of the server.
    alias: String,
    /// upload: from this machine to the server. download: from the server to this machine.
    direction: Direction,
    /// File or directory on this machine. `~` is the home directory.
    local: String,
    /// File or directory on the server. `~` is the user's home directory there.
    remote: String,
    /// Seconds from now after which task_queue and task_status remind of this task.
    rappel: Option<Seconds>,
    /// Hand the task to the background at once instead of waiting for it.
    #[serde(default)]
    background: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Transfers {
    /// Alias of the server.
    alias: String,
    /// upload: from this machine to the server. download: from the server to this machine.
    direction: Direction,
    /// What to copy. The source may be a pattern with *, ?, [..], {a,b} and **; its matches go into the target directory.
    files: Vec<Entry>,
    /// Seconds from now after which task_queue and task_status remind of this task.
    rappel: Option<Seconds>,
    /// Hand the task to the background at once instead of waiting for it.
    #[serde(default)]
    background: bool,
}

#[tool_router(router = transfer_tools, vis = "pub(super)")]
impl Orchestrator {
    /// Copy a file or a whole directory over SFTP. Missing parent directories are made. A file goes into a target that is a directory or ends with /, else to that very path; a directory's contents go into the target directory. Existing files are replaced.
    #[tool(
        title = "Transfer a file or directory",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = true
        )
    )]
    async fn task_transfer(
        &self,
        Parameters(transfer): Parameters<Transfer>,
        call: Call,
    ) -> Result<Reply, Error> {
        let Transfer {
            alias,
            direction,
            local,
            remote,
            rappel,
            background,
        } = transfer;
        for (name, path) in [("local", &local), ("remote", &remote)] {
            if path.is_empty() {
                return Err(Error::invalid(name, "is empty"));
            }
        }
        let operation = Operation::Transfer(Request {
            direction,
            entries: vec![Entry { local, remote }],
            patterns: false,
        });
        let options = Options {
            reminder: rappel.map(Seconds::duration),
            tool: None,
        };
        let job = self.jobs().start(&alias, operation, options)?;
        Ok(Reply::of_job(
            &*self.attend(&call, &job, Patience::of(background)).await?,
        ))
    }
    /// Copy several files, directories or patterns over SFTP in one task. The directories below a pattern's fixed part are kept. Answers with counts, and with the reason for each file that failed.
    #[tool(
        title = "Transfer several files",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = true
        )
    )]
    async fn task_transfer_multi(
        &self,
        Parameters(transfers): Parameters<Transfers>,
        call: Call,
    ) -> Result<Reply, Error> {
        let entries = transfers.files;
        if entries.is_empty() {
            return Err(Error::invalid("files", "is empty"));
        }
        for (index, entry) in entries.iter().enumerate() {
            for (name, path) in [("local", &entry.local), ("remote", &entry.remote)] {
                if path.is_empty() {
                    return Err(Error::invalid(
                        &format!("files[{index}].{name}"),
                        "is empty",
                    ));
                }
            }
        }
        let operation = Operation::Transfer(Request {
            direction: transfers.direction,
            entries,
            patterns: true,
        });
        let options = Options {
            reminder: transfers.rappel.map(Seconds::duration),
            tool: None,
        };
        let job = self.jobs().start(&transfers.alias, operation, options)?;
        let patience = Patience::of(transfers.background);
        Ok(Reply::of_job(&*self.attend(&call, &job, patience).await?))
    }
}
