//! Servers that have the same files: with a shell and without, with the programs of GNU and with those of Busybox.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Answer, Client, EmbeddedHost, Folder, Sshd, directory, text};

/// A client of servers that have the same files, and a folder of theirs. Those of sshd are read-only.
pub struct FileServers {
    pub client: Client,
    pub folder: Folder,
    pub data: Folder,
    _sshd: Vec<Sshd>,
    _embedded: EmbeddedHost,
}

/// The configuration of a server whose programs are all of Busybox.
fn with_busybox(folder: &Path) -> String {
    let tools = folder.join("bin");
    std::fs::create_dir(&tools).unwrap();
    let install = ["--install", "-s", &text(&tools)];
    let installed = Command::new("busybox").args(install).status();
    assert!(installed.unwrap().success());
    format!("SetEnv PATH={}", text(&tools))
}

impl FileServers {
    /// A server of each kind, by what it offers.
    pub const ALL: [&str; 4] = ["shell", "busybox", "embedded", "sftp"];

    /// Starts a server of each kind.
    pub async fn start() -> Self {
        Self::of(&Self::ALL).await
    }

    /// Starts servers of these kinds.
    pub async fn of(kinds: &[&str]) -> Self {
        let (folder, data) = (directory(), directory());
        let client = Client::in_process(data.path(), |_| {}).await;
        let embedded = EmbeddedHost::start().await;
        let mut all = Vec::new();
        for kind in kinds {
            let sshd = match *kind {
                "shell" => Sshd::start(),
                "busybox" => Sshd::prepared(with_busybox),
                "sftp" => Sshd::start_with("ForceCommand internal-sftp"),
                other => {
                    client.add(other, &embedded).await;
                    continue;
                }
            };
            let mut login = sshd.login(kind);
            login["readonly"] = json!(true);
            client.register(login).await;
            all.push(sshd);
        }
        Self {
            client,
            folder,
            data,
            _sshd: all,
            _embedded: embedded,
        }
    }

    /// Writes a file, and makes the directories above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        super::write(&path, content);
        text(&path)
    }

    pub fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name))
    }

    /// Calls a tool with a path and further arguments.
    pub async fn call(&self, tool: &'static str, alias: &str, path: &str, more: Value) -> Answer {
        let mut arguments = json!({"alias": alias, "path": path});
        let more = more.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(more);
        self.client.call(tool, arguments).await
    }
}
