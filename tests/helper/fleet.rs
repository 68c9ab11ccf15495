//! A client with several servers.

use std::path::PathBuf;

use mcp_sftp_orchestrator::config::Config;
use serde_json::{Value, json};

use super::{Answer, Client, EmbeddedHost, Folder, SshServer, directory};

/// A client in this process, and embedded servers that it knows as `w1`, `w2`, ….
pub struct Fleet {
    pub client: Client,
    pub hosts: Vec<EmbeddedHost>,
    /// The data directory.
    pub data: Folder,
}

impl Fleet {
    pub async fn of(count: usize) -> Self {
        Self::configured(count, |_| {}).await
    }

    /// The same where `change` alters the client's configuration.
    pub async fn configured(count: usize, change: impl FnOnce(&mut Config)) -> Self {
        let data = directory();
        let client = Client::in_process(data.path(), change).await;
        let fleet = Self {
            hosts: hosts(count).await,
            client,
            data,
        };
        fleet.register(&fleet.client).await;
        fleet
    }

    /// Registers all servers.
    async fn register(&self, client: &Client) {
        for (index, host) in self.hosts.iter().enumerate() {
            client.register(login_of(index, host)).await;
        }
    }

    /// Runs a command on several servers, with more arguments.
    pub async fn exec(&self, servers: &str, cmd: &str, more: Value) -> Answer {
        let mut arguments = json!({"alias": servers, "cmd": cmd});
        let more = more.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(more);
        self.client.call("task_exec", arguments).await
    }

    /// A file in the home directory of each server.
    pub fn paths(&self, name: &str) -> Vec<PathBuf> {
        self.hosts.iter().map(|host| host.path(name)).collect()
    }

    /// The servers, by number from 1, on which such a file is there.
    pub fn with_file(&self, name: &str) -> Vec<usize> {
        let paths = self.paths(name).into_iter().enumerate();
        let there = paths.filter(|(_, path)| path.exists());
        there.map(|(index, _)| index + 1).collect()
    }
}

/// Embedded servers.
pub async fn hosts(count: usize) -> Vec<EmbeddedHost> {
    let mut hosts = Vec::new();
    for _ in 0..count {
        hosts.push(EmbeddedHost::start().await);
    }
    hosts
}

/// The arguments that register the server of this index, from 0.
pub fn login_of(index: usize, host: &EmbeddedHost) -> Value {
    host.login(&format!("w{}", index + 1))
}
