//! A client with an SSH server and folders: what most tests begin with.

use std::ops::Deref;
use std::path::PathBuf;

use mcp_sftp_orchestrator::config::Config;
use serde_json::{Value, json};

use super::rogue::Rogue;
use super::{
    Answer, Client, EmbeddedServer, Folder, RawProcess, Sshd, directory, eventually, login, noise,
    read_json, text,
};

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
///
/// Tests that start clients of their own have `()` for the client.
pub struct Fixture<S = Sshd, C = Client> {
    pub client: C,
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

    /// Starts with sshd, and transfers stay inside `root`, a link to the directory `inside`; beside it
    /// lies `outside`.
    pub async fn rooted() -> Self {
        let fixture = Fixture::of(Sshd::start());
        for name in ["inside", "outside"] {
            std::fs::create_dir(fixture.here(name)).unwrap();
        }
        let root = fixture.here("root");
        std::os::unix::fs::symlink("inside", &root).unwrap();
        let change = |config: &mut Config| config.allowed_roots = vec![root];
        fixture.connected(change).await.registered().await
    }
}

impl Fixture<EmbeddedHost> {
    /// Starts with an embedded server.
    pub async fn embedded() -> Self {
        Self::with(EmbeddedHost::start().await).await
    }

    /// Begins the upload of a large file to `target`, and returns the task's ID once its part file is there.
    pub async fn begin_large_upload(&self) -> Value {
        let there = || std::fs::read_dir(self.server.home.path()).unwrap().count();
        let (big, before) = (self.files.path().join("big"), there());
        std::fs::write(&big, noise(64 * 1024 * 1024)).unwrap();
        let arguments = json!({
            "alias": "web1", "direction": "upload", "local": big, "remote": "target", "background": true,
        });
        let handed = self.client.call("task_transfer", arguments).await.ok();
        eventually("the transfer is under way", || there() == before + 1).await;
        handed.facts()["id"].clone()
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
        let fixture = Fixture::of(server).connected(change).await;
        fixture.registered().await
    }

    /// Registers the server as `web1`.
    pub async fn registered(self) -> Self {
        self.client.register(self.server.login("web1")).await;
        self
    }

    /// Runs a command on `web1`.
    pub async fn exec(&self, cmd: &str) -> Answer {
        self.client.exec("web1", cmd).await
    }

    /// Starts a command on `web1` in the background.
    pub async fn background(&self, cmd: &str) -> Answer {
        let arguments = json!({"alias": "web1", "cmd": cmd, "background": true, "detach": false});
        self.client.call("task_exec", arguments).await.ok()
    }

    /// Transfers one path.
    pub async fn transfer(&self, direction: &str, local: &str, remote: &str) -> Answer {
        let arguments = self.arguments(direction, local, remote);
        self.client.call("task_transfer", arguments).await
    }

    /// Transfers pairs of paths, or patterns, in one call.
    pub async fn transfer_all(&self, direction: &str, pairs: &[(&str, &str)]) -> Answer {
        let arguments = self.all_arguments("web1", direction, pairs);
        self.client.call("task_transfer_multi", arguments).await
    }
}

impl<S> Fixture<S, ()> {
    /// A server of which no client knows, and folders.
    pub fn of(server: S) -> Self {
        Self {
            client: (),
            server,
            data: directory(),
            files: directory(),
        }
    }

    /// Starts a client, which does not know the server yet; `change` alters its configuration.
    pub async fn connected(self, change: impl FnOnce(&mut Config)) -> Fixture<S> {
        Fixture {
            client: Client::in_process(self.data.path(), change).await,
            server: self.server,
            data: self.data,
            files: self.files,
        }
    }

    /// Starts a process for the data directory; what it writes to standard error is added to [`Self::log`].
    pub async fn serve(&self, settings: &[(&str, &str)]) -> RawProcess {
        RawProcess::serving(self.data.path(), settings, &self.log()).await
    }

    pub fn log(&self) -> PathBuf {
        self.here("stderr")
    }

    /// Everything that the processes have written to standard error.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    /// Waits until the log holds `text`: a thread of its own writes it.
    pub async fn until_said(&self, text: &str) {
        eventually(text, || self.said().contains(text)).await;
    }
}

impl<S, C> Fixture<S, C> {
    /// A path below `files`.
    pub fn here(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A path below `files`, as an argument.
    pub fn local(&self, name: &str) -> String {
        text(&self.here(name))
    }

    /// A path in the data directory.
    pub fn stored(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// Changes a file of the data directory, as a person would.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut content = read_json(&self.stored(name));
        change(&mut content);
        std::fs::write(self.stored(name), content.to_string()).unwrap();
    }
}

impl<S: SshServer, C> Fixture<S, C> {
    /// A path on the server.
    pub fn there(&self, name: &str) -> PathBuf {
        self.server.path(name)
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

    /// The arguments that transfer pairs of paths, or patterns, in one call.
    pub fn all_arguments(&self, alias: &str, direction: &str, pairs: &[(&str, &str)]) -> Value {
        let pair = |(local, remote): &(&str, &str)| json!({"local": self.local(local), "remote": self.remote(remote)});
        let files: Vec<_> = pairs.iter().map(pair).collect();
        json!({"alias": alias, "direction": direction, "files": files})
    }
}
