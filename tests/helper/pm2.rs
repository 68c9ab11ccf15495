//! A stand-in for PM2's daemon: a process of its name, with the file in which PM2 notes it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// It ends when dropped.
pub struct Pm2Daemon(Child);

impl Pm2Daemon {
    /// Starts it for the user of that home.
    pub fn start(home: &Path) -> Self {
        let process = Command::new("/bin/sh")
            .arg0("PM2 v6: God Daemon")
            .args(["-c", "read end"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        std::fs::create_dir_all(home.join(".pm2")).unwrap();
        std::fs::write(home.join(".pm2/pm2.pid"), process.id().to_string()).unwrap();
        Self(process)
    }
}

impl Drop for Pm2Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
