//! The work of each command.

use std::io::{self, Write};
use std::process::ExitCode;

use super::documents::{completions, manual};
use super::options::ApproveOptions;
use super::{AuditCommand, Command};
use crate::approval::{self, PersonAnswer};
use crate::config::{Config, Overrides};
use crate::console::ConsoleError;
#[cfg(all(unix, not(target_os = "macos")))]
use crate::login_session::BUS_VARIABLE;
use crate::{audit, demo, doctor, install, red_button};

/// Does what a command says. The result is a sentence about what went wrong, or the program's exit status.
pub async fn run(command: Command, overrides: Overrides) -> Result<ExitCode, String> {
    let out = &mut io::stdout();
    let load = |overrides: &Overrides| Config::load(overrides).inspect(reach_keyring);
    match command {
        Command::Install(options) => {
            install::install(&options.request(overrides), out).map_err(told)?;
        }
        Command::Uninstall(options) => {
            install::uninstall(&options.request(), out).map_err(told)?;
        }
        Command::Permissions(asked) => {
            install::permissions(&asked.client, asked.name.as_deref(), asked.tier, out)
                .map_err(told)?;
        }
        Command::Demo => demo::run(out).await.map_err(told)?,
        Command::Doctor(options) => match options.request(overrides) {
            Ok(request) => {
                let is_well = doctor::run_as(&request, out)?;
                // The other process has printed its findings.
                return Ok(ExitCode::from(u8::from(!is_well)));
            }
            Err(overrides) => {
                if !doctor::run(load(&overrides)?, out).await.map_err(told)? {
                    return Err("not all is well".to_owned());
                }
            }
        },
        Command::Tasks(tasks) => quiet(tasks.run(load(&overrides)?, out).await)?,
        Command::Show(show) => quiet(show.run(load(&overrides)?, out).await)?,
        Command::Cancel(cancel) => return cancel.run(load(&overrides)?, out).await.map_err(told),
        Command::Undo(undo) => return undo.run(load(&overrides)?, out).await.map_err(told),
        Command::Watch(watch) => quiet(watch.run(load(&overrides)?).await)?,
        Command::Web(web) => quiet(web.run(load(&overrides)?, out).await)?,
        Command::Audit(AuditCommand::Show(show)) => {
            quiet(show.run(load(&overrides)?, out).await)?;
        }
        Command::Audit(AuditCommand::Verify) => verify_audit(&Config::load(&overrides)?, out)?,
        Command::Approve(options) => approve(&Config::load(&overrides)?, &options, out)?,
        Command::Deny { id } => {
            let config = Config::load(&overrides)?;
            approval::answer(&config, &id, PersonAnswer::No, false, out).map_err(told)?;
        }
        Command::Stop(stop) => {
            if !red_button::stop(load(&overrides)?, stop.what, out)
                .await
                .map_err(told)?
            {
                return Err("not all has ended; nothing new begins".to_owned());
            }
        }
        Command::Resume(resume) => {
            red_button::resume(&Config::load(&overrides)?, resume.alias, out).map_err(told)?;
        }
        Command::Completions { shell } => completions(shell, out).map_err(told)?,
        Command::Man => manual(out).map_err(told)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The result of a command that prints, whose reader may go before the end.
fn quiet(result: Result<(), ConsoleError>) -> Result<(), String> {
    match result {
        Err(error) if !error.is_gone_reader() => Err(told(error)),
        _ => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
fn told(problem: impl ToString) -> String {
    problem.to_string()
}

fn approve(config: &Config, options: &ApproveOptions, out: &mut impl Write) -> Result<(), String> {
    let done = match (&options.id, &options.forget) {
        (Some(alias), Some(command)) => approval::forget(config, alias, command, out),
        (Some(id), None) => approval::answer(config, id, PersonAnswer::Yes, options.always, out),
        (None, _) => approval::list(config, out),
    };
    done.map_err(told)
}

fn verify_audit(config: &Config, out: &mut impl Write) -> Result<(), String> {
    let verified = audit::verify(&config.data_dir).map_err(told)?;
    if let Some(problem) = verified.problem {
        return Err(problem);
    }
    writeln!(
        out,
        "{} lines in {} files are in order{}\n{}last: {}",
        verified.lines,
        verified.files,
        verified.remarks(),
        verified.open_calls(),
        verified.last
    )
    .map_err(told)
}

/// Replaces this process with a new one of this program that has the address of the session's bus in its
/// environment, if the client did not pass that on and the bus is found.
///
/// The keyring's library takes the address from the environment alone, and a process with threads cannot change
/// its environment safely. Nothing has been read or written yet. The new process has the address, so this happens
/// once. If it fails, the keyring is not reached, and an error says so when it is needed.
#[cfg(all(unix, not(target_os = "macos")))]
pub fn reach_keyring(config: &Config) {
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
pub fn reach_keyring(_: &Config) {}
