//! Batches of messages: each handled as if it came alone, the answers in one array.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::helper::{EmbeddedHost, Fixture, Folder, RawProcess, binary, directory, login};

async fn begun(data: &Folder, version: &str) -> RawProcess {
    let mut command = binary();
    command.arg(format!("--data-dir={}", data.path().display()));
    let mut process = RawProcess::spawn(command);
    process.initialize(version).await;
    process
}

/// A process that speaks the version with batches, has the server `web1`, and runs a command there
/// whose end is not to be seen. Gives the task's ID.
async fn with_endless_task(fixture: &Fixture<EmbeddedHost>, data: &Folder) -> (RawProcess, Value) {
    let mut process = begun(data, "2025-03-26").await;
    let server = login("web1", fixture.server.address().port());
    process.call(1, "server_add", server).await;
    let arguments =
        json!({"alias": "web1", "cmd": "sleep 1000", "background": true, "detach": false});
    let mut started = process.call(2, "task_exec", arguments).await;
    (process, started["result"]["structuredContent"]["id"].take())
}

fn ping(id: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "ping"})
}

fn call(id: u64, name: &str, arguments: &Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

fn cancel(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})
}

impl RawProcess {
    async fn send_batch(&mut self, messages: &[Value]) {
        self.send(&Value::from(messages).to_string()).await;
    }

    /// The next line, which has to be an array, by its answers' IDs.
    async fn receive_batch(&mut self) -> HashMap<String, Value> {
        let line = self.receive().await;
        let answers = line
            .as_array()
            .unwrap_or_else(|| panic!("no array: {line}"));
        let by_id: HashMap<_, _> = answers
            .iter()
            .map(|answer| (answer["id"].to_string(), answer.clone()))
            .collect();
        assert_eq!(by_id.len(), answers.len(), "{line}");
        by_id
    }

    /// That nothing more was to come.
    async fn assert_quiet(&mut self) {
        self.send(&ping("quiet").to_string()).await;
        assert_eq!(self.receive().await["id"], "quiet");
    }
}

#[tokio::test]
async fn each_message_is_handled_as_if_alone_and_the_answers_are_one_array() {
    let data = directory();
    let mut process = begun(&data, "2025-03-26").await;
    process
        .send_batch(&[
            call(1, "server_list", &json!({})),
            json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}),
            ping("two"),
            json!({"jsonrpc": "2.0", "id": 3, "method": "no/such"}),
            json!({"jsonrpc": "2.0", "id": 4, "result": {}}),
            json!({"jsonrpc": "2.0", "id": 5}),
            call(6, "server_list", &json!([1])),
            json!({"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            }}),
            json!({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}),
            json!({"jsonrpc": "2.0", "id": true, "method": "ping"}),
        ])
        .await;
    let answers = process.receive_batch().await;
    assert_eq!(answers["1"]["result"]["structuredContent"], json!({}));
    assert_eq!(answers["\"two\""]["result"], json!({}));
    for (id, code) in [
        ("3", -32601),
        ("5", -32600),
        ("6", -32602),
        ("7", -32600),
        ("1.5", -32600),
        ("null", -32600),
    ] {
        assert_eq!(answers[id]["error"]["code"], code, "{}", answers[id]);
    }
    let refused = answers["7"]["error"]["message"].as_str().unwrap();
    assert!(refused.contains("batch"), "{refused}");
    assert_eq!(answers.len(), 8, "{answers:?}");
    process.assert_quiet().await;
}

#[tokio::test]
async fn what_deserves_no_answer_gets_none_and_what_is_no_batch_one_error() {
    let data = directory();
    let mut process = begun(&data, "2025-03-26").await;
    process
        .send_batch(&[
            json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}),
            cancel(99),
            json!({"jsonrpc": "2.0", "id": 4, "result": {}}),
        ])
        .await;
    process.assert_quiet().await;
    let too_many = Value::from(vec![1; 1001]).to_string();
    for (line, code) in [
        ("[]", -32600),
        ("[", -32700),
        (r#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}"#, -32700),
        (too_many.as_str(), -32600),
    ] {
        process.send(line).await;
        let answer = process.receive().await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert_eq!(answer.get("id"), Some(&Value::Null), "{answer}");
    }
    process.send("[1, [], {}]").await;
    let answers = process.receive().await;
    let codes: Vec<_> = answers.as_array().unwrap().iter().collect();
    assert_eq!(codes.len(), 3, "{answers}");
    for answer in codes {
        assert_eq!(
            (&answer["error"]["code"], answer.get("id")),
            (&json!(-32600), Some(&Value::Null))
        );
    }
    process.assert_quiet().await;
}

#[tokio::test]
async fn another_version_refuses_a_batch_with_one_error() {
    let data = directory();
    for version in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let mut process = begun(&data, version).await;
        process.send_batch(&[ping(1), ping(2)]).await;
        let answer = process.receive().await;
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains("2025-03-26"), "{version}: {said}");
        assert_eq!(
            (&answer["error"]["code"], answer.get("id")),
            (&json!(-32600), Some(&Value::Null))
        );
        // A second handshake does not change what was agreed.
        process.initialize("2025-03-26").await;
        process.send_batch(&[ping(3)]).await;
        assert_eq!(process.receive().await["error"]["code"], -32600);
        process.assert_quiet().await;
    }
}

#[tokio::test]
async fn it_waits_for_the_last_answer_while_other_messages_come_and_go() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    let (mut process, id) = with_endless_task(&fixture, &data).await;
    let mut wait = call(10, "task_wait", &json!({"id": id, "timeout": 500}));
    wait["params"]["_meta"] = json!({"progressToken": "p"});
    process.send_batch(&[ping(11), wait]).await;
    process.send_batch(&[ping(12)]).await;
    assert!(process.receive_batch().await.contains_key("12"));
    // Progress is no answer.
    let progress = process.receive().await;
    assert_eq!(progress["method"], "notifications/progress", "{progress}");
    process
        .send(&call(13, "task_cancel", &json!({"id": id})).to_string())
        .await;
    let (mut alone, mut together) = (Value::Null, HashMap::new());
    while alone.is_null() || together.is_empty() {
        let line = process.receive().await;
        if let Some(answers) = line.as_array() {
            together = answers
                .iter()
                .map(|answer| (answer["id"].to_string(), answer.clone()))
                .collect();
        } else if line["id"] == 13 {
            alone = line;
        }
    }
    assert_eq!(together.len(), 2, "{together:?}");
    assert_eq!(together["11"]["result"], json!({}));
    let record = &together["10"]["result"]["structuredContent"];
    assert_eq!(record["status"], "cancelled", "{record}");
}

#[tokio::test]
async fn a_cancelled_request_is_not_waited_for() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    let (mut process, id) = with_endless_task(&fixture, &data).await;
    let wait = |number| call(number, "task_wait", &json!({"id": id, "timeout": 500}));
    process.send_batch(&[wait(10), ping(11), wait(12)]).await;
    process.send(&cancel(10).to_string()).await;
    process.send_batch(&[ping(13)]).await;
    assert!(process.receive_batch().await.contains_key("13"));
    process.send(&cancel(12).to_string()).await;
    let answers = process.receive_batch().await;
    assert!(
        answers.len() == 1 && answers.contains_key("11"),
        "{answers:?}"
    );
    // By the batch itself, and all of it.
    process.send_batch(&[wait(20), cancel(20)]).await;
    process.send_batch(&[wait(21), wait(22)]).await;
    process.send_batch(&[cancel(21), cancel(22)]).await;
    process.assert_quiet().await;
}

#[tokio::test]
async fn an_id_that_waits_for_its_answer_is_not_taken_again() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    let (mut process, id) = with_endless_task(&fixture, &data).await;
    let wait = |number| call(number, "task_wait", &json!({"id": id, "timeout": 500}));
    process.send(&wait(10).to_string()).await;
    process.send_batch(&[ping(10), ping(11), ping(12)]).await;
    let answers = process.receive_batch().await;
    assert_eq!(answers["10"]["error"]["code"], -32600, "{answers:?}");
    assert!(answers["11"]["result"].is_object() && answers["12"]["result"].is_object());
    process.send_batch(&[wait(20), ping(20)]).await;
    process.send(&ping(20).to_string()).await;
    assert_eq!(process.receive().await["error"]["code"], -32600);
    process.send(&cancel(10).to_string()).await;
    process.send(&cancel(20).to_string()).await;
    let answers = process.receive_batch().await;
    assert_eq!(answers["20"]["error"]["code"], -32600, "{answers:?}");
    // It is free again.
    process.send_batch(&[ping(10), ping(20)]).await;
    let answers = process.receive_batch().await;
    assert!(answers["10"]["result"].is_object() && answers["20"]["result"].is_object());
}

#[tokio::test]
async fn at_the_end_of_the_input_what_is_answered_still_comes() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    let (mut process, id) = with_endless_task(&fixture, &data).await;
    let messages: Vec<_> = (10..110).map(ping).collect();
    process.send_batch(&messages).await;
    let wait = call(110, "task_wait", &json!({"id": id, "timeout": 500}));
    process.send_batch(&[ping(111), wait]).await;
    process.close_input();
    let answers = process.receive_batch().await;
    assert_eq!(answers.len(), 100, "{answers:?}");
    let answers = process.receive_batch().await;
    assert!(answers["111"]["result"].is_object(), "{answers:?}");
    assert!(process.child.wait().await.unwrap().success());
}

#[tokio::test]
async fn answers_that_are_too_long_for_one_line_come_in_several() {
    let data = directory();
    let mut process = begun(&data, "2025-03-26").await;
    let list = |id: u64| json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"});
    let messages: Vec<_> = (0..1000).map(list).collect();
    process.send_batch(&messages).await;
    let (mut answers, mut lines) = (HashSet::new(), 0);
    while answers.len() < messages.len() {
        let some = process.receive_batch().await;
        lines += 1;
        for (id, answer) in some {
            assert!(answer["result"]["tools"].is_array(), "{answer}");
            assert!(answers.insert(id), "twice");
        }
    }
    assert!(lines > 1, "the answers need more than one line");
    process.assert_quiet().await;
}
