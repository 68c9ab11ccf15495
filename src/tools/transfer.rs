//! Transfers.

use std::borrow::Cow;

use ::rmcp::model::JsonObject;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::brakes::GivenBrakes;
use super::call::Start;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Call, NumberOfSeconds, Parameters, Switch, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::fleet::TargetExpression;
use crate::guard::Access;
use crate::job::OutputView;
use crate::job::kind::transfer::Transfer;
use crate::reply::Reply;
use crate::sftp::transfer::{
    Comparison, Direction, TransferEntry, TransferOptions, TransferRequest,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TransferOne {
    /// Server alias.
    alias: TargetExpression,
    /// To the server, or from it.
    direction: Direction,
    /// Path here; a relative one is below this program's working directory.
    local: String,
    /// Copy from this server instead: `local` is a path on it.
    #[serde(rename = "source_alias")]
    source_alias: Option<String>,
    /// Path on the server; a relative one is below the home directory.
    remote: String,
    /// Seconds until task_queue reminds of it.
    rappel: Option<NumberOfSeconds>,
    /// Answer at once; it ends with this program.
    #[serde(default)]
    background: Switch,
    /// Compare checksums.
    #[serde(default)]
    verify: Switch,
    /// Write into the existing file (same inode).
    #[serde(default)]
    in_place: Switch,
    /// Upload through directories that are links.
    #[serde(default)]
    follow_directory_links: Switch,
    /// Gitignore patterns to leave out.
    exclude: Option<Vec<String>>,
    /// Also leave out what the source's .gitignore files say.
    #[serde(default)]
    gitignore: Switch,
    /// Only show what it would create, replace and delete.
    #[serde(default)]
    dry_run: Switch,
    /// Leave out files that are the same: by time (and size), or by checksum.
    #[serde(default)]
    only_changed: OnlyChanged,
    /// Also delete what the source directory lacks, save what exclude covers.
    #[serde(default)]
    mirror: Switch,
    /// From the dryRun; needed to delete more than 20 files.
    token: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TransferSeveral {
    /// Server alias.
    alias: TargetExpression,
    /// To the server, or from it.
    direction: Direction,
    /// Sources may be patterns: *, ?, [..], {a,b}, and ** across directories; hidden files only by name. Matches go into the target directory.
    files: Vec<TransferEntry>,
    /// Copy from this server instead: `local` is a path on it.
    #[serde(rename = "source_alias")]
    source_alias: Option<String>,
    /// Seconds until task_queue reminds of it.
    rappel: Option<NumberOfSeconds>,
    /// Answer at once; it ends with this program.
    #[serde(default)]
    background: Switch,
    /// Compare checksums.
    #[serde(default)]
    verify: Switch,
    /// Write into the existing file (same inode).
    #[serde(default)]
    in_place: Switch,
    /// Upload through directories that are links.
    #[serde(default)]
    follow_directory_links: Switch,
    /// Gitignore patterns to leave out.
    exclude: Option<Vec<String>>,
    /// Also leave out what the source's .gitignore files say.
    #[serde(default)]
    gitignore: Switch,
    /// Only show what it would create, replace and delete.
    #[serde(default)]
    dry_run: Switch,
    /// Leave out files that are the same: by time (and size), or by checksum.
    #[serde(default)]
    only_changed: OnlyChanged,
}

impl TransferOne {
    fn spec(&self) -> Result<Transfer, Error> {
        let entry = TransferEntry {
            local: self.local.clone(),
            remote: self.remote.clone(),
        };
        let options = TransferOptions {
            verify: self.verify.0,
            in_place: self.in_place.0,
            follow_directory_links: self.follow_directory_links.0,
            exclude: self.exclude.clone().unwrap_or_default(),
            gitignore: self.gitignore.0,
            dry_run: self.dry_run.0,
            only_changed: self.only_changed.0,
            mirror: self.mirror.0,
            token: self.token.clone(),
        };
        let mut request = request(self.direction, self.source_alias.as_ref(), options)?;
        request.entries.push(entry);
        Ok(Transfer(request))
    }
}

impl TransferSeveral {
    fn spec(&self) -> Result<Transfer, Error> {
        if self.files.is_empty() {
            return Err(Error::invalid("files", "is empty"));
        }
        let options = TransferOptions {
            verify: self.verify.0,
            in_place: self.in_place.0,
            follow_directory_links: self.follow_directory_links.0,
            exclude: self.exclude.clone().unwrap_or_default(),
            gitignore: self.gitignore.0,
            dry_run: self.dry_run.0,
            only_changed: self.only_changed.0,
            ..TransferOptions::default()
        };
        let request = request(self.direction, self.source_alias.as_ref(), options)?;
        Ok(Transfer(TransferRequest {
            entries: self.files.clone(),
            patterns: true,
            ..request
        }))
    }
}

/// A request without entries.
fn request(
    direction: Direction,
    source_alias: Option<&String>,
    options: TransferOptions,
) -> Result<TransferRequest, Error> {
    let direction = match (direction, source_alias) {
        (Direction::Download, Some(_)) => {
            let problem = "is for uploads: files go from it to `alias`";
            return Err(Error::invalid("source_alias", problem));
        }
        (Direction::ServerToServer, None) => {
            let problem = "is missing: name the server that the files come from";
            return Err(Error::invalid("source_alias", problem));
        }
        (_, Some(_)) => Direction::ServerToServer,
        (direction, None) => direction,
    };
    check_links(direction, options.follow_directory_links)?;
    Ok(TransferRequest {
        direction,
        source_alias: source_alias.cloned(),
        entries: Vec::new(),
        patterns: false,
        options,
        part: None,
    })
}

/// Returns whether a call may change the server.
fn is_upload(given: &JsonObject) -> bool {
    let is_dry_run = given.get("dryRun") == Some(&Value::Bool(true));
    !is_dry_run && given.get("direction").and_then(Value::as_str) != Some("download")
}

/// The comparison by which unchanged files are left out. `true` is taken for size and time.
#[derive(Clone, Copy, Debug, Default)]
struct OnlyChanged(Option<Comparison>);

impl<'de> Deserialize<'de> for OnlyChanged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(deserializer)?;
        match given.as_str().map(str::trim) {
            Some("checksum") => Ok(Self(Some(Comparison::Checksum))),
            Some("time" | "true") => Ok(Self(Some(Comparison::Time))),
            Some("false") => Ok(Self(None)),
            _ => match given {
                Value::Bool(is_set) => Ok(Self(is_set.then_some(Comparison::Time))),
                other => Err(D::Error::custom(format!(
                    "invalid value: {other}, expected \"time\" or \"checksum\""
                ))),
            },
        }
    }
}

impl JsonSchema for OnlyChanged {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OnlyChanged".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// Refuses to follow links in a download: anybody on the server may have made them.
fn check_links(direction: Direction, follows: bool) -> Result<(), Error> {
    if follows && direction == Direction::Download {
        return Err(Error::invalid(
            "followDirectoryLinks",
            "is for uploads only",
        ));
    }
    Ok(())
}

#[tool_router(router = transfer_tools, vis = "pub(super)")]
impl App {
    /// Upload or download a file or directory over SFTP. Makes directories, replaces files. A target that is a directory or ends with / takes a file in; a directory's contents go into the target.
    #[tool(title = "Transfer a file or tree", meta = declare(Access::MovesFiles, Toolset::Core).only_if(is_upload).braked().elevated())]
    async fn task_transfer(
        &self,
        GivenBrakes(brakes): GivenBrakes,
        Parameters(arguments): Parameters<TransferOne>,
        call: Call,
    ) -> Result<Reply, Error> {
        let start = Start::of(arguments.spec()?, arguments.rappel).braked(brakes);
        let wait = WaitFor::unless(arguments.background.0);
        let servers = self.targets(&arguments.alias)?;
        self.run(&call, servers, start, wait, &OutputView::default())
            .await
    }

    /// Upload or download several files, directories or patterns over SFTP. Directories below a pattern's fixed part are kept.
    #[tool(title = "Transfer several files", meta = declare(Access::MovesFiles, Toolset::Files).only_if(is_upload).braked().elevated())]
    async fn task_transfer_multi(
        &self,
        GivenBrakes(brakes): GivenBrakes,
        Parameters(transfers): Parameters<TransferSeveral>,
        call: Call,
    ) -> Result<Reply, Error> {
        let start = Start::of(transfers.spec()?, transfers.rappel).braked(brakes);
        let wait = WaitFor::unless(transfers.background.0);
        let servers = self.targets(&transfers.alias)?;
        self.run(&call, servers, start, wait, &OutputView::default())
            .await
    }
}
