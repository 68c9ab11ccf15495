//! The command line: serve MCP on stdio, or show the demo.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use mcp_sftp_orchestrator::config::{Config, Overrides, SETTINGS, expand_home, parse_seconds};
use mcp_sftp_orchestrator::logging::{self, Log};
use mcp_sftp_orchestrator::server::Orchestrator;
use mcp_sftp_orchestrator::transport::Lines;
use mcp_sftp_orchestrator::{audit, demo, doctor};
use rmcp::ServiceExt;
use rmcp::transport::io::stdio_pipes;
use serde_json::Value;
use tokio::runtime::Runtime;

const NAME: &str = env!("CARGO_PKG_NAME");

/// After the end of input, answers to calls under way may still go out: a script that pipes its
/// calls in reads them.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Recording jobs and saying goodbye on every connection takes far less; a hung disk must not hold us.
const SHUTDOWN: Duration = Duration::from_millis(800);

enum Command {
    Serve(Overrides),
    Demo,
    Doctor(Overrides),
    VerifyAudit(Overrides),
    Help,
    Version,
}

fn main() -> ExitCode {
    let command = match parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => return fail(&format!("{error}. See {NAME} --help"), 2),
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}"), 1),
    };
    let outcome = match command {
        Command::Serve(overrides) => runtime.block_on(serve(&overrides)),
        Command::Demo => runtime
            .block_on(demo::run(&mut io::stdout()))
            .map_err(|failure| failure.to_string()),
        Command::Doctor(overrides) => runtime.block_on(examine(&overrides)),
        Command::VerifyAudit(overrides) => verify_audit(&Config::load(&overrides)),
        Command::Help => io::stdout()
            .write_all(help().as_bytes())
            .map_err(|error| error.to_string()),
        Command::Version => writeln!(io::stdout(), "{NAME} {}", env!("CARGO_PKG_VERSION"))
            .map_err(|error| error.to_string()),
    };
    // A read of standard input cannot be cancelled everywhere, and must not hold the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(&problem, 1),
    }
}

fn fail(problem: &str, code: u8) -> ExitCode {
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "{NAME}: {problem}");
    ExitCode::from(code)
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut overrides = Overrides::default();
    let mut words = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            Long("data-dir") => overrides.data_dir = Some(expand_home(&parser.value()?.string()?)),
            Long("sync-timeout") => {
                let value = parser.value()?.string()?;
                let timeout = parse_seconds(&value);
                let timeout = timeout.ok_or_else(|| {
                    format!("--sync-timeout takes seconds above 0, not `{value}`")
                })?;
                overrides.sync_timeout = Some(timeout);
            }
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(Command::Serve(overrides)),
        ["demo"] => Ok(Command::Demo),
        ["doctor"] => Ok(Command::Doctor(overrides)),
        ["audit", "verify"] => Ok(Command::VerifyAudit(overrides)),
        other => Err(format!("`{}` is not a command", other.join(" ")).into()),
    }
}

fn help() -> String {
    use std::fmt::Write;

    let mut help = format!(
        "{NAME} {}: an MCP server for commands and files on SSH servers\n\n\
         Usage: {NAME} [--data-dir=DIR] [--sync-timeout=SECONDS]\n       \
         {NAME} demo | doctor | audit verify\n\n\
         Without a command it serves MCP on stdin and stdout, as an MCP client starts it.\n\n\
         Commands:\n  demo                      show the tools at work on an embedded SSH server\n  \
         doctor                    check settings, data directory and every server\n  \
         audit verify              check that nobody has changed the audit trail\n\n\
         Options:\n  --data-dir=DIR            data directory, before MCP_DATA_DIR\n  \
         --sync-timeout=SECONDS    when a call goes to the background, before MCP_SYNC_TIMEOUT_S\n  \
         -h, --help                this text\n  -V, --version             the version\n\n\
         Environment, also read from .env in the working directory and in the data directory:\n",
        env!("CARGO_PKG_VERSION")
    );
    for setting in SETTINGS {
        let default = if setting.default.is_empty() {
            String::new()
        } else {
            format!(" [{}]", setting.default)
        };
        // Writing to a string cannot fail.
        let _ = writeln!(help, "  {:<32}{}{default}", setting.name, setting.meaning);
    }
    help
}

/// What a person reads who started this at a terminal, where no client speaks to it.
fn welcome(data_dir: &Path) -> String {
    let program = std::env::current_exe().map_or_else(
        |_| NAME.to_owned(),
        |path| path.to_string_lossy().into_owned(),
    );
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words = std::iter::once(&program).chain(&arguments);
    let words: Vec<_> = words.map(|word| format!("\"{word}\"")).collect();
    format!(
        "{NAME} {} is an MCP server: through it a language model runs commands and moves files \
         on your SSH servers.\nAn MCP client starts it; you need not.\n\n\
         Its data lies in {}\n\n\
         To register it, put this into your client's configuration:\n\n  \
         {{ \"mcpServers\": {{ \"orchestrator\": {{ \"command\": {}, \"args\": {} }} }} }}\n\n\
         or, for Claude Code, run:\n\n  \
         claude mcp add orchestrator -- {}\n\n\
         `{NAME} demo` shows it at work, `{NAME} --help` lists its settings.\n\
         Now it waits for an MCP client on standard input. Ctrl-C ends it.\n\n",
        env!("CARGO_PKG_VERSION"),
        data_dir.display(),
        Value::from(program.as_str()),
        Value::from(arguments),
        words.join(" "),
    )
}

async fn examine(overrides: &Overrides) -> Result<(), String> {
    let is_well = doctor::run(Config::load(overrides), &mut io::stdout()).await;
    match is_well {
        Ok(true) => Ok(()),
        Ok(false) => Err("not all is well".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn verify_audit(config: &Config) -> Result<(), String> {
    let verified = audit::verify(&config.data_dir).map_err(|error| error.to_string())?;
    if let Some(problem) = verified.problem {
        return Err(problem);
    }
    let shortened = if verified.is_shortened {
        "; older files were removed"
    } else {
        ""
    };
    writeln!(
        io::stdout(),
        "{} lines in {} files are in order{shortened}\nlast: {}",
        verified.lines,
        verified.files.len(),
        verified.last
    )
    .map_err(|error| error.to_string())
}

async fn serve(overrides: &Overrides) -> Result<(), String> {
    let config = Config::load(overrides);
    let log = Log::install(config.log_level);
    logging::log_panics();
    let server = Orchestrator::open(config, log).map_err(|error| error.to_string())?;
    let (reader, writer) = stdio_pipes();
    let lines = Lines::new(reader, writer);
    let input_ended = lines.ended();
    let jobs = server.jobs().clone();
    if io::stdin().is_terminal() {
        // Without stderr there is nobody to tell.
        let _ = io::stderr().write_all(welcome(&server.config().data_dir).as_bytes());
    }
    tracing::info!(
        "{NAME} {} serves {}",
        env!("CARGO_PKG_VERSION"),
        server.config().data_dir.display()
    );
    let mut serving = tokio::spawn(async move {
        match server.serve(lines).await {
            Ok(running) => drop(running.waiting().await),
            // Most often a client that went away before it introduced itself.
            Err(error) => tracing::debug!("the session did not begin: {error}"),
        }
    });
    tokio::select! {
        _ = &mut serving => {}
        () = input_ended.cancelled() => {
            let _ = tokio::time::timeout(LAST_ANSWERS, &mut serving).await;
        }
        () = asked_to_end() => {}
    }
    match tokio::time::timeout(SHUTDOWN, jobs.shut_down()).await {
        Ok(saved) => saved.map_err(|error| error.to_string()),
        Err(_) => Err("the jobs could not be recorded in time".to_owned()),
    }
}

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    let _ = tokio::signal::ctrl_c().await;
}
