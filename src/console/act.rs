//! `cancel` and `undo`: a person stops a task, or puts back what it has changed. Both are calls of the tools that
//! clients call, with all that belongs to them: the audit trail, read-only servers, the policy.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};

use super::ConsoleError;
use super::local::call_locally;
use crate::actor::AT_TERMINAL;
use crate::config::{Config, Structured, Toolset};

/// The time for which such a command waits for the end of its call.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// The options of `cancel`.
#[derive(Debug, Args)]
pub struct CancelCommand {
    /// The task's ID
    id: String,
    /// The task's record as JSON
    #[arg(long)]
    json: bool,
}

/// The options of `undo`.
#[derive(Debug, Args)]
pub struct UndoCommand {
    /// The task's ID
    id: String,
    /// Show what would be put back, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Even where files have changed since
    #[arg(long)]
    force: bool,
    /// The record of the task that undoes it as JSON
    #[arg(long)]
    json: bool,
}

impl CancelCommand {
    /// Stops the task, and prints how that went.
    pub async fn run(self, config: Config, out: &mut impl Write) -> Result<ExitCode, ConsoleError> {
        let arguments = json!({ "id": self.id });
        act(config, "task_cancel", arguments, self.json, out).await
    }
}

impl UndoCommand {
    /// Undoes the task, and prints what was put back.
    pub async fn run(self, config: Config, out: &mut impl Write) -> Result<ExitCode, ConsoleError> {
        let arguments = json!({ "id": self.id, "dryRun": self.dry_run, "force": self.force });
        act(config, "undo", arguments, self.json, out).await
    }
}

async fn act(
    mut config: Config,
    tool: &'static str,
    arguments: Value,
    wants_json: bool,
    out: &mut impl Write,
) -> Result<ExitCode, ConsoleError> {
    config.structured = if wants_json {
        Structured::Always
    } else {
        Structured::Never
    };
    config.sync_timeout = PATIENCE;
    // The lists are for models; a person has every command.
    config.toolsets = Toolset::ALL.to_vec();
    let arguments: JsonObject = serde_json::from_value(arguments).unwrap_or_default();
    let result = call_locally(config, AT_TERMINAL, tool, arguments).await?;
    let has_failed = result.is_error == Some(true);
    let text = match &result.structured_content {
        Some(facts) if wants_json => facts.to_string(),
        _ if has_failed => in_words(&text_of(&result)),
        _ => text_of(&result),
    };
    writeln!(out, "{text}")?;
    Ok(ExitCode::from(u8::from(has_failed)))
}

/// The text of an answer.
pub fn text_of(result: &CallToolResult) -> String {
    let blocks = result.content.iter();
    let texts = blocks.filter_map(|block| match block {
        ContentBlock::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// A report of an error, which is JSON, as a person reads it.
pub(super) fn in_words(report: &str) -> String {
    let Ok(parsed) = serde_json::from_str::<Value>(report) else {
        return report.to_owned();
    };
    let message = parsed["message"].as_str().unwrap_or(report);
    match parsed["details"]["hint"].as_str() {
        Some(hint) => format!("{message}\n→ {hint}"),
        None => message.to_owned(),
    }
}
