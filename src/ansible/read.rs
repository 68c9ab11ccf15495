//! Reading an inventory: the file itself where it is what `ansible-inventory --list` prints, else what that
//! program prints about it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::host::InventoryHost;
use super::inventory::hosts;
use crate::error::Error;
use crate::fs::{blocking, small_file};

/// The most bytes of an inventory.
const LONGEST: usize = 16 * 1024 * 1024;
/// The time allowed for the program.
const PATIENCE: Duration = Duration::from_secs(30);
/// The program that reads inventories of every kind.
const PROGRAM: &str = "ansible-inventory";

/// Settings of the program: it only reads files, and fails where it cannot. A script or a plugin would run on this
/// machine.
const SETTINGS: [(&str, &str); 2] = [
    ("ANSIBLE_INVENTORY_ENABLED", "ini,yaml"),
    ("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true"),
];
/// Variables that it is not to see.
const HIDDEN: [&str; 2] = ["MCP_SECRET_KEY", "ANSIBLE_VAULT_PASSWORD_FILE"];

/// The hosts of the inventory at `path`.
pub(crate) async fn read(path: PathBuf) -> Result<Vec<InventoryHost>, Error> {
    let path = blocking(move || path.canonicalize().map_err(|error| refused(&error))).await?;
    if !path.is_dir() {
        let file = path.clone();
        let bytes = blocking(move || {
            small_file::read_up_to(&file, LONGEST).map_err(|error| refused(&error))
        });
        let bytes = bytes.await?;
        if let Some(found) = std::str::from_utf8(&bytes).ok().and_then(hosts) {
            return Ok(found);
        }
    }
    let listed = timeout(PATIENCE, list(&path)).await;
    let listed = listed.unwrap_or_else(|_| Err(failed("does not end")))?;
    hosts(&listed).ok_or_else(|| failed("prints no inventory"))
}

/// Runs the program on a file or a directory of files, and returns what it prints.
async fn list(path: &Path) -> Result<String, Error> {
    let mut command = Command::new(PROGRAM);
    command.arg("-i").arg(path).arg("--list").envs(SETTINGS);
    for name in HIDDEN {
        command.env_remove(name);
    }
    // Its words on a file may quote a secret.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // A configuration file in the working directory could have it run programs, too.
    let child = command.current_dir("/").kill_on_drop(true).spawn();
    let mut child = child.map_err(|_| {
        let problem = format!(
            "is not JSON as `{PROGRAM} --list` prints it, and that program cannot be run here; give the file that it prints elsewhere"
        );
        Error::invalid("inventory", problem)
    })?;
    let mut printed = Vec::new();
    if let Some(output) = child.stdout.take() {
        let read = output.take(LONGEST as u64).read_to_end(&mut printed).await;
        read.map_err(|error| refused(&error))?;
    }
    let ended = child.wait().await.map_err(|error| refused(&error))?;
    let text = String::from_utf8(printed).ok().filter(|_| ended.success());
    text.ok_or_else(|| failed("fails"))
}

fn refused(error: &std::io::Error) -> Error {
    Error::invalid("inventory", format!("cannot be read: {error}"))
}

/// The error that the program does not list it.
fn failed(problem: &str) -> Error {
    let problem = format!(
        "is not JSON as `{PROGRAM} --list` prints it, and `{PROGRAM}` {problem} on it; inventories that are scripts or need plugins are not run: give the JSON"
    );
    Error::invalid("inventory", problem)
}
