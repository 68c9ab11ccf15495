//! The steps of the tour.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::connection::{PASSWORD, USER};
use super::server::EmbeddedServer;
use super::tour::{Tour, TourFailure, expect, expect_refusal, facts_of, text_of, unexpected};

/// The length of the file that is uploaded.
const FILE_BYTES: usize = 32 << 20;
/// The bytes of it after which the connection is cut.
const CUT_AFTER_BYTES: u64 = 20 << 20;
/// The servers of one call, and the release that each of them says.
const FLEET: [(&str, &str); 5] = [
    ("web1", "2.4.1"),
    ("web2", "2.4.1"),
    ("web3", "2.3.9"),
    ("web4", "2.4.1"),
    ("web5", "2.4.1"),
];

impl<W: Write> Tour<'_, W> {
    /// Takes all steps, in a directory of the tour's own.
    pub(super) async fn walk(
        &mut self,
        server: &EmbeddedServer,
        directory: &Path,
    ) -> Result<(), TourFailure> {
        self.commands(server).await?;
        self.edit().await?;
        self.transfer(server, directory).await?;
        self.kill().await?;
        self.host_key(server).await?;
        self.fleet(directory).await?;
        self.queue().await
    }

    async fn commands(&mut self, server: &EmbeddedServer) -> Result<(), TourFailure> {
        self.title("Add a server, and run a command")?;
        self.call("server_add", entry("demo", server)).await?;
        let run = json!({"alias": "demo", "cmd": "echo \"hello from $(pwd)\""});
        let ran = self.call("task_exec", run).await?;
        let expected = "status completed and exit status 0";
        expect("task_exec", expected, &ran, |facts| {
            facts["status"] == "completed" && facts["exitCode"] == 0
        })?;

        self.title("A command that fails is a fact, not a fault")?;
        let failing = json!({"alias": "demo", "cmd": "echo 'no such service' >&2; exit 3"});
        let failed = self.call("task_exec", failing).await?;
        let expected = "status failed, exit status 3 and stderr";
        expect("task_exec", expected, &failed, |facts| {
            facts["status"] == "failed"
                && facts["exitCode"] == 3
                && facts["stderr"] == "no such service"
        })
    }

    async fn edit(&mut self) -> Result<(), TourFailure> {
        self.title("An edit whose check fails is taken back before the answer comes")?;
        let write = json!({"alias": "demo", "path": "~/app.conf", "content": "port = 8080\n"});
        let written = self.call("file_write", write).await?;
        expect("file_write", "success", &written, |_| true)?;
        let edit = json!({
            "alias": "demo", "path": "~/app.conf", "edits": [{"old": "8080", "new": "80a"}],
            "check": "grep -Eq '^port = [0-9]+$' ~/app.conf || { echo 'app.conf: not a port'; exit 1; }",
        });
        let edited = self.call("file_edit", edit).await?;
        expect_refusal("file_edit", "CHECK_FAILED", &edited)?;
        let read = json!({"alias": "demo", "cmd": "cat ~/app.conf"});
        let read = self.call("task_exec", read).await?;
        expect("task_exec", "the old content", &read, |facts| {
            facts["output"] == "port = 8080"
        })
    }

    async fn transfer(
        &mut self,
        server: &EmbeddedServer,
        directory: &Path,
    ) -> Result<(), TourFailure> {
        self.title("A file goes up, and its connection is cut in the middle")?;
        let here = directory.join("report.bin");
        let words = 0..u32::try_from(FILE_BYTES / 4).unwrap_or(u32::MAX);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        std::fs::write(&here, &bytes)?;
        server.cut_after(CUT_AFTER_BYTES);
        let upload = json!({
            "alias": "demo", "direction": "upload", "local": here, "remote": "new/folder/report.bin",
        });
        let uploaded = self.call("task_transfer", upload).await?;
        let uploaded = self.wait(uploaded).await?;
        let expected = "every byte, and that it went on where it was";
        expect("task_transfer", expected, &uploaded, |facts| {
            facts["bytes"] == bytes.len() && facts["resumedBytes"].as_u64() > Some(0)
        })?;
        let there = std::fs::read(directory.join("server/new/folder/report.bin"))?;
        if there != bytes {
            return Err(unexpected("compare", "the same bytes", "other bytes"));
        }
        let resumed = &facts_of(&uploaded)["resumedBytes"];
        self.say(&format!(
            "it went on after {resumed} bytes; compared: the two files are the same"
        ))?;
        Ok(())
    }

    async fn kill(&mut self) -> Result<(), TourFailure> {
        self.title("This program is killed in the middle of a task, and finds it again")?;
        let long = json!({"alias": "demo", "cmd": "sleep 1; echo done", "detach": true});
        let begun = self.call("task_exec", long).await?;
        expect("task_exec", "status running", &begun, |facts| {
            facts["status"] == "running"
        })?;
        let id = facts_of(&begun)["id"].clone();
        self.client.kill_and_start().await?;
        self.say("kill -9, and started again")?;
        let waited = self.call("task_wait", json!({"id": id})).await?;
        let expected = "the output of the same task";
        expect("task_wait", expected, &waited, |facts| {
            facts["id"] == id && facts["status"] == "completed" && facts["output"] == "done"
        })
    }

    async fn host_key(&mut self, server: &EmbeddedServer) -> Result<(), TourFailure> {
        self.title("Another host key is refused, until a person says that it is right")?;
        server.change_host_key()?;
        let run = json!({"alias": "demo", "cmd": "true"});
        let refused = self.call("task_exec", run.clone()).await?;
        expect_refusal("task_exec", "HOST_KEY_MISMATCH", &refused)?;
        let shown = self.call("server_trust", json!({"alias": "demo"})).await?;
        let fingerprint = text_of(&shown);
        let mut words = fingerprint
            .split(|character: char| character.is_whitespace() || matches!(character, '"' | ','));
        let fingerprint = words.find(|word| word.starts_with("SHA256:"));
        let trust = json!({"alias": "demo", "fingerprint": fingerprint});
        let trusted = self.call("server_trust", trust).await?;
        expect("server_trust", "success", &trusted, |_| true)?;
        let ran = self.call("task_exec", run).await?;
        expect("task_exec", "exit status 0", &ran, |facts| {
            facts["exitCode"] == 0
        })
    }

    async fn fleet(&mut self, directory: &Path) -> Result<(), TourFailure> {
        self.title("Five servers in one call")?;
        let mut servers = Vec::new();
        for (alias, release) in FLEET {
            let home = directory.join(alias);
            std::fs::create_dir(&home)?;
            std::fs::write(home.join("release"), release)?;
            let server = EmbeddedServer::start(&home).await?;
            let mut entry = entry(alias, &server);
            entry["tags"] = json!(["web"]);
            self.call_silently("server_add", entry).await?;
            servers.push(server);
        }
        self.say("web1 to web5 were added, with the tag web")?;
        let ask = json!({"alias": "tag:web", "cmd": "cat release"});
        let answer = self.call("task_exec", ask).await?;
        let text = text_of(&answer);
        let is_folded = text.contains("(4)") && text.matches("2.4.1").count() == 1;
        if is_folded && text.contains("2.3.9") {
            Ok(())
        } else {
            let expected = "once what is the same on four, and the fifth";
            Err(unexpected("task_exec", expected, &text))
        }
    }

    async fn queue(&mut self) -> Result<(), TourFailure> {
        self.title("What was done")?;
        let stats = self.call("queue_stats", json!({})).await?;
        expect(
            "queue_stats",
            "the 10 tasks of this tour",
            &stats,
            |facts| facts["stats"]["total"] == 10,
        )
    }
}

/// The arguments of `server_add` for a server of the tour.
fn entry(alias: &str, server: &EmbeddedServer) -> Value {
    let address = server.address();
    json!({
        "alias": alias, "host": address.ip().to_string(), "port": address.port(),
        "user": USER, "password": PASSWORD,
    })
}
