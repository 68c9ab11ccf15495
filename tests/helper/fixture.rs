//! A client with an SSH server and folders: what most tests begin with.

use std::ops::Deref;
use std::path::PathBuf;

use mcp_sftp_orchestrator::config::Config;
use serde_json::{Value, json};

use super::rogue::Rogue;
use super::{Answer, Client, EmbeddedServer, Folder, Sshd, directory, login, text};

/// A server that a client can register.
pub trait SshServer {
    /// The arguments that register it.
    fn login(&self, alias: &str) -> Value;

    /// A path in the home of its user, unless `name` is absolute.
    fn path(&self, name: &str) -> PathBuf;
}

impl SshServer for Sshd {
    fn login(&self, alias: &str) -> Value {
        self.login(alias)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl SshServer for Rogue {
    fn login(&self, alias: &str) -> Value {
        login(alias, self.port)
    }

    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
}

/// An embedded server whose user has a home directory of his own.
pub struct EmbeddedHost {
    server: EmbeddedServer,
    pub home: Folder,
}

impl EmbeddedHost {
    pub async fn start() -> Self {
        let home = directory();
        let server = EmbeddedServer::start(home.path(), None).await.unwrap();
        Self { server, home }
    }

    /// Ends the server and leaves the home directory.
    pub fn stop(self) -> Folder {
        self.home
    }
}

impl Deref for EmbeddedHost {
    type Target = EmbeddedServer;

    fn deref(&self) -> &EmbeddedServer {
        &self.server
    }
}

impl SshServer for EmbeddedHost {
    fn login(&self, alias: &str) -> Value {
        login(alias, self.server.address().port())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

/// A client in this process, a server registered as `web1`, and folders.
pub struct Fixture<S = Sshd> {
    pub client: Client,
    pub server: S,
    /// The data directory.
    pub data: Folder,
    /// Files on this machine.
    pub files: Folder,
}

impl Fixture {
    /// Starts with sshd.
    pub async fn start() -> Self {
        Self::with(Sshd::start()).await
    }
}

impl Fixture<EmbeddedHost> {
    /// Starts with an embedded server.
    pub async fn embedded() -> Self {
        Self::with(EmbeddedHost::start().await).await
    }

    /// The same where `change` alters the client's configuration.
    pub async fn embedded_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::configured(EmbeddedHost::start().await, change).await
    }
}

impl<S: SshServer> Fixture<S> {
    pub async fn with(server: S) -> Self {
        Self::configured(server, |_| {}).await
    }

    /// The same where `change` alters the client's configuration.
    pub async fn configured(server: S, change: impl FnOnce(&mut Config)) -> Self {
        let data = directory();
        let client = Client::in_process(data.path(), change).await;
        client.register(server.login("web1")).await;
        Self {
            client,
            server,
            data,
            files: directory(),
        }
    }

    /// Runs a command on `web1`.
    pub async fn exec(&self, cmd: &str) -> Answer {
        self.client.exec("web1", cmd).await
    }

    /// Starts a command on `web1` in the background.
    pub async fn background(&self, cmd: &str) -> Answer {
        let arguments = json!({"alias": "web1", "cmd": cmd, "background": true});
        self.client.call("task_exec", arguments).await.ok()
    }

    /// A path below `files`.
    pub fn here(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A path on the server.
    pub fn there(&self, name: &str) -> PathBuf {
        self.server.path(name)
    }

    /// A path below `files`, as an argument.
    pub fn local(&self, name: &str) -> String {
        text(&self.here(name))
    }

    /// A path on the server, as an argument.
    pub fn remote(&self, name: &str) -> String {
        text(&self.there(name))
    }

    /// The arguments that transfer one path.
    pub fn arguments(&self, direction: &str, local: &str, remote: &str) -> Value {
        json!({
            "alias": "web1", "direction": direction,
            "local": self.local(local), "remote": self.remote(remote),
        })
    }

    /// Transfers one path.
    pub async fn transfer(&self, direction: &str, local: &str, remote: &str) -> Answer {
        let arguments = self.arguments(direction, local, remote);
        self.client.call("task_transfer", arguments).await
    }

    /// Transfers pairs of paths, or patterns, in one call.
    pub async fn transfer_all(&self, direction: &str, pairs: &[(&str, &str)]) -> Answer {
        let pair = |(local, remote): &(&str, &str)| json!({"local": self.local(local), "remote": self.remote(remote)});
        let files: Vec<_> = pairs.iter().map(pair).collect();
        let arguments = json!({"alias": "web1", "direction": direction, "files": files});
        self.client.call("task_transfer_multi", arguments).await
    }
}
