//! Every kind of job is handed off, found again, cancelled, lost with its process and retried alike.

use mcp_sftp_orchestrator::config::Config;
use serde_json::{Value, json};

use crate::helper::{Client, Fixture, Sshd};

fn set() -> Fixture<Sshd, ()> {
    let docker = [("docker", "echo before\nsleep 120")];
    let fixture = Fixture::of(Sshd::with_programs(&docker, ""));
    // More than goes through in the test's time, and no room on disk here.
    let large = std::fs::File::create(fixture.here("large")).unwrap();
    large.set_len(8 << 30).unwrap();
    fixture
}

async fn spawned(fixture: &Fixture<Sshd, ()>) -> Client {
    let client = Client::spawned(fixture.data.path(), &["--sync-timeout=1"]).await;
    client.register(fixture.server.login("web1")).await;
    client
}

/// A call of each kind that takes longer than anybody waits.
fn calls<C>(fixture: &Fixture<Sshd, C>) -> [(&'static str, Value); 5] {
    let long = json!({"alias": "web1", "cmd": "echo before; sleep 120"});
    let steps = json!({"alias": "web1", "commands": ["echo before", "sleep 120"]});
    let logs = json!({"alias": "web1", "container": "nginx"});
    [
        ("task_exec", long.clone()),
        ("task_exec_interactive", long),
        ("task_exec_sequence", steps),
        (
            "task_transfer_multi",
            fixture.all_arguments("web1", "upload", &[("lar*", "up/")]),
        ),
        ("get_docker_logs", logs),
    ]
}

#[tokio::test]
async fn handed_off_read_and_cancelled() {
    let fixture = set();
    let client = spawned(&fixture).await;
    for (tool, arguments) in calls(&fixture) {
        let answer = client.call(tool, arguments).await.ok();
        answer.has(&json!({"status": "running"}));
        let id = answer.facts()["id"].clone();
        assert!(
            answer.text().contains("task_wait"),
            "{tool}: {}",
            answer.text()
        );
        if tool != "task_transfer_multi" {
            let page = client.call("task_output", json!({"id": id})).await.ok();
            let text = page.facts()["text"].as_str().unwrap();
            assert_eq!(text.trim(), "before", "{tool}");
        }
        let ended = client.call("task_cancel", json!({"id": id})).await.ok();
        ended.has(&json!({"status": "cancelled"}));
        if tool != "task_transfer_multi" {
            ended.has(&json!({"process": "stopped"}));
        }
    }
    let left = std::fs::read_dir(fixture.there("up")).unwrap().count();
    assert_eq!(left, 0, "the cancelled transfer left nothing");
}

#[tokio::test]
async fn lost_with_their_process_and_retried() {
    let fixture = set();
    let client = spawned(&fixture).await;
    let mut ids = Vec::new();
    for (tool, arguments) in calls(&fixture) {
        let answer = client.call(tool, arguments).await.ok();
        ids.push(answer.facts()["id"].clone());
    }
    client.kill().await;
    let client = spawned(&fixture).await;
    for id in ids {
        let found = client.call("task_status", json!({"id": id})).await.ok();
        found.has(&json!({"status": "crashed", "canRetry": true}));
        let again = client.call("task_retry", json!({"id": id})).await.ok();
        again.has(&json!({"status": "running", "retriedFrom": id}));
        let cancel = json!({"id": again.facts()["id"]});
        let ended = client.call("task_cancel", cancel).await.ok();
        ended.has(&json!({"status": "cancelled"}));
    }
}

#[tokio::test]
async fn stopped_at_their_timeouts() {
    let second = Some(std::time::Duration::from_secs(1));
    let change = |config: &mut Config| {
        config.command_timeout = second;
        config.interactive_timeout = second;
    };
    let fixture = set().connected(change).await.registered().await;
    for (tool, arguments) in calls(&fixture) {
        if tool == "task_transfer_multi" {
            continue;
        }
        let answer = fixture.client.call(tool, arguments).await;
        let record = answer.facts().clone();
        answer.error("COMMAND_TIMEOUT");
        assert_eq!(record["process"], "stopped", "{tool}: {record}");
        assert!(
            record["output"].as_str().unwrap().starts_with("before"),
            "{tool}: {record}"
        );
    }
}
