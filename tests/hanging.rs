//! Questions about files on a server whose programs hang: they are bounded in time, can be stopped, and nothing
//! of them goes on there.

use std::path::Path;
use std::time::Duration;

use mcp_sftp_orchestrator::config::Config;
use serde_json::{Value, json};

use crate::helper::{Fixture, Folder, Sshd, directory, eventually, eventually_so, text, write};

/// A server whose program of that name tells that it is alive, and never ends.
struct HangingServer {
    fixture: Fixture<Sshd>,
    folder: Folder,
}

impl HangingServer {
    async fn of(name: &str, change: impl FnOnce(&mut Config)) -> Self {
        let folder = directory();
        let alive = text(&folder.path().join("alive"));
        let script = format!("while :; do date +%N >{alive}; sleep 0.05; done");
        let server = Sshd::with_programs(&[(name, &script)], "");
        let fixture = Fixture::configured(server, change).await;
        for name in ["a/file", "b/file"] {
            write(folder.path().join(name), "content\n");
        }
        Self { fixture, folder }
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name))
    }

    fn alive(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("alive")).ok()
    }

    /// Waits until the program has ended.
    async fn until_it_ends(&self) {
        eventually_so("nothing goes on on the server", async || {
            let before = self.alive();
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.alive() == before
        })
        .await;
    }

    /// The calls that run this program, each with its arguments.
    fn calls(&self, program: &str) -> Vec<(&'static str, Value)> {
        let (tree, file) = (self.path("a"), self.path("a/file"));
        let on = |more: Value| {
            let mut arguments = json!({"alias": "web1"});
            let more = more.as_object().unwrap().clone();
            arguments.as_object_mut().unwrap().extend(more);
            arguments
        };
        let sources = ["a", "b"].map(|name| format!("web1:{}", self.path(name)));
        match program {
            "sha256sum" => vec![
                ("file_read", on(json!({"path": file}))),
                ("compare", json!({"sources": sources})),
            ],
            "grep" => vec![
                ("file_search", on(json!({"path": tree, "pattern": "x"}))),
                ("file_read", on(json!({"path": file, "around": "x"}))),
            ],
            _ => vec![("compare", json!({"sources": sources}))],
        }
    }
}

#[tokio::test]
async fn a_question_that_is_cancelled_ends_on_the_server() {
    for program in ["sha256sum", "grep", "find"] {
        let server =
            HangingServer::of(program, |config| config.sync_timeout = Duration::ZERO).await;
        let client = &server.fixture.client;
        for (tool, arguments) in server.calls(program) {
            let handed = client.call(tool, arguments).await.ok();
            let id = json!({"id": handed.facts()["id"]});
            let what = format!("`{program}` of {tool} runs");
            eventually(&what, || server.alive().is_some()).await;
            client.call("task_cancel", id.clone()).await.ok();
            let status = client.call("task_status", id).await.ok();
            status.has(&json!({"status": "cancelled"}));
            server.until_it_ends().await;
            std::fs::remove_file(server.folder.path().join("alive")).unwrap();
        }
    }
}

#[tokio::test]
async fn a_comparison_that_takes_too_long_says_so_and_ends_on_the_server() {
    let server = HangingServer::of("sha256sum", |config| {
        config.command_timeout = Some(Duration::from_secs(1));
    })
    .await;
    let client = &server.fixture.client;
    let there = format!("web1:{}", server.path("a"));
    let here = ["a", "b"].map(|name| format!("local:{}", server.path(name)));
    let sources = json!({"sources": [there, here[0], here[1]]});
    let answer = client.call("compare", sources).await.ok();
    assert!(
        answer.text().contains("the same on 2 of 3")
            && answer.text().contains("not compared")
            && answer.text().contains("it took longer than 1 s"),
        "{}",
        answer.text()
    );
    server.until_it_ends().await;
    let sources = json!({"sources": [there, here[0]]});
    let error = client.call("compare", sources).await.error("FILE_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("it took longer than 1 s"), "{error}");
    server.until_it_ends().await;
}

#[tokio::test]
async fn a_checksum_that_nobody_waits_for_any_more_ends_on_the_server() {
    let server =
        HangingServer::of("sha256sum", |config| config.sync_timeout = Duration::ZERO).await;
    let client = &server.fixture.client;
    // Longer than what is read back instead.
    let source = server.folder.path().join("large");
    write(&source, vec![b'x'; 2 * 1024 * 1024]);
    let upload = json!({
        "alias": "web1", "direction": "upload", "local": source, "remote": server.path("target"), "verify": true,
    });
    let handed = client.call("task_transfer", upload).await.ok();
    eventually("the checksum is computed", || server.alive().is_some()).await;
    let id = json!({"id": handed.facts()["id"]});
    client.call("task_cancel", id).await.ok();
    server.until_it_ends().await;
    assert!(!Path::new(&server.path("target")).exists());
}
