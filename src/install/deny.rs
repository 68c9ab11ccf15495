//! `install --deny-ssh`: the client's own rules against commands by which a model would walk around this program, or
//! answer its questions in the person's place. `uninstall` takes them out again.
//!
//! The forms are those that the clients document: Claude Code `permissions.deny` (`Bash(…)`), Cursor's CLI
//! `permissions.deny` (`Shell(…)`, which tells programs apart by the first word alone), Gemini CLI `tools.exclude`
//! (`run_shell_command(…)`, by the beginning of a command), and Codex rules with the decision `forbidden`. They look at
//! the beginning of a command, and are a guard rail, no wall.

use std::path::PathBuf;

use super::client::Client;
use super::document::{with_items, without_items};
use super::error::InstallError;
use super::file::TextFile;
use super::places::Places;

/// The commands, each by its first words.
const COMMANDS: &[&[&str]] = &[
    &["ssh"],
    &["scp"],
    &["sftp"],
    &["rsync", "-e"],
    &[PROGRAM, "approve"],
    &[PROGRAM, "deny"],
    &[PROGRAM, "resume"],
];

const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// The reason that Codex shows.
const JUSTIFICATION: &str =
    "Use the tools of the MCP server for SSH; its questions are for the person alone.";

/// The place and form in which a client keeps such rules.
enum DenyRules {
    /// In a list of JSON texts: its object, its name, and a rule for a command.
    List(PathBuf, [&'static str; 2], Vec<String>),
    /// In a file of their own.
    File(PathBuf, fn() -> String),
}

/// The file of a client's rules, and its text with them.
pub(super) struct DenyPlan {
    pub(super) file: TextFile,
    pub(super) after: String,
}

impl DenyPlan {
    pub(super) fn make(client: &Client, places: &Places) -> Result<Self, InstallError> {
        let rules = DenyRules::of(client, places);
        let rules = rules.ok_or(InstallError::NoDenyRules(client.title))?;
        match rules {
            DenyRules::List(path, keys, items) => {
                let file = TextFile::read(path)?;
                let after = with_items(file.text(), keys, &items);
                let after = after.map_err(|reason| file.broken(reason))?;
                Ok(Self { file, after })
            }
            DenyRules::File(path, text) => Ok(Self {
                file: TextFile::read(path)?,
                after: text(),
            }),
        }
    }
}

/// The file of a client's rules without those that `install` has added.
pub(super) struct DenyRemoval {
    pub(super) file: TextFile,
    /// Its text; `None` if the file is removed.
    pub(super) after: Option<String>,
}

impl DenyRemoval {
    /// Makes the file; `None` if there is nothing to take out of it.
    pub(super) fn make(client: &Client, places: &Places) -> Result<Option<Self>, InstallError> {
        let Some(rules) = DenyRules::of(client, places) else {
            return Ok(None);
        };
        let (file, after) = match rules {
            DenyRules::List(path, keys, items) => {
                let file = TextFile::read(path)?;
                // A file that cannot be parsed is not in the way where there is nothing to take out.
                if !items.iter().any(|item| file.text().contains(item)) {
                    return Ok(None);
                }
                let before = file.before()?;
                let text = before.as_deref().unwrap_or_default();
                // To the byte, if nothing else has changed since.
                let after = if with_items(text, keys, &items).is_ok_and(|made| made == file.text())
                {
                    before
                } else {
                    let after = without_items(file.text(), text, keys, &items);
                    Some(after.map_err(|reason| file.broken(reason))?)
                };
                (file, after)
            }
            DenyRules::File(path, text) => {
                let file = TextFile::read(path)?;
                // Rules that a person has changed are theirs.
                let is_own = file.text() == text();
                let after = (!is_own).then(|| file.text().to_owned());
                (file, after)
            }
        };
        let changes = after.as_deref().unwrap_or_default() != file.text();
        Ok(changes.then_some(Self { file, after }))
    }
}

impl DenyRules {
    fn of(client: &Client, places: &Places) -> Option<Self> {
        let home = (client.home)(places);
        let each = |form: fn(&str) -> String| -> Vec<String> {
            let commands = COMMANDS.iter();
            commands.map(|words| form(&words.join(" "))).collect()
        };
        match client.name {
            "claude-code" => Some(Self::List(
                home.join("settings.json"),
                ["permissions", "deny"],
                each(|command| format!("Bash({command}:*)")),
            )),
            "cursor" => {
                let programs = ["ssh", "scp", "sftp", PROGRAM];
                let rules = programs.map(|program| format!("Shell({program})"));
                Some(Self::List(
                    home.join("cli-config.json"),
                    ["permissions", "deny"],
                    rules.to_vec(),
                ))
            }
            "gemini-cli" => Some(Self::List(
                home.join("settings.json"),
                ["tools", "exclude"],
                each(|command| format!("run_shell_command({command})")),
            )),
            "codex" => {
                let name = format!("rules/{PROGRAM}.rules");
                Some(Self::File(home.join(name), codex_rules))
            }
            _ => None,
        }
    }
}

fn codex_rules() -> String {
    let rule = |words: &&[&str]| {
        let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
        format!(
            "prefix_rule(\n    pattern = [{}],\n    decision = \"forbidden\",\n    \
             justification = \"{JUSTIFICATION}\",\n)\n",
            words.join(", ")
        )
    };
    COMMANDS.iter().map(rule).collect()
}
