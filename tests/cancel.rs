//! Cancelled tasks: stopped on the server, recorded, retried.

use std::time::Duration;

use serde_json::json;

use crate::helper::{Client, Fixture, Sshd, directory, eventually, is_still, text};

#[tokio::test]
async fn a_cancelled_task_is_stopped_and_can_be_retried() {
    let fixture = Fixture::embedded().await;
    let cmd = "touch begun; until [ -e go ]; do sleep 0.05; done; touch survived";
    let handed = fixture.background(cmd).await;
    let id = &handed.facts()["id"];
    eventually("it runs", || fixture.there("begun").exists()).await;
    let cancelled = fixture
        .client
        .call("task_cancel", json!({"id": id}))
        .await
        .ok();
    cancelled.has(&json!({"status": "cancelled"}));
    cancelled.has(&json!({"process": "stopped", "canRetry": true}));
    assert!(
        cancelled.text().contains("stopped on the server"),
        "{}",
        cancelled.text()
    );
    let again = fixture
        .client
        .call("task_cancel", json!({"id": id}))
        .await
        .ok();
    assert_eq!(again.facts(), cancelled.facts(), "it stays as it is");
    std::fs::write(fixture.there("go"), "").unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!fixture.there("survived").exists(), "the command went on");
    let retried = fixture
        .client
        .call("task_retry", json!({"id": id}))
        .await
        .ok();
    assert_eq!(retried.facts()["status"], "completed");
    fixture
        .client
        .call("task_cancel", json!({"id": "zz"}))
        .await
        .error("UNKNOWN_TASK");
}

#[tokio::test]
async fn a_task_that_waits_for_a_channel_is_cancelled_before_it_begins() {
    let fixture = Fixture::embedded_with(|config| config.max_connections = 1).await;
    fixture.server.set_max_sessions(1);
    fixture.exec("true").await.ok();
    let exec = async |cmd: &str| {
        let arguments = json!({"alias": "web1", "cmd": cmd, "background": true, "detach": false});
        fixture
            .client
            .call("task_exec", arguments)
            .await
            .ok()
            .facts()["id"]
            .clone()
    };
    let long = exec("touch long; until [ -e go ]; do sleep 0.05; done; echo through").await;
    eventually("the channel is taken", || fixture.there("long").exists()).await;
    let waiting = exec("touch begun").await;
    let cancelled = fixture
        .client
        .call("task_cancel", json!({"id": waiting}))
        .await
        .ok();
    assert!(
        cancelled.text().contains("had not begun"),
        "{}",
        cancelled.text()
    );
    std::fs::write(fixture.there("go"), "").unwrap();
    let through = fixture.client.wait(&long).await.ok();
    through.has(&json!({"output": "through"}));
    assert!(!fixture.there("begun").exists());
}

#[tokio::test]
async fn a_cancelled_transfer_leaves_the_old_file_and_no_litter() {
    let fixture = Fixture::embedded().await;
    std::fs::write(fixture.remote("target"), b"old").unwrap();
    let id = json!({"id": fixture.begin_large_upload().await});
    let cancelled = fixture.client.call("task_cancel", id).await.ok();
    cancelled.has(&json!({"status": "cancelled"}));
    assert_eq!(std::fs::read(fixture.remote("target")).unwrap(), b"old");
    assert_eq!(
        std::fs::read_dir(fixture.server.home.path())
            .unwrap()
            .count(),
        1,
        "no part file is left"
    );
}

/// A command whose children write to `alive`: one in a group of its own, one that does not heed TERM.
fn stubborn(alive: &str) -> String {
    let write = format!("while :; do date +%N >{alive}; sleep 0.05; done");
    format!("timeout 600 sh -c '{write}' & sh -c \"trap '' TERM; {write}\" & echo begun; wait")
}

#[tokio::test]
async fn a_command_is_ended_with_its_children_where_sshd_drops_signals() {
    // Logged in as root, as these tests mostly are, sshd passes no signal on.
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let alive = sshd.home("alive");
    let arguments = json!({"alias": "web1", "cmd": stubborn(&alive), "timeout": 1});
    let late = client.call("task_exec", arguments).await;
    let error = late.error("COMMAND_TIMEOUT");
    assert_eq!(error["details"]["process"], "stopped", "{error}");
    assert!(is_still(&alive).await, "a child goes on");
    let id = json!({"id": error["details"]["taskId"]});
    let record = client.call("task_status", id).await.ok();
    record.has(&json!({"output": "begun"}));
}

#[tokio::test]
async fn a_command_is_ended_also_where_no_further_channel_is_to_be_had() {
    let (sshd, data) = (Sshd::start_with("MaxSessions 1"), directory());
    let client = Client::in_process(data.path(), |config| config.max_connections = 1).await;
    client.register(sshd.login("web1")).await;
    let alive = sshd.home("alive");
    let arguments =
        json!({"alias": "web1", "cmd": stubborn(&alive), "background": true, "detach": false});
    let handed = client.call("task_exec", arguments).await.ok();
    eventually("it runs", || std::path::Path::new(&alive).exists()).await;
    let id = json!({"id": handed.facts()["id"]});
    let cancelled = client.call("task_cancel", id).await.ok();
    cancelled.has(&json!({"process": "stopped"}));
    assert!(is_still(&alive).await, "a child goes on");
    let after = json!({"alias": "web1", "cmd": "echo after"});
    assert_eq!(
        client.call("task_exec", after).await.ok().facts()["output"],
        "after"
    );
}

#[tokio::test]
async fn a_task_of_another_process_is_cancelled() {
    let (sshd, data) = (Sshd::start(), directory());
    let here = Client::spawned(data.path(), &[]).await;
    let there = Client::spawned(data.path(), &[]).await;
    here.register(sshd.login("web1")).await;
    let alive = sshd.home("alive");
    let arguments =
        json!({"alias": "web1", "cmd": stubborn(&alive), "background": true, "detach": false});
    let id = there.call("task_exec", arguments).await.ok().facts()["id"].clone();
    eventually("it runs", || std::path::Path::new(&alive).exists()).await;
    let cancelled = here.call("task_cancel", json!({"id": id})).await.ok();
    cancelled.has(&json!({"status": "cancelled", "process": "stopped"}));
    assert!(is_still(&alive).await, "a child goes on");
}

#[tokio::test]
async fn a_server_that_is_no_shell_gets_its_commands_as_they_are() {
    let sshd = Sshd::start();
    let key = sshd.authorize("forced", &["-t", "ed25519"]);
    let authorized = sshd.directory.path().join("authorized_keys");
    let keys = std::fs::read_to_string(&authorized).unwrap();
    let (first, forced) = keys.trim_end().split_once('\n').unwrap();
    let device = sshd.directory.path().join("device");
    let ran = sshd.home("ran");
    let script = format!("echo ran >>{ran}; printf 'got: %s' \"$SSH_ORIGINAL_COMMAND\"\n");
    std::fs::write(&device, script).unwrap();
    let device = format!("sh {}", text(&device));
    std::fs::write(
        &authorized,
        format!("{first}\ncommand=\"{device}\" {forced}\n"),
    )
    .unwrap();
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login_with("device", &key)).await;
    let show = json!({"alias": "device", "cmd": "show version | inc \"up\""});
    let shown = client.call("task_exec", show.clone()).await.ok();
    assert_eq!(shown.facts()["output"], "got: show version | inc \"up\"");
    let detached = json!({"alias": "device", "cmd": "x", "detach": true});
    client
        .call("task_exec", detached.clone())
        .await
        .error("DETACH_FAILED");

    // Added as plain, it gets nothing else at all.
    let ran = sshd.directory.path().join("ran");
    std::fs::remove_file(&ran).unwrap();
    let mut plain = sshd.login_with("device", &key);
    plain["plain"] = json!(true);
    client.register(plain).await;
    client.call("task_exec", show).await.ok();
    client
        .call("task_exec", detached)
        .await
        .error("DETACH_FAILED");
    assert_eq!(std::fs::read_to_string(ran).unwrap(), "ran\n");
}
