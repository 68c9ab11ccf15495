//! Servers that OpenSSH's and the embedded one cannot be, by Python's asyncssh.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::{Folder, directory, keygen};

/// A server by a script of its own, which prints its port. It ends when dropped.
pub struct AsyncSsh {
    process: Child,
    pub port: u16,
    _folder: Folder,
}

impl AsyncSsh {
    /// Starts the script with a host key and these arguments. `None`, said, where Python has no asyncssh.
    pub fn start(script: &str, arguments: &[&str]) -> Option<Self> {
        let folder = directory();
        let key = folder.path().join("host");
        keygen(&key, &["-t", "ed25519"]);
        for python in ["/usr/bin/python3", "python3"] {
            let started = Command::new(python)
                .args(["-W", "ignore", "-c", script])
                .arg(&key)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut process) = started else { continue };
            let mut line = String::new();
            let said = BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line);
            if let (Ok(_), Ok(port)) = (said, line.trim().parse()) {
                return Some(Self {
                    process,
                    port,
                    _folder: folder,
                });
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        eprintln!("not run with asyncssh: Python does not have it");
        None
    }
}

impl Drop for AsyncSsh {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
