//! The command line, its help and the welcome at a terminal.

use std::ffi::OsString;
use std::path::Path;

use lexopt::prelude::*;
use serde_json::Value;

use crate::approval::PersonAnswer;
use crate::config::{Overrides, SETTINGS, parse_seconds};
use crate::fs::expand_home;
use crate::install::{self, InstallRequest, this_program};
use crate::shell::quote_to_type;

const NAME: &str = env!("CARGO_PKG_NAME");

/// The work that the command line asks for.
#[derive(Debug)]
pub enum RunMode {
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
    /// `approve`, without an ID
    ListQuestions(Overrides),
    /// `approve ID` and `deny ID`
    AnswerQuestion(Overrides, String, PersonAnswer),
    /// `stop`: everything, an alias or a task
    Stop(Overrides, Option<String>),
    /// `resume`: everything, or an alias
    Resume(Overrides, Option<String>),
    /// `install`
    Install(InstallRequest),
    /// `uninstall`
    Uninstall(InstallRequest),
    /// `--help`
    Help,
    /// `--version`
    Version,
}

impl RunMode {
    fn answer(overrides: Overrides, id: &str, answer: PersonAnswer) -> Self {
        Self::AnswerQuestion(overrides, id.to_owned(), answer)
    }
}

/// The options and words of a command line.
#[derive(Default)]
struct CommandLine {
    request: InstallRequest,
    words: Vec<String>,
    /// The first option that only `install` and `uninstall` take.
    of_install: Option<String>,
    /// Set by `--as`.
    looks_as: bool,
    /// Set by `--all`.
    is_all: bool,
}

/// Parses the arguments after the program's name.
///
/// A registration of the Node original in which only the program was changed still has the original's name, with
/// arguments for its starter before it: these are skipped.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<RunMode, lexopt::Error> {
    let mut arguments: Vec<_> = arguments.collect();
    let is_left_over = |argument: &OsString| argument.to_str().is_some_and(install::is_left_over);
    if let Some(named) = arguments.iter().position(is_left_over) {
        arguments.drain(..=named);
    }
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut line = CommandLine::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(RunMode::Help),
            Long("version") | Short('V') => return Ok(RunMode::Version),
            Value(word) => line.words.push(word.string()?),
            Long(name) => {
                let name = name.to_owned();
                line.take_option(&name, &mut parser)?;
            }
            other @ Short(_) => return Err(other.unexpected()),
        }
    }
    line.mode()
}

impl CommandLine {
    fn take_option(
        &mut self,
        name: &str,
        parser: &mut lexopt::Parser,
    ) -> Result<(), lexopt::Error> {
        let request = &mut self.request;
        match name {
            "data-dir" => {
                let directory = text(parser, "--data-dir takes a directory")?;
                request.overrides.data_dir = Some(expand_home(&directory));
                return Ok(());
            }
            "env-file" => {
                let file = text(parser, "--env-file takes a file")?;
                request.overrides.env_file = Some(expand_home(&file));
                return Ok(());
            }
            "sync-timeout" => {
                let value = parser.value()?.string()?;
                let timeout = parse_seconds(&value);
                let timeout = timeout.ok_or_else(|| {
                    format!("--sync-timeout takes seconds above 0, not `{value}`")
                })?;
                request.overrides.sync_timeout = Some(timeout);
                return Ok(());
            }
            "as" => {
                request.client = Some(parser.value()?.string()?);
                self.looks_as = true;
                return Ok(());
            }
            "all" => {
                self.is_all = true;
                return Ok(());
            }
            "client" => request.client = Some(parser.value()?.string()?),
            "name" => request.name = Some(parser.value()?.string()?),
            "print" => request.prints = true,
            "dry-run" => request.is_dry = true,
            "take-over" => request.takes_over = Some(true),
            "no-take-over" => request.takes_over = Some(false),
            _ => return Err(Long(name).unexpected()),
        }
        self.of_install.get_or_insert_with(|| format!("--{name}"));
        Ok(())
    }

    fn mode(self) -> Result<RunMode, lexopt::Error> {
        let Self {
            request,
            words,
            of_install,
            looks_as,
            is_all,
        } = self;
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mode = match words.as_slice() {
            ["doctor"]
                if looks_as && of_install.as_ref().is_none_or(|option| option == "--name") =>
            {
                return Ok(RunMode::DoctorAs(request));
            }
            ["stop"] => return Ok(RunMode::Stop(request.overrides, None)),
            ["resume"] => return Ok(RunMode::Resume(request.overrides, None)),
            _ if is_all => return Err("`--all` goes with `stop` and `resume`".into()),
            ["stop", what] => {
                return Ok(RunMode::Stop(request.overrides, Some((*what).to_owned())));
            }
            ["resume", alias] => {
                return Ok(RunMode::Resume(
                    request.overrides,
                    Some((*alias).to_owned()),
                ));
            }
            _ if looks_as => {
                return Err(
                    "`--as` goes with `doctor`, and takes no option of `install` but --name".into(),
                );
            }
            ["install"] => return Ok(RunMode::Install(request)),
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
            ["uninstall"] => return Ok(RunMode::Uninstall(request)),
            [] => RunMode::Serve(request.overrides),
            ["demo"] => RunMode::Demo,
            ["doctor"] => RunMode::Doctor(request.overrides),
            ["audit", "verify"] => RunMode::VerifyAudit(request.overrides),
            ["approve"] => RunMode::ListQuestions(request.overrides),
            ["approve", id] => RunMode::answer(request.overrides, id, PersonAnswer::Yes),
            ["deny", id] => RunMode::answer(request.overrides, id, PersonAnswer::No),
            other => return Err(format!("`{}` is not a command", other.join(" ")).into()),
        };
        match of_install {
            Some(option) => Err(format!("`{option}` goes with `install`").into()),
            None => Ok(mode),
        }
    }
}

/// The value of an option, which must not be empty.
fn text(parser: &mut lexopt::Parser, problem: &str) -> Result<String, lexopt::Error> {
    let text = parser.value()?.string()?;
    if text.is_empty() {
        return Err(problem.into());
    }
    Ok(text)
}

/// The text of `--help`.
pub fn help() -> String {
    use std::fmt::Write;

    let mut help = format!(
        "{NAME} {}: an MCP server for commands and files on SSH servers\n\n\
         Usage: {NAME} [--data-dir=DIR] [--sync-timeout=SECONDS] [--env-file=FILE]\n       \
         {NAME} install | uninstall [--client=CLIENT]\n       \
         {NAME} demo | doctor [--as=CLIENT] | audit verify | approve [ID] | deny ID\n       \
         {NAME} stop [ALIAS | ID] | resume [ALIAS]\n\n\
         Without a command it serves MCP on stdin and stdout, as an MCP client starts it.\n\n\
         Commands:\n  \
         install                   list the MCP clients here, or register it with one\n  \
         uninstall                 list them, or take it out of one again\n  \
         demo                      show the tools at work on an embedded SSH server\n  \
         doctor                    check settings, data directory and every server\n  \
         doctor --as=CLIENT        the same with what that MCP client gives it of the environment\n  \
         audit verify              check that nobody has changed the audit trail\n  \
         approve                   list what waits for a person's yes\n  \
         approve ID | deny ID      say yes or no to it, at a terminal\n  \
         stop                      stop every task, and let nothing new begin\n  \
         stop ALIAS | stop ID      the same on one server; or stop one task alone\n  \
         resume | resume ALIAS     let it begin again: everything, or on one server\n\n\
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
    let typed = install::typed_command();
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
