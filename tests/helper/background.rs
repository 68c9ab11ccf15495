//! Work in the background on a real sshd, where either side may go away.

use serde_json::{Value, json};

use super::{Answer, Client, Folder, Sshd, directory, eventually};

/// A client and a server, of which either may go away.
pub struct BackgroundScene {
    pub sshd: Sshd,
    pub data: Folder,
    pub client: Client,
}

impl BackgroundScene {
    pub async fn new() -> Self {
        Self::on(Sshd::start()).await
    }

    /// The same on this server.
    pub async fn on(sshd: Sshd) -> Self {
        let data = directory();
        let client = Client::spawned(data.path(), &[]).await;
        client.register(sshd.login("web1")).await;
        Self { sshd, data, client }
    }

    /// Starts work in the background.
    pub async fn begin(&self, tool: &'static str, work: Value) -> Answer {
        let mut arguments = json!({"alias": "web1", "background": true});
        let work = work.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(work);
        self.client.call(tool, arguments).await.ok()
    }

    /// Kills the client, and takes another.
    pub async fn replace_client(self) -> Self {
        self.client.kill().await;
        let client = Client::spawned(self.data.path(), &[]).await;
        Self { client, ..self }
    }

    pub async fn end_of(&self, begun: &Answer) -> Answer {
        self.client.wait(&begun.facts()["id"]).await.ok()
    }

    pub async fn is_cleared_away(&self) {
        let places = self.sshd.directory.path().join(".mcp-sftp-orchestrator");
        eventually("it is cleared away", || {
            std::fs::read_dir(&places).is_ok_and(|entries| entries.count() == 0)
        })
        .await;
    }
}
