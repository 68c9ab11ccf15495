//! OpenSSH's agent, on a socket of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// A running ssh-agent. It ends when dropped.
pub struct Agent {
    pub socket: PathBuf,
    process: Child,
}

impl Agent {
    /// Starts it with its socket in this folder.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with these variables.
    pub fn start_with(folder: &Path, variables: &[(&str, &str)]) -> Self {
        Self::start_at(folder.join("agent"), variables)
    }

    /// The same with its socket there.
    pub fn start_at(socket: PathBuf, variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(process.try_wait().unwrap().is_none() && Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { socket, process }
    }

    /// Gives it a key, with the certificate beside it.
    pub fn add(&self, key: &Path) {
        self.add_as(key, &["-q"]);
    }

    /// The same with these options.
    pub fn add_as(&self, key: &Path, options: &[&str]) {
        let added = Command::new("ssh-add")
            .args(options)
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(added.success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
