//! The command line, its help and the welcome at a terminal.

use std::ffi::OsString;
use std::path::Path;

use lexopt::prelude::*;
use serde_json::Value;

use crate::config::{Overrides, SETTINGS, parse_seconds};
use crate::fs::expand_home;
use crate::install::{self, InstallRequest, this_program};
use crate::shell::quote_to_type;

const NAME: &str = env!("CARGO_PKG_NAME");

/// A parsed command line.
#[derive(Debug)]
pub enum Invocation {
    /// Serve MCP on standard input and output.
    Serve(Overrides),
    /// `demo`
    Demo,
    /// `doctor`
    Doctor(Overrides),
    /// `doctor --as CLIENT`
    DoctorAs(InstallRequest),
    /// `audit verify`
    VerifyAudit(Overrides),
    /// `install`
    Install(InstallRequest),
    /// `uninstall`
    Uninstall(InstallRequest),
    /// `--help`
    Help,
    /// `--version`
    Version,
}

/// Parses the arguments after the program's name.
///
/// A registration of the Node original in which only the program was changed still has the original's name, with
/// arguments for its starter before it: these are skipped.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Invocation, lexopt::Error> {
    let mut arguments: Vec<_> = arguments.collect();
    let is_left_over = |argument: &OsString| argument.to_str().is_some_and(install::is_left_over);
    if let Some(named) = arguments.iter().position(is_left_over) {
        arguments.drain(..=named);
    }
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut request = InstallRequest::default();
    let mut words = Vec::new();
    // The first option that only `install` and `uninstall` take.
    let mut of_install = None;
    let mut looks_as = false;
    while let Some(argument) = parser.next()? {
        if let Long(
            name @ ("client" | "name" | "print" | "dry-run" | "take-over" | "no-take-over"),
        ) = argument
        {
            of_install.get_or_insert_with(|| format!("--{name}"));
        }
        match argument {
            Long("help") | Short('h') => return Ok(Invocation::Help),
            Long("version") | Short('V') => return Ok(Invocation::Version),
            Long("data-dir") => {
                let directory = parser.value()?.string()?;
                if directory.is_empty() {
                    return Err("--data-dir takes a directory".into());
                }
                request.overrides.data_dir = Some(expand_home(&directory));
            }
            Long("env-file") => {
                let file = parser.value()?.string()?;
                if file.is_empty() {
                    return Err("--env-file takes a file".into());
                }
                request.overrides.env_file = Some(expand_home(&file));
            }
            Long("sync-timeout") => {
                let value = parser.value()?.string()?;
                let timeout = parse_seconds(&value);
                let timeout = timeout.ok_or_else(|| {
                    format!("--sync-timeout takes seconds above 0, not `{value}`")
                })?;
                request.overrides.sync_timeout = Some(timeout);
            }
            Long("as") => {
                request.client = Some(parser.value()?.string()?);
                looks_as = true;
            }
            Long("client") => request.client = Some(parser.value()?.string()?),
            Long("name") => request.name = Some(parser.value()?.string()?),
            Long("print") => request.prints = true,
            Long("dry-run") => request.is_dry = true,
            Long("take-over") => request.takes_over = Some(true),
            Long("no-take-over") => request.takes_over = Some(false),
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let command = match words.as_slice() {
        ["doctor"] if looks_as && of_install.as_ref().is_none_or(|option| option == "--name") => {
            return Ok(Invocation::DoctorAs(request));
        }
        _ if looks_as => {
            return Err(
                "`--as` goes with `doctor`, and takes no option of `install` but --name".into(),
            );
        }
        ["install"] => return Ok(Invocation::Install(request)),
        ["uninstall"]
            if request.prints
                || request.takes_over.is_some()
                || request.overrides != Overrides::default() =>
        {
            return Err(
                "`uninstall` takes --client, --name and --dry-run; the others go with `install`"
                    .into(),
            );
        }
        ["uninstall"] => return Ok(Invocation::Uninstall(request)),
        [] => Invocation::Serve(request.overrides),
        ["demo"] => Invocation::Demo,
        ["doctor"] => Invocation::Doctor(request.overrides),
        ["audit", "verify"] => Invocation::VerifyAudit(request.overrides),
        other => return Err(format!("`{}` is not a command", other.join(" ")).into()),
    };
    match of_install {
        Some(option) => Err(format!("`{option}` goes with `install`").into()),
        None => Ok(command),
    }
}

/// The text of `--help`.
pub fn help() -> String {
    use std::fmt::Write;

    let mut help = format!(
        "{NAME} {}: an MCP server for commands and files on SSH servers\n\n\
         Usage: {NAME} [--data-dir=DIR] [--sync-timeout=SECONDS] [--env-file=FILE]\n       \
         {NAME} install | uninstall [--client=CLIENT]\n       \
         {NAME} demo | doctor [--as=CLIENT] | audit verify\n\n\
         Without a command it serves MCP on stdin and stdout, as an MCP client starts it.\n\n\
         Commands:\n  \
         install                   list the MCP clients here, or register it with one\n  \
         uninstall                 list them, or take it out of one again\n  \
         demo                      show the tools at work on an embedded SSH server\n  \
         doctor                    check settings, data directory and every server\n  \
         doctor --as=CLIENT        the same with what that MCP client gives it of the environment\n  \
         audit verify              check that nobody has changed the audit trail\n\n\
         Options:\n  \
         --data-dir=DIR            data directory, before MCP_DATA_DIR\n  \
         --sync-timeout=SECONDS    when a call goes to the background, before MCP_SYNC_TIMEOUT_S\n  \
         --env-file=FILE           a file with variables, which go after those of the environment\n  \
         -h, --help                this text\n  \
         -V, --version             the version\n\n\
         Options of install, which also sets those above, and of uninstall:\n  \
         --client=CLIENT           {}\n  \
         --name=NAME               the server's name there [{}]\n  \
         --dry-run                 show what would change, and change nothing\n  \
         --print                   show the registration, and change nothing\n  \
         --take-over               take the place and settings of the Node original, unasked\n  \
         --no-take-over            leave the Node original alone, unasked\n\n\
         Environment, then the file that --env-file names, then .env in the data directory (and .env\n\
         in the working directory, if this program lies below it, as in its checkout):\n",
        env!("CARGO_PKG_VERSION"),
        install::client_names(),
        install::NAME,
    );
    for setting in SETTINGS {
        let default = if setting.default.is_empty() {
            String::new()
        } else {
            format!(" [{}]", setting.default)
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            help,
            "  {:<32}{}{default}",
            setting.name,
            setting.plain_meaning()
        );
    }
    help
}

/// The text for a person who starts this program at a terminal instead of having a client do it.
pub fn welcome(data_dir: &Path) -> String {
    let program = this_program().to_string_lossy().into_owned();
    let typed = install::typed();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = arguments
        .iter()
        .map(|argument| format!(" {}", quote_to_type(argument)));
    format!(
        "{NAME} {} is an MCP server: through it a language model runs commands and moves files \
         on your SSH servers.\nAn MCP client starts it; you need not.\n\n\
         Its data lies in {}\n\n\
         To see the MCP clients here, and register it with one, run:\n\n  \
         {typed} install{}\n\n\
         For any other, put this into its configuration:\n\n  \
         {{ \"mcpServers\": {{ \"{}\": {{ \"command\": {}, \"args\": {} }} }} }}\n\n\
         `{typed} demo` shows it at work, `{typed} --help` lists its settings.\n\
         Now it waits for an MCP client on standard input. Ctrl-C ends it.\n\n",
        env!("CARGO_PKG_VERSION"),
        data_dir.display(),
        options.collect::<String>(),
        install::NAME,
        Value::from(program.as_str()),
        Value::from(arguments),
    )
}
