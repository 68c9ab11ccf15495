//! Programs of others that `tests/run` installs for the tests alone.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use super::{PATIENCE, apart};

/// The path of a program or its directory; `None`, said, where it is not installed.
pub fn test_tool(place: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/test-tools")
        .join(place);
    if path.exists() {
        return Some(path);
    }
    eprintln!("not run: tests/run has not installed {place}");
    None
}

/// The path of a script that drives the server from outside.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// Runs a program to its end, in a home directory of its own.
pub async fn run_apart(program: &Path, home: &Path, arguments: &[&str]) -> Output {
    let mut command = apart(Command::new(program));
    command
        .args(arguments)
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null());
    tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("it ends")
        .unwrap()
}

/// Everything that a program has printed.
pub fn printed(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams
        .map(|stream| String::from_utf8_lossy(stream))
        .join("")
}
