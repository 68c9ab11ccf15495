//! The program: serves MCP on stdio, or does what the command line says.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mcp_sftp_orchestrator::app::App;
use mcp_sftp_orchestrator::command_line::{self, CommandLine, reach_keyring};
use mcp_sftp_orchestrator::config::{Config, Overrides};
use mcp_sftp_orchestrator::descriptors;
use mcp_sftp_orchestrator::fs::blocking;
use mcp_sftp_orchestrator::logging::{self, MemoryLog};
use mcp_sftp_orchestrator::samples::sample_by_setting;
use mcp_sftp_orchestrator::server::Handler;
use mcp_sftp_orchestrator::transport::{CloseReason, LineTransport};
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
const SHUTDOWN: Duration = Duration::from_millis(1500);

fn main() -> ExitCode {
    let line = match CommandLine::of(std::env::args_os()) {
        Ok(line) => line,
        Err(told) => {
            // Without a terminal there is nobody to tell.
            let _ = told.print();
            return ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    outlive_file_size_limit(&runtime);
    descriptors::raise_limit();
    let outcome = match line.into_parts() {
        (overrides, None) => runtime
            .block_on(serve(&overrides))
            .map(|()| ExitCode::SUCCESS),
        (overrides, Some(command)) => {
            runtime.block_on(Box::pin(command_line::run(command, overrides)))
        }
    };
    // A read of standard input cannot be cancelled everywhere, and must not hold the process.
    runtime.shutdown_background();
    logging::flush();
    outcome.unwrap_or_else(|problem| fail(&problem))
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

fn fail(problem: &str) -> ExitCode {
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "{NAME}: {problem}");
    ExitCode::FAILURE
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
    let state = app.clone();
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
        match Box::pin(Handler::new(app).serve(lines)).await {
            Ok(running) => drop(running.waiting().await),
            // Usually a client that ended before it sent `initialize`.
            Err(error) => tracing::debug!("the session did not begin: {error}"),
        }
    });
    let sampled = state.clone();
    let sampling = tokio::spawn(async move { sample_by_setting(&sampled).await });
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
    sampling.abort();
    let record = async {
        let (saved, ()) = tokio::join!(jobs.shut_down(&cause), state.close_all(&cause));
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
