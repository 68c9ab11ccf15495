//! A keyring that keeps secrets, apart from that of the user who runs the tests.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Folder, directory, eventually, text};

/// A session bus with an unlocked keyring on it, both gone when dropped.
pub struct Keyring {
    place: Folder,
    processes: Vec<Child>,
}

impl Keyring {
    /// Starts both. `None`, said, where their programs are not there.
    pub async fn start() -> Option<Self> {
        let programs = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"];
        let path = std::env::var_os("PATH").unwrap();
        let missing = |name: &&&str| {
            let mut places = std::env::split_paths(&path);
            !places.any(|place| place.join(name).exists())
        };
        if let Some(name) = programs.iter().find(missing) {
            eprintln!("not run: {name} is not there");
            return None;
        }
        let mut keyring = Self {
            place: directory(),
            processes: Vec::new(),
        };
        let place = keyring.place.path();
        // Nothing is started by the bus.
        let configuration = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
            text(&place.join("bus"))
        );
        std::fs::write(place.join("bus.conf"), configuration).unwrap();
        let bus = keyring.command("dbus-daemon");
        keyring.begin(
            bus,
            &[
                "--nofork",
                "--config-file",
                &text(&keyring.place.path().join("bus.conf")),
            ],
            "",
        );
        eventually("the bus is there", || {
            keyring.place.path().join("bus").exists()
        })
        .await;
        let daemon = keyring.command("gnome-keyring-daemon");
        keyring.begin(
            daemon,
            &["--foreground", "--unlock", "--components=secrets"],
            "pw",
        );
        eventually("the keyring is there", || {
            let asked = keyring
                .command("dbus-send")
                .args([
                    "--session",
                    "--print-reply",
                    "--dest=org.freedesktop.DBus",
                    "/",
                ])
                .args([
                    "org.freedesktop.DBus.NameHasOwner",
                    "string:org.freedesktop.secrets",
                ])
                .output();
            String::from_utf8(asked.unwrap().stdout)
                .unwrap()
                .contains("true")
        })
        .await;
        Some(keyring)
    }

    /// The variables that lead a process to it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| text(&self.place.path().join(name));
        vec![
            ("MCP_KEYRING", "true".to_owned()),
            (
                "DBUS_SESSION_BUS_ADDRESS",
                format!("unix:path={}", path("bus")),
            ),
            ("HOME", path("")),
            ("XDG_RUNTIME_DIR", path("")),
            ("XDG_DATA_HOME", path("share")),
            ("XDG_CONFIG_HOME", path("config")),
            ("XDG_CACHE_HOME", path("cache")),
        ]
    }

    /// Its runtime directory, in which the bus listens.
    pub fn runtime(&self) -> &Path {
        self.place.path()
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.envs(self.settings()).stderr(Stdio::null());
        command
    }

    fn begin(&mut self, mut command: Command, arguments: &[&str], input: &str) {
        let mut process = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        process
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        self.processes.push(process);
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
