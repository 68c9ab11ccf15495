//! Transfers.

use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Call, Parameters, Patience, Seconds};
use crate::error::Error;
use crate::job::{Operation, Options};
use crate::reply::Reply;
use crate::server::Orchestrator;
use crate::sftp::transfer::{self, Direction, Entry, Request};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Transfer {
    /// Server alias.
    alias: String,
    /// upload to the server, or download from it.
    direction: Direction,
    /// File or directory on this machine.
    local: String,
    /// File or directory on the server.
    remote: String,
    /// Remind after so many seconds.
    rappel: Option<Seconds>,
    /// Answer at once with the task ID.
    #[serde(default)]
    background: bool,
    /// Compare checksums of both sides.
    #[serde(default)]
    verify: bool,
    /// Write into the existing file (same inode).
    #[serde(default, rename = "inPlace")]
    in_place: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Transfers {
    /// Server alias.
    alias: String,
    /// upload to the server, or download from it.
    direction: Direction,
    /// Sources may be patterns with *, ?, [..], {a,b}, **; their matches go into the target directory.
    files: Vec<Entry>,
    /// Remind after so many seconds.
    rappel: Option<Seconds>,
    /// Answer at once with the task ID.
    #[serde(default)]
    background: bool,
    /// Compare checksums of both sides.
    #[serde(default)]
    verify: bool,
    /// Write into the existing file (same inode).
    #[serde(default, rename = "inPlace")]
    in_place: bool,
}

#[tool_router(router = transfer_tools, vis = "pub(super)")]
impl Orchestrator {
    /// Copy a file or directory over SFTP. Missing directories are made, existing files replaced. A target that is a directory or ends with / takes a file in; a directory's contents go into the target.
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
        Parameters(arguments): Parameters<Transfer>,
        call: Call,
    ) -> Result<Reply, Error> {
        let Transfer {
            alias,
            direction,
            local,
            remote,
            rappel,
            background,
            verify,
            in_place,
        } = arguments;
        for (name, path) in [("local", &local), ("remote", &remote)] {
            if path.is_empty() {
                return Err(Error::invalid(name, "is empty"));
            }
        }
        let operation = Operation::Transfer(Request {
            direction,
            entries: vec![Entry { local, remote }],
            patterns: false,
            options: transfer::Options { verify, in_place },
            part: None,
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
    /// Copy several files, directories or patterns over SFTP. Directories below a pattern's fixed part are kept.
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
            options: transfer::Options {
                verify: transfers.verify,
                in_place: transfers.in_place,
            },
            part: None,
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
