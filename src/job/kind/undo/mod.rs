//! The undo of a task: what it changed is put back, on every server that it touched.
//!
//! | module | what it holds |
//! |---|---|
//! | `outcome` | the outcome and the answer about it |
//! | `plan` | what is to be done with each file, judged before anything is changed |
//! | `work`, `put_back` | the undo; how paths are put back |

mod outcome;
mod plan;
mod put_back;
mod work;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::Context;
use super::{Kind, SFTP, is_of_type};
use crate::error::Error;
use crate::guard::Guard;
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use outcome::UndoOutcome;

/// The tool's name.
const TOOL: &str = "undo";

/// Puts back what a task changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undo {
    /// The tool, by which a record is known.
    tool: String,
    /// The task.
    undone_task: String,
    /// The child tasks that are undone, by server, where the task ran on several.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    by_server: IndexMap<String, String>,
    /// True if it is only shown what would be done.
    #[serde(default)]
    dry_run: bool,
    /// True if files are put back that were changed since.
    #[serde(default)]
    force: bool,
    /// True if all of them are on this machine.
    #[serde(default)]
    is_here: bool,
}

impl Undo {
    /// The undo of a task whose files are on a server, unless `is_here` says that they are all on this machine.
    pub fn new(task: &str, is_here: bool, dry_run: bool, force: bool) -> Self {
        Self {
            tool: TOOL.to_owned(),
            undone_task: task.to_owned(),
            by_server: IndexMap::new(),
            dry_run,
            force,
            is_here,
        }
    }

    /// The same for a task that ran on several servers: its child tasks, by server.
    pub fn by_server(self, by_server: IndexMap<String, String>) -> Self {
        Self { by_server, ..self }
    }
}

impl Kind for Undo {
    type Outcome = UndoOutcome;

    fn record_type(&self) -> &'static str {
        SFTP
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, SFTP) && record.get("tool").is_some_and(|tool| tool == TOOL)
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn tool(&self) -> &'static str {
        TOOL
    }

    fn changes_server(&self) -> bool {
        !self.dry_run && !self.is_here
    }

    fn for_server(&self, alias: &str) -> Result<Self, Error> {
        let task = self.by_server.get(alias).unwrap_or(&self.undone_task);
        Ok(Self {
            undone_task: task.clone(),
            by_server: IndexMap::new(),
            ..self.clone()
        })
    }

    fn can_be_undone(&self) -> bool {
        true
    }

    /// Each file is judged once it is known.
    fn knows_targets(&self) -> bool {
        false
    }

    fn authorize(&self, _guard: &Guard) -> Result<(), Error> {
        Ok(())
    }

    fn summary(&self) -> String {
        format!("{TOOL} {}", self.undone_task)
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, UndoOutcome) {
        // Boxed: what it holds while it waits is large.
        Box::pin(work::run(self, context)).await
    }

    fn render(job: &Header, outcome: &UndoOutcome, _shown: &ShownOutput) -> String {
        outcome.text(job)
    }
}
