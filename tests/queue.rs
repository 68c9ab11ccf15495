//! The queue: lists, retries, reminders, limits.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Fixture, assert_has};

#[tokio::test]
async fn lists_filter_page_and_cut_long_outputs() {
    let fixture = Fixture::embedded().await;
    fixture.exec("seq 1 1000").await.ok();
    fixture.exec("exit 1").await.ok();
    fixture.exec("echo last").await.ok();
    let all = fixture.client.call("task_queue", json!({})).await.ok();
    let tasks = all.facts()["tasks"].as_array().unwrap().clone();
    assert_eq!(
        tasks.iter().map(|task| &task["cmd"]).collect::<Vec<_>>(),
        ["echo last", "exit 1", "seq 1 1000"]
    );
    assert!(tasks[2]["output"].as_str().unwrap().chars().count() <= 201);
    let array: Value = serde_json::from_str(all.text()).unwrap();
    assert_eq!(&array, &all.facts()["tasks"], "the text is the plain array");
    let failed = fixture
        .client
        .call("task_queue", json!({"status": "failed"}))
        .await
        .ok();
    assert_eq!(failed.facts()["tasks"].as_array().unwrap().len(), 1);
    let second = fixture
        .client
        .call("task_queue", json!({"limit": 1, "offset": 1}))
        .await
        .ok();
    assert_eq!(second.facts()["tasks"][0]["cmd"], "exit 1");
    let whole = fixture
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
    let fixture = Fixture::embedded().await;
    fixture.exec("echo one").await.ok();
    let transfer =
        json!({"alias": "web1", "direction": "download", "local": "/nowhere/x", "remote": "none"});
    fixture.client.call("task_transfer", transfer).await;
    let history = fixture
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
    let other = fixture
        .client
        .call("task_history", json!({"alias": "web2"}))
        .await
        .ok();
    assert_eq!(other.facts()["entries"], json!([]));
}

#[tokio::test]
async fn history_is_filtered_by_the_status_of_its_tasks() {
    let fixture = Fixture::embedded().await;
    fixture.exec("true").await.ok();
    fixture.exec("false").await.ok();
    let failed = fixture
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
async fn a_retry_is_a_new_task_and_their_number_is_limited() {
    let fixture = Fixture::embedded().await;
    let mut failed = fixture.exec("exit 7").await.ok();
    for count in 1..=3 {
        let id = failed.facts()["id"].clone();
        failed = fixture
            .client
            .call("task_retry", json!({"id": id}))
            .await
            .ok();
        assert_eq!(failed.facts()["retriedFrom"], id);
        failed.has(&json!({"retryCount": count, "exitCode": 7}));
        assert_eq!(failed.facts()["canRetry"], count < 3);
    }
    let id = failed.facts()["id"].clone();
    let error = fixture
        .client
        .call("task_retry", json!({"id": id}))
        .await
        .error("RETRY_LIMIT_EXCEEDED");
    assert_eq!(error["details"]["retryCount"], 3);
    let done = fixture.exec("true").await.ok();
    fixture
        .client
        .call("task_retry", json!({"id": done.facts()["id"]}))
        .await
        .error("NOT_RETRYABLE");
}

#[tokio::test]
async fn reminders_show_once_they_are_due() {
    let fixture = Fixture::embedded().await;
    let soon = fixture
        .client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "rappel": 0.5}),
        )
        .await
        .ok();
    let late = fixture
        .client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "rappel": 3600}),
        )
        .await
        .ok();
    assert!(soon.facts()["reminderAt"].is_string() && soon.facts().get("reminder").is_none());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let status = fixture
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
    let queue = fixture.client.call("task_queue", json!({})).await.ok();
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
    let fixture = Fixture::embedded_with(|config| config.max_queue = 2).await;
    let long = json!({"alias": "web1", "cmd": "sleep 1", "background": true});
    fixture.exec("true").await.ok();
    let first = fixture.client.call("task_exec", long.clone()).await.ok();
    fixture.client.call("task_exec", long.clone()).await.ok();
    let error = fixture
        .client
        .call("task_exec", long.clone())
        .await
        .error("QUEUE_FULL");
    assert_eq!(error["details"]["limit"], 2);
    fixture.client.wait(&first.facts()["id"]).await.ok();
    fixture.exec("true").await.ok();
}

#[tokio::test]
async fn figures_have_the_documented_names() {
    let fixture = Fixture::embedded().await;
    fixture.exec("true").await.ok();
    fixture.exec("false").await.ok();
    let stats = fixture.client.call("queue_stats", json!({})).await.ok();
    let figures = &stats.facts()["stats"];
    assert_has(figures, &json!({"total": 2, "successRate": 50}));
    assert_eq!(figures["byStatus"], json!({"failed": 1, "completed": 1}));
    assert_eq!(figures["byType"], json!({"ssh": 2}));
    assert!(figures["avgDuration"].is_u64());
    assert_eq!(stats.facts()["canRetry"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn sequences_flood_neither_lists_nor_answers() {
    let fixture = Fixture::embedded().await;
    let mut commands = vec![json!("echo short")];
    commands.extend((0..30).map(|_| json!("seq 1 20000")));
    let sequence = json!({"alias": "web1", "commands": commands});
    let answer = fixture
        .client
        .call("task_exec_sequence", sequence)
        .await
        .ok();
    assert!(answer.text().len() < 50 * 1024, "{}", answer.text().len());
    let facts = answer.facts();
    let results = facts["results"].as_array().unwrap();
    assert_eq!(
        (results.len(), &results[0]["output"]),
        (31, &json!("short"))
    );
    let long = results[1]["output"].as_str().unwrap();
    assert!(
        long.starts_with("1\n") && long.ends_with("\n20000") && long.contains("task_output"),
        "{long}"
    );
    assert!(results.iter().all(|result| result["success"] == true));
    assert!(facts.to_string().len() < 100 * 1024);
    for tool in ["task_queue", "task_history"] {
        let list = fixture.client.call(tool, json!({})).await.ok();
        assert!(list.text().len() < 16 * 1024, "{tool}: {}", list.text());
    }
}
