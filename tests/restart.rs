//! Restarts, a second process, and a directory of the original: everything is found again.

use std::time::Duration;

use serde_json::json;

use crate::helper::{Client, Fixture, Sshd, binary, directory, read_json, written_by};

#[tokio::test]
async fn a_broken_queue_is_set_aside_and_its_backup_goes_on() {
    let data = directory();
    let text = written_by("original", "queue.json");
    std::fs::write(data.path().join("queue.backup.json"), &text).unwrap();
    std::fs::write(data.path().join("queue.json"), &text[..text.len() / 2]).unwrap();
    let client = Client::spawned(data.path(), &[]).await;
    for _ in 0..3 {
        let queue = client.call("task_queue", json!({})).await.ok();
        assert_eq!(queue.facts()["tasks"].as_array().unwrap().len(), 6);
    }
    assert!(client.leave().await.success());
    assert_eq!(
        read_json(&data.path().join("queue.json"))
            .as_object()
            .unwrap()
            .len(),
        6
    );
    let aside = std::fs::read_dir(data.path()).unwrap().flatten();
    let aside = aside.filter(|entry| entry.file_name().to_string_lossy().contains(".broken-"));
    assert_eq!(aside.count(), 1);
}

#[tokio::test]
async fn a_restart_finds_queue_and_history() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &["--sync-timeout=0.2"]).await;
    client.register(sshd.login("web1")).await;
    let exec = async |client: &Client, cmd: &str| {
        client
            .call("task_exec", json!({"alias": "web1", "cmd": cmd}))
            .await
            .ok()
    };
    let done = exec(&client, "echo kept").await;
    client.wait(&done.facts()["id"]).await.ok();
    let handed = exec(&client, "sleep 4").await;
    assert_eq!(handed.facts()["status"], "running");
    assert!(client.leave().await.success());

    let client = Client::spawned(data.path(), &["--sync-timeout=0.2"]).await;
    let found = client
        .call("task_status", json!({"id": done.facts()["id"]}))
        .await
        .ok();
    found.has(&json!({"status": "completed", "output": "kept"}));
    let crashed = client
        .call("task_status", json!({"id": handed.facts()["id"]}))
        .await
        .ok();
    crashed.has(&json!({"status": "crashed", "canRetry": true}));
    let history = client.call("task_history", json!({})).await.ok();
    assert_eq!(history.facts()["entries"].as_array().unwrap().len(), 2);
    let stats = client.call("queue_stats", json!({})).await.ok();
    assert_eq!(stats.facts()["crashedJobs"], 1);
}

#[tokio::test]
async fn a_task_that_was_handed_off_outlives_a_kill() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let arguments = json!({"alias": "web1", "cmd": "sleep 3", "background": true, "detach": false});
    let handed = client.call("task_exec", arguments).await.ok();
    client.kill().await;
    let written = read_json(&data.path().join("queue.json"));
    assert!(
        written[handed.facts()["id"].as_str().unwrap()].is_object(),
        "it was on disk when it was told of"
    );

    let client = Client::spawned(data.path(), &[]).await;
    let found = client
        .call("task_status", json!({"id": handed.facts()["id"]}))
        .await
        .ok();
    found.has(&json!({"status": "crashed", "canRetry": true}));
    let retried = client
        .call("task_retry", json!({"id": handed.facts()["id"]}))
        .await
        .ok();
    assert_eq!(retried.facts()["status"], "completed");
}

#[tokio::test]
async fn two_processes_see_each_other_s_tasks() {
    let (sshd, data) = (Sshd::start(), directory());
    let (here, there) = (
        Client::spawned(data.path(), &[]).await,
        Client::spawned(data.path(), &[]).await,
    );
    here.register(sshd.login("web1")).await;
    let arguments =
        json!({"alias": "web1", "cmd": "sleep 1; echo there", "background": true, "detach": false});
    let handed = there.call("task_exec", arguments).await.ok();
    let status = here
        .call("task_status", json!({"id": handed.facts()["id"]}))
        .await
        .ok();
    assert!(
        ["pending", "running"].contains(&status.facts()["status"].as_str().unwrap()),
        "{}",
        status.text()
    );
    let waited = here.wait(&handed.facts()["id"]).await.ok();
    waited.has(&json!({"status": "completed", "output": "there"}));
}

#[tokio::test]
async fn a_task_that_its_process_has_not_written_yet_is_found_by_others() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    let started = async || {
        let mut command = binary();
        command
            .arg(format!("--data-dir={}", data.path().display()))
            .env("SAVE_INTERVAL", "3600000");
        Client::over(command).await
    };
    let (here, there) = (started().await, started().await);
    there.add("web1", &fixture.server).await;
    let ran = there
        .call("task_exec", json!({"alias": "web1", "cmd": "echo there"}))
        .await
        .ok();
    let found = here.wait(&ran.facts()["id"]).await.ok();
    found.has(&json!({"status": "completed", "output": "there"}));
}

#[tokio::test]
async fn a_directory_of_the_original_is_read_as_it_stands() {
    let data = directory();
    for name in ["queue.json", "servers.json", "history.json"] {
        std::fs::write(data.path().join(name), written_by("original", name)).unwrap();
    }
    let client = Client::in_process(data.path(), |config| {
        config.save_interval = Duration::from_millis(50);
    })
    .await;
    let queue = client.call("task_queue", json!({})).await.ok();
    assert_eq!(queue.facts()["tasks"].as_array().unwrap().len(), 6);
    let left = client
        .call("task_status", json!({"id": "96053038"}))
        .await
        .ok();
    assert_eq!(left.facts()["status"], "crashed");
    let servers = client.call("server_list", json!({})).await.ok();
    assert_eq!(
        (
            &servers.facts()["prod"]["user"],
            &servers.facts()["staging"]["password"]
        ),
        (&json!("root"), &json!("***"))
    );
    let history = client.call("task_history", json!({"limit": 1})).await.ok();
    assert_eq!(history.facts()["entries"][0]["jobId"], "e0219601");
    client
        .call("task_retry", json!({"id": "7cad94b3"}))
        .await
        .error("NOT_RETRYABLE");
    let written = read_json(&data.path().join("queue.json"));
    assert_eq!(written["e0219601"]["commands"][1]["command"], "pwd");
    assert_eq!(written["7cad94b3"]["streaming"], false);
    assert_eq!(written["b0c5bc47"]["files"][0]["remote"], "/srv/glob/");
}
