//! Cancelled tasks: stopped on the server, recorded, retried.

use std::time::Duration;

use serde_json::json;

use crate::helper::Stage;

#[tokio::test]
async fn a_cancelled_task_is_stopped_and_can_be_retried() {
    let stage = Stage::set().await;
    let file = stage.remote("survived");
    let cmd = format!("echo begun; sleep 1; touch {file}");
    let handed = stage.background(&cmd).await;
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
