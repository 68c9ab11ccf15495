//! The queue: lists, retries, reminders, limits.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Fixture, assert_has, eventually_so};

fn ids(list: &Value) -> Vec<&str> {
    let ids = list.as_array().unwrap().iter();
    ids.map(|entry| entry["id"].as_str().unwrap()).collect()
}

fn commands(list: &Value) -> Vec<&str> {
    let commands = list.as_array().unwrap().iter();
    commands
        .map(|entry| entry["cmd"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_is_filtered_and_given_in_parts() {
    let fixture = Fixture::embedded().await;
    fixture.client.add("web2", &fixture.server).await;
    for cmd in ["seq 1 1000", "exit 1"] {
        fixture.exec(cmd).await.ok();
    }
    fixture.client.exec("web2", "echo last").await.ok();
    let resources = json!({"alias": "web1"});
    fixture
        .client
        .call("get_system_resources", resources)
        .await
        .ok();
    let list = async |arguments: Value| {
        let listed = fixture.client.call("task_queue", arguments).await.ok();
        (listed.facts().clone(), listed.text().to_owned())
    };
    let (all, text) = list(json!({})).await;
    assert_eq!(
        commands(&all["tasks"]),
        ["echo last", "exit 1", "seq 1 1000"]
    );
    assert!(text.starts_with("3 tasks, 0 unfinished\n"), "{text}");
    assert!(
        text.contains("exit 1  exit 1") && !text.contains('{'),
        "{text}"
    );
    assert_has(
        &all["tasks"][1],
        &json!({"status": "failed", "alias": "web1", "exitCode": 1}),
    );
    for (filter, found) in [
        (json!({"status": "failed"}), vec!["exit 1"]),
        (json!({"alias": "web2"}), vec!["echo last"]),
        (json!({"since": "1h", "alias": "web2"}), vec!["echo last"]),
        (json!({"since": "2100-01-01T00:00:00Z"}), vec![]),
        (
            json!({"tool": "get_system_resources"}),
            vec!["get_system_resources"],
        ),
        (
            json!({"all": true}),
            vec!["get_system_resources", "echo last", "exit 1", "seq 1 1000"],
        ),
    ] {
        let (listed, text) = list(filter.clone()).await;
        assert_eq!(commands(&listed["tasks"]), found, "{filter}");
        assert!(found.iter().all(|cmd| text.contains(cmd)), "{text}");
    }
    let (part, text) = list(json!({"tool": "task_exec", "limit": 2})).await;
    assert_eq!(
        (part["total"].as_u64(), ids(&part["tasks"]).len()),
        (Some(3), 2)
    );
    let next = part["next"].as_str().unwrap();
    assert!(text.ends_with(&format!("next: {next}")), "{text}");
    let (tool, arguments) = next.split_once(' ').unwrap();
    assert_eq!(tool, "task_queue");
    let (rest, _) = list(serde_json::from_str(arguments).unwrap()).await;
    assert_eq!(commands(&rest["tasks"]), ["seq 1 1000"]);
    assert_eq!(rest.get("next"), None);
    let refused = json!({"since": "yesterday"});
    let refused = fixture.client.call("task_queue", refused).await;
    let refused = refused.error("INVALID_ARGUMENT");
    assert!(
        refused.to_string().contains("a duration such as 2h"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_runs_and_what_nobody_was_told_of_comes_first() {
    let fixture = Fixture::embedded().await;
    let unseen = fixture.background("exit 3").await;
    let unseen = unseen.facts()["id"].as_str().unwrap().to_owned();
    let running = fixture.background("sleep 60").await;
    let running = running.facts()["id"].as_str().unwrap().to_owned();
    let told = fixture.exec("true").await.ok();
    let told = told.facts()["id"].as_str().unwrap().to_owned();
    let list = async || {
        let listed = fixture.client.call("task_queue", json!({})).await.ok();
        listed.facts()["tasks"].clone()
    };
    eventually_so("the first ends", async || {
        list().await.to_string().contains("\"exitCode\":3")
    })
    .await;
    // A list alone does not tell of it.
    let listed = list().await;
    assert_eq!(ids(&listed), [&running, &unseen, &told]);
    assert_eq!(
        (&listed[1]["new"], listed[2].get("new")),
        (&json!(true), None)
    );
    let shown = fixture
        .client
        .call("task_status", json!({"id": unseen}))
        .await;
    shown.ok().has(&json!({"exitCode": 3}));
    assert_eq!(ids(&list().await), [&running, &told, &unseen]);
    let cancel = json!({"id": running});
    fixture.client.call("task_cancel", cancel).await.ok();
}

#[tokio::test]
async fn a_status_is_brief_and_the_whole_record_is_there() {
    let fixture = Fixture::embedded().await;
    let long = format!("seq 1 1000; echo {} >&2; exit 4", "x".repeat(300));
    let ran = fixture.exec(&long).await.ok();
    let id = ran.facts()["id"].clone();
    let shown = fixture.client.call("task_status", json!({"id": id})).await;
    let shown = shown.ok();
    let facts = shown.facts();
    assert_has(
        facts,
        &json!({"id": id, "type": "ssh", "alias": "web1", "status": "failed", "exitCode": 4, "lineCount": 1000,
            "canRetry": true, "stderr": "x".repeat(300), "whole": format!("task_output {{\"id\":{id}}}")}),
    );
    assert_eq!(
        facts["output"],
        "991\n992\n993\n994\n995\n996\n997\n998\n999\n1000"
    );
    assert!(facts["cmd"].as_str().unwrap().len() <= 203, "{facts}");
    for left_out in [
        "owner",
        "retryCount",
        "createdAt",
        "maxRetries",
        "updatedAt",
    ] {
        assert_eq!(facts.get(left_out), None, "{left_out}");
    }
    let text = shown.text();
    assert!(
        text.contains("`web1`: failed ") && text.contains("exit 4"),
        "{text}"
    );
    assert!(
        text.contains("\n999\n1000\n") && text.contains("task_output"),
        "{text}"
    );
    let verbose = json!({"id": id, "verbose": true});
    let whole = fixture.client.call("task_status", verbose).await.ok();
    whole.has(&json!({"cmd": long, "retryCount": 0, "maxRetries": 3}));
    assert!(whole.facts()["createdAt"].is_string() && whole.facts()["owner"].is_string());
    assert!(
        whole.facts()["output"]
            .as_str()
            .unwrap()
            .starts_with("1\n2\n")
    );
}

#[tokio::test]
async fn a_status_tells_what_a_running_task_has_printed_last() {
    let fixture = Fixture::embedded().await;
    let running = fixture.background("seq 1 500; sleep 60").await;
    let id = json!({"id": running.facts()["id"]});
    eventually_so("its output is shown", async || {
        let shown = fixture.client.call("task_status", id.clone()).await.ok();
        let output = shown.facts()["output"].as_str().unwrap_or_default();
        output.ends_with("499\n500") && shown.text().contains("`web1`: running for ")
    })
    .await;
    fixture.client.call("task_cancel", id).await.ok();
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
            .starts_with("due since ")
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
    let long = json!({"alias": "web1", "cmd": "sleep 1", "background": true, "detach": false});
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
