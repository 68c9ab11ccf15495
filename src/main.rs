//! The program: serves MCP on stdio, or does what the command line says.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mcp_sftp_orchestrator::app::App;
use mcp_sftp_orchestrator::command_line::{self, RunMode};
use mcp_sftp_orchestrator::config::{Config, Overrides};
use mcp_sftp_orchestrator::fs::blocking;
use mcp_sftp_orchestrator::logging::{self, MemoryLog};
#[cfg(all(unix, not(target_os = "macos")))]
use mcp_sftp_orchestrator::login_session::BUS_VARIABLE;
use mcp_sftp_orchestrator::server::Handler;
use mcp_sftp_orchestrator::transport::{CloseReason, LineTransport};
use mcp_sftp_orchestrator::{approval, audit, demo, descriptors, doctor, install, red_button};
use rmcp::ServiceExt;
use rmcp::transport::io::stdio_pipes;
use tokio::runtime::{Builder, Runtime};

const NAME: &str = env!("CARGO_PKG_NAME");

/// The most threads that run tasks.
const MOST_THREADS: usize = 4;
/// The time allowed after the end of input for answers to calls under way. A script that pipes its calls in
/// reads them.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// The time allowed for recording jobs and closing connections. It is bounded because a disk may hang.
const SHUTDOWN: Duration = Duration::from_millis(800);

fn main() -> ExitCode {
    let mode = match command_line::parse(std::env::args_os().skip(1)) {
        Ok(mode) => mode,
        Err(error) => return fail(&format!("{error}. See {NAME} --help"), 2),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}"), 1),
    };
    outlive_file_size_limit(&runtime);
    descriptors::raise_limit();
    let outcome = match mode {
        RunMode::Serve(overrides) => runtime.block_on(serve(&overrides)),
        RunMode::Demo => runtime
            .block_on(demo::run(&mut io::stdout()))
            .map_err(|failure| failure.to_string()),
        RunMode::Doctor(overrides) => runtime.block_on(examine(&overrides)),
        RunMode::DoctorAs(request) => match doctor::run_as(&request, &mut io::stdout()) {
            // The other process has printed its findings.
            Ok(is_well) => return ExitCode::from(u8::from(!is_well)),
            Err(problem) => Err(problem),
        },
        RunMode::VerifyAudit(overrides) => {
            Config::load(&overrides).and_then(|config| verify_audit(&config))
        }
        RunMode::ListQuestions(overrides) => Config::load(&overrides).and_then(|config| {
            approval::list(&config, &mut io::stdout()).map_err(|error| error.to_string())
        }),
        RunMode::AnswerQuestion(overrides, id, answer) => {
            Config::load(&overrides).and_then(|config| {
                approval::answer(&config, &id, answer, &mut io::stdout())
                    .map_err(|error| error.to_string())
            })
        }
        RunMode::Stop(overrides, what) => runtime.block_on(stop(&overrides, what)),
        RunMode::Resume(overrides, alias) => Config::load(&overrides).and_then(|config| {
            red_button::resume(&config, alias, &mut io::stdout()).map_err(|error| error.to_string())
        }),
        RunMode::Install(request) => {
            install::install(&request, &mut io::stdout()).map_err(|error| error.to_string())
        }
        RunMode::Uninstall(request) => {
            install::uninstall(&request, &mut io::stdout()).map_err(|error| error.to_string())
        }
        RunMode::Help => io::stdout()
            .write_all(command_line::help().as_bytes())
            .map_err(|error| error.to_string()),
        RunMode::Version => writeln!(io::stdout(), "{NAME} {}", env!("CARGO_PKG_VERSION"))
            .map_err(|error| error.to_string()),
    };
    // A read of standard input cannot be cancelled everywhere, and must not hold the process.
    runtime.shutdown_background();
    logging::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(&problem, 1),
    }
}

/// Catches `SIGXFSZ`, so that a write beyond the limit on file sizes (`ulimit -f`) fails instead of ending the
/// process.
#[cfg(unix)]
fn outlive_file_size_limit(runtime: &Runtime) {
    use tokio::signal::unix::{SignalKind, signal};
    let _context = runtime.enter();
    // It stays caught for this process, and is at its default again in programs started from here.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

#[cfg(not(unix))]
fn outlive_file_size_limit(_: &Runtime) {}

/// Makes the runtime. A connection's work is on one thread at a time, so that more threads than a transfer has
/// connections would only cost memory.
fn runtime() -> io::Result<Runtime> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(threads.min(MOST_THREADS))
        .enable_all()
        .build()
}

fn fail(problem: &str, code: u8) -> ExitCode {
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "{NAME}: {problem}");
    ExitCode::from(code)
}

async fn stop(overrides: &Overrides, what: Option<String>) -> Result<(), String> {
    let config = Config::load(overrides)?;
    reach_keyring(&config);
    match red_button::stop(config, what, &mut io::stdout()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err("not all has ended; nothing new begins".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn examine(overrides: &Overrides) -> Result<(), String> {
    let config = Config::load(overrides)?;
    reach_keyring(&config);
    let is_well = doctor::run(config, &mut io::stdout()).await;
    match is_well {
        Ok(true) => Ok(()),
        Ok(false) => Err("not all is well".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Replaces this process with a new one of this program that has the address of the session's bus in its
/// environment, if the client did not pass that on and the bus is found.
///
/// The keyring's library takes the address from the environment alone, and a process with threads cannot change
/// its environment safely. Nothing has been read or written yet. The new process has the address, so this happens
/// once. If it fails, the keyring is not reached, and an error says so when it is needed.
#[cfg(all(unix, not(target_os = "macos")))]
fn reach_keyring(config: &Config) {
    use std::os::unix::process::CommandExt;

    let needs_keyring = config.uses_keyring && config.secret_key.is_none();
    let address = config.login_session.missing_bus_address();
    let Some(address) = address.filter(|_| needs_keyring) else {
        return;
    };
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut arguments = std::env::args_os();
    let mut again = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    let _ = again.args(arguments).env(BUS_VARIABLE, address).exec();
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn reach_keyring(_: &Config) {}

fn verify_audit(config: &Config) -> Result<(), String> {
    let verified = audit::verify(&config.data_dir).map_err(|error| error.to_string())?;
    if let Some(problem) = verified.problem {
        return Err(problem);
    }
    writeln!(
        io::stdout(),
        "{} lines in {} files are in order{}\n{}last: {}",
        verified.lines,
        verified.files,
        verified.remarks(),
        verified.open_calls(),
        verified.last
    )
    .map_err(|error| error.to_string())
}

async fn serve(overrides: &Overrides) -> Result<(), String> {
    let config = Config::load(overrides)?;
    reach_keyring(&config);
    let log = MemoryLog::install(config.log_level);
    logging::log_panics();
    let app = App::open(config, log).map_err(|error| error.to_string())?;
    let (reader, writer) = stdio_pipes();
    let lines = LineTransport::new(reader, writer);
    let connection = lines.handle();
    let (jobs, calls) = (app.jobs().clone(), Arc::clone(app.calls()));
    let tunnels = app.tunnels().clone();
    if io::stdin().is_terminal() {
        // Without stderr there is nobody to tell.
        let _ = io::stderr().write_all(command_line::welcome(&app.config().data_dir).as_bytes());
    }
    tracing::info!(
        "{NAME} {} serves {}",
        env!("CARGO_PKG_VERSION"),
        app.config().data_dir.display()
    );
    let mut serving = tokio::spawn(async move {
        match Handler::new(app).serve(lines).await {
            Ok(running) => drop(running.waiting().await),
            // Usually a client that ended before it sent `initialize`.
            Err(error) => tracing::debug!("the session did not begin: {error}"),
        }
    });
    // One cause, for the log, the records of jobs and the audit.
    let cause = tokio::select! {
        ending = connection.ended() => {
            if !matches!(ending, CloseReason::OutputUnwritable(_)) {
                let _ = tokio::time::timeout(LAST_ANSWERS, &mut serving).await;
            }
            ending.to_string()
        }
        signal = signalled() => format!("it received {signal}"),
        _ = &mut serving => connection
            .ending()
            .map_or_else(|| "no session came about".to_owned(), |ending| ending.to_string()),
    };
    tracing::info!("{NAME} ends: {cause}");
    let record = async {
        let (saved, ()) = tokio::join!(jobs.shut_down(&cause), tunnels.close_all(&cause));
        saved.and(blocking(move || calls.interrupt(&cause)).await)
    };
    let (recorded, _) = tokio::join!(
        tokio::time::timeout(SHUTDOWN, record),
        tokio::time::timeout(SHUTDOWN, connection.give_up_batches())
    );
    match recorded {
        Ok(saved) => saved.map_err(|error| error.to_string()),
        Err(_) => Err("the jobs could not be recorded in time".to_owned()),
    }
}

/// Waits for a signal that asks this program to end, and returns its name.
#[cfg(unix)]
async fn signalled() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut hangup)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
        _ = tokio::signal::ctrl_c() => "SIGINT",
    }
}

#[cfg(not(unix))]
async fn signalled() -> &'static str {
    let _ = tokio::signal::ctrl_c().await;
    "Ctrl+C"
}
