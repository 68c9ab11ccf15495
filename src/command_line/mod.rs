//! The command line: what it asks for, and the work of each command.
//!
//! A command is a variant of [`Command`] with its options, and its work, to which `run` passes it. Help,
//! completions for shells and the manual are made from that.

mod documents;
mod options;
mod run;
mod welcome;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{Overrides, parse_seconds};
use crate::console::{
    CancelCommand, ShowCommand, TasksCommand, TrailCommand, UndoCommand, WatchCommand,
};
use crate::fs::expand_home;
use crate::install;
use crate::web::WebCommand;
pub use documents::help;
use documents::settings;
use options::{
    ApproveOptions, DoctorOptions, InstallOptions, PermissionsOptions, ResumeOptions, StopOptions,
    UninstallOptions,
};
pub use run::{reach_keyring, run};
pub use welcome::welcome;

/// An MCP server for commands and files on SSH servers.
///
/// Without a command it serves MCP on stdin and stdout, as an MCP client starts it.
#[derive(Debug, Parser)]
#[command(
    name = env!("CARGO_PKG_NAME"),
    version,
    long_about = None,
    disable_help_subcommand = true,
    after_help = settings()
)]
pub struct CommandLine {
    #[command(flatten)]
    given: SettingOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The options that go before variables.
#[derive(Debug, clap::Args)]
struct SettingOptions {
    /// Data directory, before MCP_DATA_DIR
    #[arg(long, global = true, value_name = "DIR", value_parser = expanded)]
    data_dir: Option<PathBuf>,
    /// When a call goes to the background, before MCP_SYNC_TIMEOUT_S
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    sync_timeout: Option<Duration>,
    /// A file with variables, which go after those of the environment
    #[arg(long, global = true, value_name = "FILE", value_parser = expanded)]
    env_file: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the MCP clients here, or register it with one
    Install(InstallOptions),
    /// List them, or take it out of one again
    Uninstall(UninstallOptions),
    /// Print a client's own list of the tools that it need not ask about
    Permissions(PermissionsOptions),
    /// Show the tools at work on an embedded SSH server
    Demo,
    /// Check settings, data directory and every server
    Doctor(DoctorOptions),
    /// List tasks: those that run, then the newest
    Tasks(TasksCommand),
    /// Show a task and the end of what it has printed
    Show(ShowCommand),
    /// Stop a task, whichever program runs it
    Cancel(CancelCommand),
    /// Put back what a task has changed in files
    Undo(UndoCommand),
    /// Show servers, tasks, output and questions on a live screen, with keys to answer and to stop
    Watch(WatchCommand),
    /// Serve a page for your browser on which you see all this, answer questions, and stop tasks
    Web(WebCommand),
    /// Show the audit trail, or check that nobody has changed it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// List what waits for a person's yes, or say yes to it, at a terminal
    Approve(ApproveOptions),
    /// Say no to what waits for a person's yes
    Deny {
        /// The question's ID
        id: String,
    },
    /// Stop every task, or those of one server, and let nothing new begin there; or stop one task alone
    Stop(StopOptions),
    /// Let it begin again, at a terminal: everything, or on one server
    Resume(ResumeOptions),
    /// Print completions for a shell, for its start-up file to read
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for `man -l -`
    Man,
}

/// The commands about the audit trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that nobody has changed the audit trail
    Verify,
    /// Show what was done, the oldest first
    Show(TrailCommand),
}

impl CommandLine {
    /// Parses the arguments, of which the first is the program's name. Asking for help is an error whose text is
    /// the help.
    ///
    /// A registration of the Node original in which only the program was changed still has the original's name,
    /// with arguments for its starter before it: these are skipped.
    pub fn of(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut arguments: Vec<_> = arguments.collect();
        let is_left_over =
            |argument: &OsString| argument.to_str().is_some_and(install::is_left_over);
        let named = arguments.iter().skip(1).position(is_left_over);
        if let Some(named) = named {
            arguments.drain(1..named + 2);
        }
        let parsed = Self::try_parse_from(arguments)?;
        if matches!(parsed.command, Some(Command::Uninstall(_))) && parsed.given.is_some() {
            let advice =
                "`uninstall` takes --client, --name and --dry-run; settings go with `install`";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, advice));
        }
        Ok(parsed)
    }

    /// The settings among the options, and the command.
    pub fn into_parts(self) -> (Overrides, Option<Command>) {
        let overrides = Overrides {
            data_dir: self.given.data_dir,
            sync_timeout: self.given.sync_timeout,
            env_file: self.given.env_file,
        };
        (overrides, self.command)
    }

    /// The grammar, of which help, completions and the manual are made.
    fn grammar() -> clap::Command {
        Self::command()
    }
}

impl SettingOptions {
    /// Returns true if one is given.
    fn is_some(&self) -> bool {
        self.data_dir.is_some() || self.sync_timeout.is_some() || self.env_file.is_some()
    }
}

/// A path with its `~` expanded.
fn expanded(path: &str) -> Result<PathBuf, &'static str> {
    match path {
        "" => Err("it is empty"),
        path => Ok(expand_home(path)),
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    parse_seconds(text).ok_or("it takes seconds above 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(Overrides, Option<Command>), String> {
        let arguments = std::iter::once("program").chain(line.split_whitespace());
        let parsed = CommandLine::of(arguments.map(OsString::from));
        parsed
            .map(CommandLine::into_parts)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_grammar_is_sound() {
        CommandLine::grammar().debug_assert();
    }

    #[test]
    fn what_an_earlier_registration_has_before_the_name_is_skipped() {
        let (overrides, command) =
            parse("-y @fkom13/mcp-sftp-orchestrator --data-dir=/d doctor").unwrap();
        assert_eq!(overrides.data_dir, Some("/d".into()));
        assert!(matches!(command, Some(Command::Doctor(_))));
    }

    #[test]
    fn settings_may_stand_before_and_behind_a_command() {
        for line in ["--sync-timeout 2 tasks", "tasks --sync-timeout=2"] {
            let (overrides, _) = parse(line).unwrap();
            assert_eq!(overrides.sync_timeout, Some(Duration::from_secs(2)));
        }
    }

    #[test]
    fn options_of_one_command_are_refused_by_the_others() {
        for line in [
            "--client=claude-code",
            "doctor --dry-run",
            "uninstall --print",
            "approve --json",
            "audit",
            "install --take-over --no-take-over",
            "doctor --name=x",
            "--data-dir=",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
