//! References to secrets that are kept elsewhere and fetched when they are needed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::fs::{expand_home, small_file};

/// The time allowed for fetching a secret. A password manager may ask for a fingerprint or a touch first.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes that a secret may have.
pub const LONGEST: usize = small_file::LONGEST;

/// The place where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// An environment variable.
    Variable(String),
    /// A file.
    File(String),
    /// The output of a command that the shell runs.
    Command(String),
}

impl Reference {
    /// Parses a text; `None` if it is the secret itself.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let rest = rest.to_owned();
        match kind {
            "env" => Some(Self::Variable(rest)),
            "file" => Some(Self::File(rest)),
            "cmd" => Some(Self::Command(rest)),
            _ => None,
        }
    }

    /// Fetches the secret. The error completes a sentence that names the reference. `own` is the data directory.
    pub(super) async fn fetch(&self, own: &Path) -> Result<String, String> {
        let fetched = match self {
            Self::Variable(name) => {
                std::env::var(name).map_err(|_| format!("the variable `{name}` is not set"))
            }
            Self::File(path) => in_time("its file", read_file(path, own)).await,
            Self::Command(command) => in_time("its command", run(command)).await,
        }?;
        // Editors and commands add a line break that does not belong to the secret.
        let secret = fetched.strip_suffix('\n').unwrap_or(&fetched);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        if secret.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(secret.to_owned())
    }
}

async fn in_time(
    what: &str,
    fetching: impl Future<Output = Result<String, String>>,
) -> Result<String, String> {
    let fetched = timeout(FETCH_TIMEOUT, fetching).await;
    fetched.unwrap_or_else(|_| Err(format!("{what} took more than {FETCH_TIMEOUT:?}")))
}

/// Reads a file. A server can have put a symbolic link in its place, by a download, and would be sent what that
/// leads to: it must not be this program's own secrets, in files or in its environment.
async fn read_file(path: &str, own: &Path) -> Result<String, String> {
    let (file, own) = (expand_home(path), own.to_owned());
    let reading = tokio::task::spawn_blocking(move || {
        small_file::read_text_outside(&file, &[&own, Path::new("/proc")])
    });
    let read = reading.await.map_err(|error| error.to_string())?;
    read.map_err(|error| format!("`{path}` cannot be read: {error}"))
}

async fn run(command: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("its command cannot be run: {error}");
    let (shell, option) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut process = Command::new(shell)
        .args([option, command])
        .env_remove("MCP_SECRET_KEY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Its error messages may quote the secret.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut text = String::new();
    if let Some(stdout) = process.stdout.take() {
        let mut stdout = stdout.take(LONGEST as u64 + 1);
        stdout.read_to_string(&mut text).await.map_err(failed)?;
    }
    if text.len() > LONGEST {
        return Err(format!("its command prints more than {LONGEST} bytes"));
    }
    let status = process.wait().await.map_err(failed)?;
    if status.success() {
        Ok(text)
    } else {
        Err(format!("its command failed ({status})"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    async fn fetch(text: &str) -> Result<String, String> {
        Reference::of(text).unwrap().fetch(Path::new("/none")).await
    }

    #[tokio::test]
    async fn a_secret_is_fetched_from_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "hunter2\r\n").unwrap();
        let file = format!("file:{}", path.display());
        assert_eq!(fetch(&file).await.unwrap(), "hunter2");
        assert_eq!(fetch("cmd:printf 'a b\\n'").await.unwrap(), "a b");
        assert!(!fetch("env:PATH").await.unwrap().is_empty());
        assert_eq!(Reference::of("hunter2:x"), None);
    }

    #[tokio::test]
    async fn what_fails_says_no_secret() {
        let failed = fetch("cmd:echo hunter2; echo hunter3 >&2; exit 3").await;
        assert_eq!(failed.unwrap_err(), "its command failed (exit status: 3)");
        assert!(fetch("cmd:true").await.is_err() && fetch("env:NO_SUCH").await.is_err());
    }

    #[tokio::test]
    async fn nothing_is_read_without_limit() {
        let endless = fetch("cmd:yes hunter2").await.unwrap_err();
        assert_eq!(endless, "its command prints more than 65536 bytes");
        let endless = fetch("file:/dev/zero").await.unwrap_err();
        assert!(endless.contains("is not a regular file"), "{endless}");
    }
}
