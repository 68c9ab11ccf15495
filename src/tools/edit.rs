//! Changes of files on servers.

use ::rmcp::model::JsonObject;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::brakes::GivenBrakes;
use super::call::Start;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Call, Parameters, Switch, WaitFor};
use crate::app::App;
use crate::edit::TextEdit;
use crate::error::Error;
use crate::fleet::{TargetExpression, Targets};
use crate::guard::Access;
use crate::job::kind::change::{Change, ChangeRequest, ChangeTool, NewContent, SeenContents};
use crate::job::kind::undo::Undo;
use crate::job::{JobId, OutputView};
use crate::reply::Reply;

/// The fewest digits of a hash that tell contents apart.
const FEWEST_DIGITS: usize = 8;
/// The largest mode: permission bits, set-ID bits and the sticky bit.
const LARGEST_MODE: u32 = 0o7777;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct EditFile {
    /// Server alias.
    alias: TargetExpression,
    /// Path on the server.
    path: String,
    /// Done in order. old: exact text, there once unless all; new replaces it.
    edits: Vec<EditArguments>,
    /// SHA-256 that it must have now, or its start.
    expected_hash: Option<String>,
    /// Only show what it would do.
    #[serde(default)]
    dry_run: Switch,
    /// Command to run then; if it fails, the old content is put back.
    check: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EditArguments {
    /// Text as it stands there.
    old: String,
    /// Text instead.
    new: String,
    /// Replace each occurrence.
    #[serde(default)]
    all: Switch,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WriteFile {
    /// Server alias.
    alias: TargetExpression,
    /// Path on the server.
    path: String,
    /// The whole text.
    content: String,
    /// Octal, as 0644. Default: as it was.
    mode: Option<String>,
    /// user:group, as for chown.
    owner: Option<String>,
    /// Make missing directories.
    #[serde(default)]
    create_dirs: Switch,
    /// SHA-256 that it must have now, or its start.
    expected_hash: Option<String>,
    /// Only show what it would do.
    #[serde(default)]
    dry_run: Switch,
    /// Command to run then; if it fails, the old content is put back.
    check: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UndoTask {
    /// Task ID.
    id: String,
    /// Only show what it would do.
    #[serde(default)]
    dry_run: Switch,
    /// Also where a file was changed since.
    #[serde(default)]
    force: Switch,
}

impl EditFile {
    fn spec(self) -> Result<Change, Error> {
        if self.edits.is_empty() {
            return Err(Error::invalid("edits", "is empty"));
        }
        let edits = self.edits.into_iter().map(|edit| TextEdit {
            old: edit.old,
            new: edit.new,
            all: edit.all.0,
        });
        let content = NewContent::Edits(edits.collect());
        let request = ChangeRequest {
            tool: ChangeTool::FileEdit,
            path: given_path(self.path)?,
            expected_hash: given_hash(self.expected_hash)?,
            mode: None,
            owner: None,
            create_dirs: false,
            dry_run: self.dry_run.0,
            check: self.check,
            seen: SeenContents::new(),
        };
        Ok(Change::new(request, content))
    }
}

impl WriteFile {
    fn spec(self) -> Result<Change, Error> {
        let request = ChangeRequest {
            tool: ChangeTool::FileWrite,
            path: given_path(self.path)?,
            expected_hash: given_hash(self.expected_hash)?,
            mode: self.mode.as_deref().map(given_mode).transpose()?,
            owner: self.owner,
            create_dirs: self.create_dirs.0,
            dry_run: self.dry_run.0,
            check: self.check,
            seen: SeenContents::new(),
        };
        Ok(Change::new(request, NewContent::Whole(self.content)))
    }
}

fn given_path(path: String) -> Result<String, Error> {
    if path.is_empty() {
        return Err(Error::invalid("path", "is empty"));
    }
    Ok(path)
}

fn given_hash(hash: Option<String>) -> Result<Option<String>, Error> {
    let Some(hash) = hash else { return Ok(None) };
    let hash = hash.to_ascii_lowercase();
    if hash.len() < FEWEST_DIGITS || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let problem =
            format!("is no SHA-256: give at least its first {FEWEST_DIGITS} hexadecimal digits");
        return Err(Error::invalid("expectedHash", problem));
    }
    Ok(Some(hash))
}

fn given_mode(mode: &str) -> Result<u32, Error> {
    let mode = u32::from_str_radix(mode, 8).ok();
    mode.filter(|mode| *mode <= LARGEST_MODE)
        .ok_or_else(|| Error::invalid("mode", "is no octal mode such as 0644"))
}

/// Returns whether a call does more than show what it would do.
pub(super) fn changes_file(given: &JsonObject) -> bool {
    given.get("dryRun") != Some(&true.into())
}

#[tool_router(router = edit_tools, vis = "pub(super)")]
impl App {
    /// Replace exact texts in a file, whole or not at all; answers with the diff. Encoding, line ends, mode and owner stay. undo takes it back.
    #[tool(title = "Edit a file", meta = declare(Access::ChangesFiles, Toolset::Files).only_if(changes_file).braked().elevated())]
    async fn file_edit(
        &self,
        GivenBrakes(brakes): GivenBrakes<false>,
        Parameters(arguments): Parameters<EditFile>,
        call: Call,
    ) -> Result<Reply, Error> {
        let servers = self.targets(&arguments.alias)?;
        let start = Start::of(arguments.spec()?, None).braked(brakes);
        self.change(&call, servers, start).await
    }

    /// Write a whole text file, new or not, whole or not at all; answers with the diff. undo takes it back.
    #[tool(title = "Write a file", meta = declare(Access::ChangesFiles, Toolset::Files).only_if(changes_file).braked().elevated())]
    async fn file_write(
        &self,
        GivenBrakes(brakes): GivenBrakes<false>,
        Parameters(arguments): Parameters<WriteFile>,
        call: Call,
    ) -> Result<Reply, Error> {
        let servers = self.targets(&arguments.alias)?;
        let start = Start::of(arguments.spec()?, None).braked(brakes);
        self.change(&call, servers, start).await
    }

    /// Put back what a task changed: old contents, modes, owners; what it created is removed. An undo can be undone.
    #[tool(title = "Undo a task", meta = declare(Access::ChangesFiles, Toolset::Files).only_if(changes_file).braked().elevated())]
    async fn undo(
        &self,
        GivenBrakes(brakes): GivenBrakes,
        Parameters(UndoTask { id, dry_run, force }): Parameters<UndoTask>,
        call: Call,
    ) -> Result<Reply, Error> {
        let versions = self.jobs().versions().of_task(&id).await?;
        let (servers, undo) = match versions.last() {
            Some((_, last)) => {
                let mut sides = versions.iter().map(|(_, version)| &version.side);
                let is_here = sides.all(|side| side.endpoint.is_none());
                let undo = Undo::new(&id, is_here, dry_run.0, force.0);
                (Targets::single(&last.side.alias), undo)
            }
            None => self.undo_on_several(&id, dry_run.0, force.0).await?,
        };
        // A change that was made as another user is taken back as that one.
        let undone = self.jobs().look(&JobId::from(id.as_str())).await.ok();
        let user = undone.and_then(|job| job.sudo.clone());
        let start = Start::of(undo, None).elevated(user).braked(brakes);
        self.change(&call, servers, start).await
    }
}

impl App {
    /// The undo of a task that ran on several servers, on those on which it has changed something.
    async fn undo_on_several(
        &self,
        id: &str,
        dry_run: bool,
        force: bool,
    ) -> Result<(Targets, Undo), Error> {
        let job = self.jobs().look(&JobId::from(id)).await?;
        let kept = self.jobs().versions().of_each_task().await?;
        let children = job.fleet().into_iter();
        let children = children.flat_map(|outcome| &outcome.children);
        let changed = children.filter_map(|child| {
            let version = kept.get(child.task.as_ref()?.as_str())?;
            Some((child.alias.clone(), version))
        });
        let changed: IndexMap<_, _> = changed.collect();
        if changed.is_empty() {
            return Err(Error::NothingToUndo { id: id.to_owned() });
        }
        let servers = Targets::several(&job.alias, changed.keys().cloned().collect());
        let is_here = changed
            .values()
            .all(|version| version.side.endpoint.is_none());
        let tasks = changed.into_iter();
        let tasks = tasks.map(|(alias, version)| (alias, version.task.clone()));
        let undo = Undo::new(id, is_here, dry_run, force);
        Ok((servers, undo.by_server(tasks.collect())))
    }

    /// Changes files in a job, and waits for its end.
    pub(super) async fn change(
        &self,
        call: &Call,
        servers: Targets,
        start: Start,
    ) -> Result<Reply, Error> {
        self.run(
            call,
            servers,
            start,
            WaitFor::Completion,
            &OutputView::default(),
        )
        .await
    }
}
