//! `install --deny-ssh`: the client's own rules against commands by which a model would walk around this program, or
//! answer its questions in the person's place.
//!
//! The forms are those that the clients document: Claude Code `permissions.deny` (`Bash(…)`), Cursor's CLI
//! `permissions.deny` (`Shell(…)`), Gemini CLI `tools.exclude` (`run_shell_command(…)`), and Codex rules with the
//! decision `forbidden`. They look at the beginning of a command, and are a guard rail, no wall.

use std::path::PathBuf;

use super::client::Client;
use super::document::with_items;
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
    List(PathBuf, [&'static str; 2], fn(&[&str]) -> String),
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
            DenyRules::List(path, keys, form) => {
                let file = TextFile::read(path)?;
                let items: Vec<_> = COMMANDS.iter().map(|words| form(words)).collect();
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

impl DenyRules {
    fn of(client: &Client, places: &Places) -> Option<Self> {
        let home = (client.home)(places);
        match client.name {
            "claude-code" => Some(Self::List(
                home.join("settings.json"),
                ["permissions", "deny"],
                |words| format!("Bash({}:*)", words.join(" ")),
            )),
            "cursor" => Some(Self::List(
                home.join("cli-config.json"),
                ["permissions", "deny"],
                |words| match words {
                    [program, rest] => format!("Shell({program}:{rest}*)"),
                    words => format!("Shell({})", words.join(" ")),
                },
            )),
            "gemini-cli" => Some(Self::List(
                home.join("settings.json"),
                ["tools", "exclude"],
                |words| format!("run_shell_command({})", words.join(" ")),
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
