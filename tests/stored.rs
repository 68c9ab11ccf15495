//! Data directories that the original and version 0.1 wrote: read whole, retried, and written back as they stand.

use serde_json::{Value, json};

use crate::helper::{EmbeddedHost, Fixture, eventually, login, read_json, written_by};

/// Fields that a retry takes over from the job that it retries.
const CALL: [&str; 18] = [
    "type",
    "alias",
    "tool",
    "cmd",
    "timeout",
    "maxLines",
    "streamTimeout",
    "detach",
    "interactive",
    "autoRespond",
    "responses",
    "commands",
    "continueOnError",
    "direction",
    "files",
    "local",
    "remote",
    "verify",
];

/// A fixture with the queue and history of a version.
async fn fixture_with(version: &str) -> (Fixture<EmbeddedHost>, Value, Value) {
    let fixture = Fixture::embedded().await;
    let [queue, history] = ["queue.json", "history.json"].map(|name| {
        // No retry is to leave anything behind.
        let stored = written_by(version, name).replace("sleep 600", "sleep 1");
        std::fs::write(fixture.stored(name), stored).unwrap();
        read_json(&fixture.stored(name))
    });
    (fixture, queue, history)
}

fn is_live(record: &Value) -> bool {
    ["pending", "running"].contains(&record["status"].as_str().unwrap())
}

/// Checks that `whole` has all of `part`. The original leaves out what a failed step has not.
fn assert_has(whole: &Value, part: &Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, part) in part {
                assert_has(whole.get(name).unwrap_or(&Value::Null), part);
            }
        }
        (Value::Array(whole), Value::Array(part)) if whole.len() == part.len() => {
            whole
                .iter()
                .zip(part)
                .for_each(|(whole, part)| assert_has(whole, part));
        }
        _ => assert_eq!(whole, part),
    }
}

fn names(record: &Value) -> Vec<&String> {
    let mut names: Vec<_> = record.as_object().unwrap().keys().collect();
    names.sort();
    names
}

async fn whole_record(fixture: &Fixture<EmbeddedHost>, id: &str) -> Value {
    let verbose = json!({"id": id, "verbose": true});
    let shown = fixture.client.call("task_status", verbose).await;
    shown.ok().facts().clone()
}

#[tokio::test]
async fn what_has_ended_is_shown_and_written_back_as_it_stands() {
    for version in ["original", "0.1"] {
        let (fixture, stored, history) = fixture_with(version).await;
        let status = async |id: &str| whole_record(&fixture, id).await;
        for (id, record) in stored.as_object().unwrap() {
            if is_live(record) {
                continue;
            }
            let mut shown = status(id).await;
            // A reminder that is due is no part of the record.
            shown.as_object_mut().unwrap().remove("reminder");
            let mut expected = record.clone();
            if record["cmd"].as_str().is_some_and(|cmd| cmd.len() > 4096) {
                expected["cmd"] = shown["cmd"].clone();
            }
            assert_has(&shown, &expected);
            assert_eq!(names(&shown), names(&expected), "{version}");
        }
        let all = json!({"all": true, "limit": 1000});
        let listed = fixture.client.call("task_queue", all).await.ok();
        let count = listed.facts()["tasks"].as_array().unwrap().len();
        assert_eq!(count, stored.as_object().unwrap().len(), "{version}");
        let entries = fixture.client.call("task_history", json!({})).await.ok();
        let entries = entries.facts()["entries"].as_array().unwrap().clone();
        for (shown, stored) in entries.iter().zip(history.as_array().unwrap()) {
            assert_eq!(shown["jobId"], stored["jobId"], "{version}");
        }
        // The next task has all of it written.
        let new = fixture.background("true").await;
        let path = fixture.stored("queue.json");
        let id = new.facts()["id"].as_str().unwrap();
        eventually("the queue is written", || {
            read_json(&path).get(id).is_some()
        })
        .await;
        let written = read_json(&path);
        for (id, record) in stored.as_object().unwrap() {
            if !is_live(record) {
                assert_has(&written[id], record);
                assert_eq!(names(&written[id]), names(record), "{version}");
            }
        }
        let written = read_json(&fixture.stored("history.json"));
        let older: Vec<_> = written.as_array().unwrap().iter().skip(1).collect();
        let stored: Vec<_> = history.as_array().unwrap().iter().collect();
        assert_eq!(older, stored, "{version}");
    }
}

#[tokio::test]
async fn what_was_left_behind_has_crashed_and_what_is_detached_goes_on() {
    for version in ["original", "0.1"] {
        let (fixture, stored, _) = fixture_with(version).await;
        for (id, record) in stored.as_object().unwrap() {
            if !is_live(record) {
                continue;
            }
            let mut shown = whole_record(&fixture, id).await;
            let mut expected = record.clone();
            if record["detach"] == true {
                assert_eq!(shown["status"], "running", "{shown}");
                let problem = shown["unreachable"].as_str().unwrap();
                assert!(problem.contains("was started on"), "{problem}");
                expected["unreachable"] = shown["unreachable"].clone();
                expected["owner"] = shown["owner"].clone();
                expected["updatedAt"] = shown["updatedAt"].clone();
            } else {
                assert_eq!(shown["status"], "crashed", "{shown}");
                let gone = shown["error"].as_str().unwrap();
                assert!(gone.contains("the process that ran it is gone"), "{gone}");
                assert_eq!(shown["canRetry"], true);
                expected["status"] = "crashed".into();
                for field in ["updatedAt", "crashedAt", "canRetry", "error"] {
                    expected[field] = shown[field].take();
                    shown[field] = expected[field].clone();
                }
            }
            assert_eq!(shown, expected, "{version}");
        }
    }
}

#[tokio::test]
async fn a_retry_does_again_what_the_record_says() {
    for (version, alias) in [("original", "prod"), ("0.1", "web1")] {
        let (fixture, stored, _) = fixture_with(version).await;
        fixture.client.add(alias, &fixture.server).await;
        fixture.client.add("closed", &fixture.server).await;
        let mut retried = 0;
        for (id, record) in stored.as_object().unwrap() {
            let is_crashed = is_live(record) && record["detach"] != true;
            if record["canRetry"] != true && record["status"] != "failed" && !is_crashed {
                continue;
            }
            let again = fixture.client.call("task_retry", json!({"id": id})).await;
            // Version 0.1 recorded the scripts of monitoring tools, not their arguments, and no script
            // is run that stands in a file.
            let is_probe = record.get("tool").is_some();
            let has_secret = record["masked"] == true || record["responses"]["Password"] == "***";
            if is_probe || has_secret {
                again.error("NOT_RETRYABLE");
                continue;
            }
            let listed = fixture
                .client
                .call("task_history", json!({"limit": 1}))
                .await;
            let new = listed.ok().facts()["entries"][0]["jobId"].clone();
            let new = whole_record(&fixture, new.as_str().unwrap()).await;
            assert_eq!(new["retriedFrom"], **id, "{}", again.text());
            for field in CALL {
                if field == "cmd" {
                    // A list has its beginning.
                    let shown = new["cmd"].as_str().unwrap_or_default();
                    let stored = record["cmd"].as_str().unwrap_or_default();
                    assert!(stored.starts_with(shown.trim_end_matches('…')), "{new}");
                } else {
                    assert_eq!(new[field], record[field], "{field} of {new}");
                }
            }
            if record["type"] == "sftp" {
                // Parts are named after the first try.
                let first = record["part"].as_str().unwrap_or(id);
                assert_eq!(new["part"], first);
            }
            retried += 1;
        }
        assert!(retried >= 4, "{version}: {retried}");
    }
}

#[tokio::test]
async fn what_a_stored_record_claims_to_be_opens_no_gate() {
    let fixture = Fixture::embedded().await;
    let mut server = login("logs", fixture.server.address().port());
    server["readonly"] = json!(true);
    let mark = fixture.remote("mark");
    let touch = format!("touch {mark}");
    let record = |status: &str, claims: Value| {
        let mut record = json!({"type": "ssh", "alias": "logs", "cmd": touch, "status": status,
            "createdAt": mcp_sftp_orchestrator::time::Timestamp::now().to_string(), "owner": "1-dead"});
        let claims = claims.as_object().unwrap().clone();
        record.as_object_mut().unwrap().extend(claims);
        record
    };
    let directory = "~/.mcp-sftp-orchestrator/00000006-0123456789abcdef";
    let path = format!("/none; {touch}");
    let mut queue = json!({
        "00000001": record("failed", json!({})),
        "00000002": record("failed", json!({"tool": "task_exec"})),
        "00000003": record("failed", json!({"tool": "tail_file"})),
        "00000004": record("failed", json!({"tool": "get_system_resources"})),
        "00000005": record("failed", json!({"tool": "tail_file", "arguments": {"filepath": path, "lines": 5}})),
        "00000006": record("running", json!({"remoteDirectory": directory})),
        "00000007": record("running", json!({"remoteDirectory": directory, "tool": "get_system_resources"})),
    });
    for (id, record) in queue.as_object_mut().unwrap() {
        record["id"] = id.as_str().into();
    }
    fixture.client.register(server).await;
    std::fs::write(fixture.stored("queue.json"), queue.to_string()).unwrap();
    let retry = async |id: &str| fixture.client.call("task_retry", json!({"id": id})).await;
    retry("00000001").await.error("READ_ONLY");
    retry("00000002").await.error("NOT_RETRYABLE");
    retry("00000003").await.error("NOT_RETRYABLE");
    let asked = retry("00000004").await.ok();
    assert_eq!(asked.facts()["status"], "completed", "{}", asked.text());
    let script = asked.facts()["cmd"].as_str().unwrap();
    assert!(
        script.starts_with("sh -c ") && !script.contains(&mark),
        "{script}"
    );
    let asked = retry("00000005").await.ok();
    assert_eq!(asked.facts()["status"], "failed", "{}", asked.text());
    for id in ["00000006", "00000007"] {
        let left = fixture.client.call("task_status", json!({"id": id})).await;
        assert_eq!(left.ok().facts()["status"], "crashed");
    }
    assert!(!fixture.server.home.path().join("mark").exists());
}

/// A queue that somebody has edited by hand: each record that can be read is there, all else is kept as it is,
/// and nothing keeps the next task from running.
#[tokio::test]
async fn a_queue_that_was_edited_by_hand_does_no_harm() {
    let fixture = Fixture::embedded().await;
    let record = |id: &str, changes: Value| {
        let mut record = json!({"id": id, "type": "ssh", "alias": "logs", "cmd": "true", "status": "completed",
            "createdAt": mcp_sftp_orchestrator::time::Timestamp::now().to_string(), "output": id, "exitCode": 0});
        let changes = changes.as_object().unwrap().clone();
        record.as_object_mut().unwrap().extend(changes);
        record
    };
    let readable = json!({
        "unknown": record("unknown", json!({"colour": {"of": ["it", 1.5]}})),
        "../up": record("../up", json!({})),
        "left\nbehind": record("left\nbehind", json!({"status": "running", "owner": "1-dead"})),
    });
    let odd = json!({
        "number": 5,
        "null": null,
        "list": [[]],
        "none": {},
        "kind": record("kind", json!({"type": "sleepwalk"})),
        "status": record("status", json!({"status": 7})),
        "alias": record("alias", json!({"alias": ["logs"]})),
        "date": record("date", json!({"createdAt": "yesterday"})),
        "negative": record("negative", json!({"retryCount": -1})),
        "huge": record("huge", json!({"exitCode": 1e300, "retryCount": u64::MAX})),
    });
    let mut queue = readable.as_object().unwrap().clone();
    queue.extend(odd.as_object().unwrap().clone());
    let path = fixture.data.path().join("queue.json");
    let twice = |record: &Value| format!("\"twice\": {record}");
    let text = Value::Object(queue).to_string();
    let text = format!(
        "\u{feff}{{{}, {}, {}",
        twice(&record("twice", json!({"cmd": "first"}))),
        twice(&record("twice", json!({"cmd": "second"}))),
        &text[1..]
    );
    std::fs::write(&path, text).unwrap();

    let queue = fixture.client.call("task_queue", json!({})).await.ok();
    let tasks = queue.facts()["tasks"].as_array().unwrap();
    let mut ids: Vec<_> = tasks.iter().map(|task| task["id"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    assert_eq!(ids, ["../up", "left\nbehind", "twice", "unknown"]);
    for (id, status) in [
        ("../up", "completed"),
        ("left\nbehind", "crashed"),
        ("twice", "completed"),
    ] {
        let found = fixture.client.call("task_status", json!({"id": id})).await;
        assert_eq!(found.ok().facts()["status"], status, "{id}");
    }
    for id in odd.as_object().unwrap().keys() {
        for tool in ["task_status", "task_output", "task_cancel", "task_retry"] {
            let asked = fixture.client.call(tool, json!({"id": id})).await;
            asked.error("UNKNOWN_TASK");
        }
    }
    let new = fixture.background("echo new").await;
    let new = fixture.client.wait(&new.facts()["id"]).await.ok();
    assert_eq!(new.facts()["output"], "new");
    eventually("the queue is written", || {
        read_json(&path)[new.facts()["id"].as_str().unwrap()]["status"] == "completed"
    })
    .await;
    let written = read_json(&path);
    for (id, kept) in odd.as_object().unwrap() {
        assert_eq!(written[id], *kept, "{id}");
    }
    assert_eq!(written["unknown"]["colour"], json!({"of": ["it", 1.5]}));
    assert!(!fixture.data.path().join("up.stdout").exists());
}
