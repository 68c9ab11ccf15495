//! The command that tells a person of a question: a notice on the desktop or the phone.

use std::env::consts::EXE_SUFFIX;
use std::path::{MAIN_SEPARATOR, Path};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::process::Command;

use crate::config::Config;
use crate::fs::expand_home;
use crate::shell::argument::{HOME, MANY, ONE, words};

/// The time that such a command may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Such commands that run at once at most. Of more questions, the person is told when they look.
const MOST: usize = 4;

static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Runs `MCP_NOTIFY_COMMAND` with a title and a text as its last arguments, in the background. No shell is between, and
/// no secret is in them.
pub fn notify(config: &Config, title: &str, text: &str) {
    let words = words_to_run(config.notify_command.as_deref().unwrap_or_default());
    let Some((program, arguments)) = words.split_first() else {
        return;
    };
    if RUNNING.fetch_add(1, Ordering::Relaxed) >= MOST {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .args([title, text])
        .env_remove("MCP_SECRET_KEY")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    tokio::spawn(async move {
        let ended = tokio::time::timeout(TIMEOUT, command.status()).await;
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        match ended {
            Ok(Ok(status)) if status.success() => {}
            Ok(Ok(status)) => tracing::warn!("MCP_NOTIFY_COMMAND ended with {status}"),
            Ok(Err(error)) => tracing::warn!("MCP_NOTIFY_COMMAND could not be run: {error}"),
            Err(_) => tracing::warn!("MCP_NOTIFY_COMMAND took more than 10 s and was stopped"),
        }
    });
}

/// The program of `MCP_NOTIFY_COMMAND`, if it is not there.
pub fn missing_notifier(config: &Config) -> Option<String> {
    let words = words_to_run(config.notify_command.as_deref()?);
    let program = words.into_iter().next()?;
    let is_there = if program.contains(MAIN_SEPARATOR) {
        Path::new(&program).is_file()
    } else {
        let directories = std::env::var_os("PATH").unwrap_or_default();
        let names = [program.clone(), format!("{program}{EXE_SUFFIX}")];
        std::env::split_paths(&directories)
            .any(|directory| names.iter().any(|name| directory.join(name).is_file()))
    };
    (!is_there).then_some(program)
}

/// The words of a command that is run without a shell: quotes and backslashes as in one, and `~` at the beginning.
fn words_to_run(text: &str) -> Vec<String> {
    let words = words(text).into_iter().map(|word| {
        let plain = word.text.replace(MANY, "*").replace(ONE, "?");
        match plain.strip_prefix(HOME) {
            Some(rest) => expand_home(&format!("~{rest}")).display().to_string(),
            None => plain,
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_words_and_no_shell_s_text() {
        assert_eq!(
            words_to_run("notify-send -u critical"),
            ["notify-send", "-u", "critical"]
        );
        assert_eq!(words_to_run("'/a b/c' 'x;y' *"), ["/a b/c", "x;y", "*"]);
        assert!(words_to_run("~/bin/tell")[0].ends_with("/bin/tell"));
        assert!(words_to_run("  ").is_empty());
    }
}
