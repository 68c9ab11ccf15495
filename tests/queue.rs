//! The queue: lists, retries, reminders, limits, and what a restart finds.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Client, Sshd, Stage, directory, read_json};

#[tokio::test]
async fn lists_filter_page_and_cut_long_outputs() {
    let stage = Stage::set().await;
    stage.exec("seq 1 1000").await.ok();
    stage.exec("exit 1").await.ok();
    stage.exec("echo last").await.ok();
    let all = stage.client.call("task_queue", json!({})).await.ok();
    let tasks = all.facts()["tasks"].as_array().unwrap().clone();
    assert_eq!(
        tasks.iter().map(|task| &task["cmd"]).collect::<Vec<_>>(),
        ["echo last", "exit 1", "seq 1 1000"]
    );
    assert!(tasks[2]["output"].as_str().unwrap().chars().count() <= 201);
    let array: Value = serde_json::from_str(all.text()).unwrap();
    assert_eq!(&array, &all.facts()["tasks"], "the text is the plain array");
    let failed = stage
        .client
        .call("task_queue", json!({"status": "failed"}))
        .await
        .ok();
    assert_eq!(failed.facts()["tasks"].as_array().unwrap().len(), 1);
    let second = stage
        .client
        .call("task_queue", json!({"limit": 1, "offset": 1}))
        .await
        .ok();
    assert_eq!(second.facts()["tasks"][0]["cmd"], "exit 1");
    let whole = stage
        .client
        .call("task_status", json!({"id": tasks[2]["id"]}))
        .await
        .ok();
    assert!(
        whole.facts()["output"]
            .as_str()
            .unwrap()
            .ends_with("\n1000")
    );
}

#[tokio::test]
async fn history_names_what_was_done() {
    let stage = Stage::set().await;
    stage.exec("echo one").await.ok();
    let transfer =
        json!({"alias": "web1", "direction": "download", "local": "/nowhere/x", "remote": "none"});
    stage.client.call("task_transfer", transfer).await;
    let history = stage
        .client
        .call("task_history", json!({"alias": "web1"}))
        .await
        .ok();
    let entries = history.facts()["entries"].as_array().unwrap();
    assert_eq!(entries[0]["command"], "download none -> /nowhere/x");
    assert_eq!(
        (&entries[1]["command"], &entries[1]["type"]),
        (&json!("echo one"), &json!("ssh"))
    );
    assert!(entries[1]["jobId"].is_string() && entries[1]["timestamp"].is_string());
    let other = stage
        .client
        .call("task_history", json!({"alias": "web2"}))
        .await
        .ok();
    assert_eq!(other.facts()["entries"], json!([]));
}

#[tokio::test]
async fn history_is_filtered_by_the_status_of_its_tasks() {
    let stage = Stage::set().await;
    stage.exec("true").await.ok();
    stage.exec("false").await.ok();
    let failed = stage
        .client
        .call("task_history", json!({"status": "failed"}))
        .await
        .ok();
    let entries = failed.facts()["entries"].as_array().unwrap();
    assert_eq!(
        entries
            .iter()
            .map(|entry| &entry["command"])
            .collect::<Vec<_>>(),
        ["false"]
    );
}

#[tokio::test]
async fn a_broken_queue_is_set_aside_and_its_backup_goes_on() {
    let data = directory();
    let original = format!(
        "{}/tests/data/original/queue.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let today = mcp_sftp_orchestrator::time::Timestamp::now().to_string();
    let text = std::fs::read_to_string(original)
        .unwrap()
        .replace("2026-11-22T", &today[..11]);
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
async fn a_retry_is_a_new_task_and_their_number_is_limited() {
    let stage = Stage::set().await;
    let mut failed = stage.exec("exit 7").await.ok();
    for count in 1..=3 {
        let id = failed.facts()["id"].clone();
        failed = stage
            .client
            .call("task_retry", json!({"id": id}))
            .await
            .ok();
        assert_eq!(failed.facts()["retriedFrom"], id);
        assert_eq!(
            (&failed.facts()["retryCount"], &failed.facts()["exitCode"]),
            (&json!(count), &json!(7))
        );
        assert_eq!(failed.facts()["canRetry"], count < 3);
    }
    let id = failed.facts()["id"].clone();
    let error = stage
        .client
        .call("task_retry", json!({"id": id}))
        .await
        .error("RETRY_LIMIT_EXCEEDED");
    assert_eq!(error["details"]["retryCount"], 3);
    let done = stage.exec("true").await.ok();
    stage
        .client
        .call("task_retry", json!({"id": done.facts()["id"]}))
        .await
        .error("NOT_RETRYABLE");
}

#[tokio::test]
async fn a_cancelled_task_is_stopped_and_can_be_retried() {
    let stage = Stage::set().await;
    let file = stage.remote("survived");
    let cmd = format!("echo begun; sleep 1; touch {file}");
    let arguments = json!({"alias": "web1", "cmd": cmd, "background": true});
    let handed = stage.client.call("task_exec", arguments).await.ok();
    let id = &handed.facts()["id"];
    let running = async || {
        stage
            .client
            .call("task_status", json!({"id": id}))
            .await
            .ok()
    };
    while running().await.facts()["status"] != "running" || stage.server.accepted() == 0 {}
    tokio::time::sleep(Duration::from_millis(200)).await;
    let cancelled = stage
        .client
        .call("task_cancel", json!({"id": id}))
        .await
        .ok();
    assert_eq!(
        cancelled.facts()["status"],
        "cancelled",
        "{}",
        cancelled.text()
    );
    assert_eq!(
        (
            &cancelled.facts()["process"],
            &cancelled.facts()["canRetry"]
        ),
        (&json!("stopped"), &json!(true))
    );
    assert!(
        cancelled.text().contains("stopped on the server"),
        "{}",
        cancelled.text()
    );
    let again = stage
        .client
        .call("task_cancel", json!({"id": id}))
        .await
        .ok();
    assert_eq!(again.facts(), cancelled.facts(), "it stays as it is");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!std::path::Path::new(&file).exists(), "the command went on");
    let retried = stage
        .client
        .call("task_retry", json!({"id": id}))
        .await
        .ok();
    assert_eq!(retried.facts()["status"], "completed");
    stage
        .client
        .call("task_cancel", json!({"id": "zz"}))
        .await
        .error("UNKNOWN_TASK");
}

#[tokio::test]
async fn a_task_that_waits_for_a_channel_is_cancelled_before_it_begins() {
    let stage = Stage::set_with(|config| config.max_connections = 1).await;
    stage.server.set_max_sessions(1);
    stage.exec("true").await.ok();
    let exec = async |cmd: &str| {
        let arguments = json!({"alias": "web1", "cmd": cmd, "background": true});
        stage.client.call("task_exec", arguments).await.ok().facts()["id"].clone()
    };
    let long = exec("sleep 2; echo through").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let waiting = exec("touch begun").await;
    let cancelled = stage
        .client
        .call("task_cancel", json!({"id": waiting}))
        .await
        .ok();
    assert!(
        cancelled.text().contains("had not begun"),
        "{}",
        cancelled.text()
    );
    assert_eq!(
        stage.client.wait(&long).await.ok().facts()["output"],
        "through"
    );
    assert!(!std::path::Path::new(&stage.remote("begun")).exists());
}

#[tokio::test]
async fn a_cancelled_transfer_leaves_the_old_file_and_no_litter() {
    let stage = Stage::set().await;
    let big = stage.data.path().join("big");
    std::fs::write(&big, crate::helper::noise(64 * 1024 * 1024)).unwrap();
    std::fs::write(stage.remote("target"), b"old").unwrap();
    let arguments = json!({
        "alias": "web1", "direction": "upload", "local": big, "remote": "target", "background": true,
    });
    let handed = stage.client.call("task_transfer", arguments).await.ok();
    crate::helper::eventually("the transfer is under way", || {
        std::fs::read_dir(stage.home.path()).unwrap().count() == 2
    })
    .await;
    let cancelled = stage
        .client
        .call("task_cancel", json!({"id": handed.facts()["id"]}))
        .await
        .ok();
    assert_eq!(
        cancelled.facts()["status"],
        "cancelled",
        "{}",
        cancelled.text()
    );
    assert_eq!(std::fs::read(stage.remote("target")).unwrap(), b"old");
    assert_eq!(
        std::fs::read_dir(stage.home.path()).unwrap().count(),
        1,
        "no part file is left"
    );
}

#[tokio::test]
async fn reminders_show_once_they_are_due() {
    let stage = Stage::set().await;
    let soon = stage
        .client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "rappel": 0.5}),
        )
        .await
        .ok();
    let late = stage
        .client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "rappel": 3600}),
        )
        .await
        .ok();
    assert!(soon.facts()["reminderAt"].is_string() && soon.facts().get("reminder").is_none());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let status = stage
        .client
        .call("task_status", json!({"id": soon.facts()["id"]}))
        .await
        .ok();
    assert!(
        status.facts()["reminder"]
            .as_str()
            .unwrap()
            .contains("is completed: true")
    );
    assert!(status.text().contains("due since"));
    let queue = stage.client.call("task_queue", json!({})).await.ok();
    let reminded: Vec<_> = queue.facts()["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task.get("reminder").is_some())
        .collect();
    assert_eq!(reminded.len(), 1);
    assert_ne!(reminded[0]["id"], late.facts()["id"]);
}

#[tokio::test]
async fn a_full_queue_refuses_and_finished_tasks_make_room() {
    let stage = Stage::set_with(|config| config.max_queue = 2).await;
    let long = json!({"alias": "web1", "cmd": "sleep 1", "background": true});
    stage.exec("true").await.ok();
    let first = stage.client.call("task_exec", long.clone()).await.ok();
    stage.client.call("task_exec", long.clone()).await.ok();
    let error = stage
        .client
        .call("task_exec", long.clone())
        .await
        .error("QUEUE_FULL");
    assert_eq!(error["details"]["limit"], 2);
    stage.client.wait(&first.facts()["id"]).await.ok();
    stage.exec("true").await.ok();
}

#[tokio::test]
async fn figures_have_the_documented_names() {
    let stage = Stage::set().await;
    stage.exec("true").await.ok();
    stage.exec("false").await.ok();
    let stats = stage.client.call("queue_stats", json!({})).await.ok();
    let figures = &stats.facts()["stats"];
    assert_eq!(
        (&figures["total"], &figures["successRate"]),
        (&json!(2), &json!(50))
    );
    assert_eq!(figures["byStatus"], json!({"failed": 1, "completed": 1}));
    assert_eq!(figures["byType"], json!({"ssh": 2}));
    assert!(figures["avgDuration"].is_u64());
    assert_eq!(stats.facts()["canRetry"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_restart_finds_queue_and_history() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &["--sync-timeout=0.2"]).await;
    client.call("server_add", sshd.login("web1")).await.ok();
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
    assert_eq!(
        (&found.facts()["status"], &found.facts()["output"]),
        (&json!("completed"), &json!("kept"))
    );
    let crashed = client
        .call("task_status", json!({"id": handed.facts()["id"]}))
        .await
        .ok();
    assert_eq!(
        (&crashed.facts()["status"], &crashed.facts()["canRetry"]),
        (&json!("crashed"), &json!(true))
    );
    let history = client.call("task_history", json!({})).await.ok();
    assert_eq!(history.facts()["entries"].as_array().unwrap().len(), 2);
    let stats = client.call("queue_stats", json!({})).await.ok();
    assert_eq!(stats.facts()["crashedJobs"], 1);
}

#[tokio::test]
async fn a_task_that_was_handed_off_outlives_a_kill() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.call("server_add", sshd.login("web1")).await.ok();
    let arguments = json!({"alias": "web1", "cmd": "sleep 3", "background": true});
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
    assert_eq!(
        (&found.facts()["status"], &found.facts()["canRetry"]),
        (&json!("crashed"), &json!(true))
    );
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
    here.call("server_add", sshd.login("web1")).await.ok();
    let arguments = json!({"alias": "web1", "cmd": "sleep 1; echo there", "background": true});
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
    assert_eq!(
        (&waited.facts()["status"], &waited.facts()["output"]),
        (&json!("completed"), &json!("there"))
    );
}

#[tokio::test]
async fn a_directory_of_the_original_is_read_as_it_stands() {
    let data = directory();
    for name in ["queue.json", "servers.json", "history.json"] {
        let original = format!("{}/tests/data/original/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut text = std::fs::read_to_string(original).unwrap();
        // Finished tasks go after a day, and these are to stay for the test.
        let today = mcp_sftp_orchestrator::time::Timestamp::now().to_string();
        text = text.replace("2026-11-22T", &today[..11]);
        std::fs::write(data.path().join(name), text).unwrap();
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
        .call("task_retry", json!({"id": "e0219601"}))
        .await
        .error("NOT_RETRYABLE");
    let written = read_json(&data.path().join("queue.json"));
    assert_eq!(written["e0219601"]["commands"][1]["command"], "pwd");
    assert_eq!(written["7cad94b3"]["streaming"], false);
    assert_eq!(written["b0c5bc47"]["files"][0]["remote"], "/srv/glob/");
}
