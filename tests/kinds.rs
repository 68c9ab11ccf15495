//! Every kind of job is handed off, found again, cancelled, lost with its process and retried alike.

use serde_json::{Value, json};

use crate::helper::{Client, Folder, Sshd, directory, text};

struct Scene {
    sshd: Sshd,
    data: Folder,
    local: Folder,
}

impl Scene {
    fn set() -> Self {
        let (data, local) = (directory(), directory());
        let sshd = Sshd::with_programs(&[("docker", "echo before\nsleep 120")], "");
        // More than goes through in the test's time, and no room on disk here.
        let large = std::fs::File::create(local.path().join("large")).unwrap();
        large.set_len(8 << 30).unwrap();
        Self { sshd, data, local }
    }

    async fn client(&self) -> Client {
        let client = Client::spawned(self.data.path(), &["--sync-timeout=1"]).await;
        client.register(self.sshd.login("web1")).await;
        client
    }

    /// A call of each kind that takes longer than anybody waits.
    fn calls(&self) -> Vec<(&'static str, Value)> {
        let large = text(&self.local.path().join("lar*"));
        let files = json!([{"local": large, "remote": self.sshd.home("up/")}]);
        vec![
            (
                "task_exec",
                json!({"alias": "web1", "cmd": "echo before; sleep 120"}),
            ),
            (
                "task_exec_interactive",
                json!({"alias": "web1", "cmd": "echo before; sleep 120"}),
            ),
            (
                "task_exec_sequence",
                json!({"alias": "web1", "commands": ["echo before", "sleep 120"]}),
            ),
            (
                "task_transfer_multi",
                json!({"alias": "web1", "direction": "upload", "files": files}),
            ),
            (
                "get_docker_logs",
                json!({"alias": "web1", "container": "nginx"}),
            ),
        ]
    }
}

#[tokio::test]
async fn handed_off_read_and_cancelled() {
    let scene = Scene::set();
    let client = scene.client().await;
    for (tool, arguments) in scene.calls() {
        let answer = client.call(tool, arguments).await.ok();
        assert_eq!(
            answer.facts()["status"],
            "running",
            "{tool}: {}",
            answer.text()
        );
        let id = answer.facts()["id"].clone();
        assert!(
            answer.text().contains("task_wait"),
            "{tool}: {}",
            answer.text()
        );
        if tool != "task_transfer_multi" {
            let page = client.call("task_output", json!({"id": id})).await.ok();
            assert_eq!(
                page.facts()["text"].as_str().unwrap().trim(),
                "before",
                "{tool}"
            );
        }
        let ended = client.call("task_cancel", json!({"id": id})).await.ok();
        assert_eq!(
            ended.facts()["status"],
            "cancelled",
            "{tool}: {}",
            ended.text()
        );
        if tool != "task_transfer_multi" {
            assert_eq!(
                ended.facts()["process"],
                "stopped",
                "{tool}: {}",
                ended.text()
            );
        }
    }
    let left = std::fs::read_dir(scene.sshd.home("up")).unwrap().count();
    assert_eq!(left, 0, "the cancelled transfer left nothing");
}

#[tokio::test]
async fn lost_with_their_process_and_retried() {
    let scene = Scene::set();
    let client = scene.client().await;
    let mut ids = Vec::new();
    for (tool, arguments) in scene.calls() {
        let answer = client.call(tool, arguments).await.ok();
        ids.push((tool, answer.facts()["id"].clone()));
    }
    client.kill().await;
    let client = scene.client().await;
    for (tool, id) in ids {
        let found = client.call("task_status", json!({"id": id})).await.ok();
        let facts = found.facts();
        assert_eq!(
            (&facts["status"], &facts["canRetry"]),
            (&json!("crashed"), &json!(true)),
            "{tool}"
        );
        let again = client.call("task_retry", json!({"id": id})).await.ok();
        let facts = again.facts();
        assert_eq!(
            (&facts["status"], &facts["retriedFrom"]),
            (&json!("running"), &id),
            "{tool}"
        );
        let cancel = json!({"id": facts["id"]});
        let ended = client.call("task_cancel", cancel).await.ok();
        assert_eq!(
            ended.facts()["status"],
            "cancelled",
            "{tool}: {}",
            ended.text()
        );
    }
}

#[tokio::test]
async fn stopped_at_their_timeouts() {
    let scene = Scene::set();
    let client = Client::in_process(scene.data.path(), |config| {
        config.command_timeout = Some(std::time::Duration::from_secs(1));
        config.interactive_timeout = Some(std::time::Duration::from_secs(1));
    })
    .await;
    client.register(scene.sshd.login("web1")).await;
    for (tool, arguments) in scene.calls() {
        if tool == "task_transfer_multi" {
            continue;
        }
        let answer = client.call(tool, arguments).await;
        let record = answer.facts().clone();
        answer.error("COMMAND_TIMEOUT");
        assert_eq!(record["process"], "stopped", "{tool}: {record}");
        assert!(
            record["output"].as_str().unwrap().starts_with("before"),
            "{tool}: {record}"
        );
    }
}
