//! A client that writes and does not read, IDs of every kind: memory stays bounded, and each request
//! gets its answer.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::helper::{Fixture, Folder, RawProcess, binary, directory, login, memory};

fn spawn(data: &Folder) -> RawProcess {
    let mut command = binary();
    command.arg(format!("--data-dir={}", data.path().display()));
    RawProcess::spawn(command)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn answers_that_nobody_reads_do_not_pile_up_and_all_come_once_somebody_does() {
    const REQUESTS: u64 = 20_000;
    let data = directory();
    let mut command = binary();
    command
        .arg(format!("--data-dir={}", data.path().display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
    let begin = json!({
        "jsonrpc": "2.0", "id": "begin", "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    });
    stdin
        .write_all(format!("{begin}\n").as_bytes())
        .await
        .unwrap();
    stdout.next_line().await.unwrap().unwrap();
    stdin
        .write_all(b"{\"jsonrpc\": \"2.0\", \"method\": \"notifications/initialized\"}\n")
        .await
        .unwrap();
    let before = memory(process.id().unwrap(), "VmRSS");
    // Malformed ones, whose answers are made elsewhere, among those that list all tools.
    let written = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&written);
    let writing = tokio::spawn(async move {
        for id in 0..REQUESTS {
            let line = if id % 10 == 0 {
                format!("{{\"jsonrpc\": \"2.0\", \"id\": {id}, \"method\": \"tools/list\"}}\n")
            } else {
                format!(
                    "{{\"jsonrpc\": \"2.0\", \"id\": {id}, \"{}\": 1}}\n",
                    "x".repeat(3000)
                )
            };
            stdin.write_all(line.as_bytes()).await.unwrap();
            counted.store(id + 1, Ordering::Relaxed);
        }
        stdin
    });
    // It is full once it takes nothing any more.
    let (mut last, mut taken) = (0, 1);
    while taken > last {
        last = taken;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = memory(process.id().unwrap(), "VmRSS");
        assert!(
            now < before + 64 * 1024 * 1024,
            "it grew from {before} to {now}"
        );
        taken = written.load(Ordering::Relaxed) + 1;
    }
    assert!(!writing.is_finished(), "it takes no more than it can hold");
    let mut answered = vec![false; usize::try_from(REQUESTS).unwrap()];
    for _ in 0..REQUESTS {
        let line = stdout.next_line().await.unwrap().expect("it goes on");
        let answer: Value = serde_json::from_str(&line).unwrap();
        let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
        let is_list = answer["result"]["tools"].is_array();
        assert_eq!(is_list, id % 10 == 0, "{}", &line[..200]);
        assert!(!std::mem::replace(&mut answered[id], true), "{id} twice");
    }
    assert!(answered.iter().all(|answered| *answered));
    drop(writing.await.unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(20), process.wait()).await;
    assert!(ended.expect("it ends").unwrap().success());
}

#[tokio::test]
async fn many_calls_that_wait_do_not_keep_a_cancellation_from_being_heard() {
    let fixture = Fixture::embedded().await;
    let data = directory();
    let mut process = spawn(&data);
    process.initialize("2025-06-18").await;
    let server = login("web1", fixture.server.address().port());
    process.call(1, "server_add", server).await;
    let arguments =
        json!({"alias": "web1", "cmd": "sleep 1000", "background": true, "detach": false});
    let handed = process.call(2, "task_exec", arguments).await;
    let id = &handed["result"]["structuredContent"]["id"];
    let call = |number: u64, name: &str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
            .to_string()
    };
    for number in 100..400 {
        let wait = call(number, "task_wait", json!({"id": id, "timeout": 500}));
        process.send(&wait).await;
    }
    process
        .send(&call(3, "task_cancel", json!({"id": id})))
        .await;
    let mut answers = 0;
    while answers < 301 {
        let answer = process.receive().await;
        assert!(answer["result"].is_object(), "{answer}");
        answers += 1;
    }
}

#[tokio::test]
async fn each_id_that_json_rpc_knows_comes_back_and_every_request_has_its_answer() {
    let data = directory();
    let mut process = spawn(&data);
    process.initialize("2025-06-18").await;
    let long = format!("\"{}\"", "i".repeat(100_000));
    let held = [
        "0",
        "-7",
        "9223372036854775807",
        "\"a\"",
        "\"\"",
        "\"\\u00e9 \\\"\"",
        &long,
    ];
    for id in held {
        process
            .send(&format!(
                r#"{{"jsonrpc": "2.0", "id": {id}, "method": "ping"}}"#
            ))
            .await;
        let answer = process.receive().await;
        assert!(answer["result"].is_object(), "{id}: {answer}");
        let expected: Value = serde_json::from_str(id).unwrap();
        assert_eq!(answer["id"], expected);
    }
    let refused = [
        ("9223372036854775808", "9223372036854775808"),
        ("-9223372036854775809", "-9223372036854775809"),
        ("18446744073709551616", "18446744073709551616"),
        ("1.5", "1.5"),
        ("1e300", "1e300"),
        ("1e999", "1e999"),
        (r#""\ud800""#, r#""\ud800""#),
        ("null", "null"),
        ("true", "null"),
        ("{\"a\": 1}", "null"),
        ("[1]", "null"),
    ];
    for (id, expected) in refused {
        for method in ["ping", "tools/call", "tools/list", "no/such"] {
            process
                .send(&format!(
                    r#"{{"jsonrpc": "2.0", "method": "{method}", "id": {id}, "params": {{}}}}"#
                ))
                .await;
            let answer = process.receive_text().await;
            assert!(
                answer.contains(&format!("\"id\":{expected},"))
                    && answer.contains("\"code\":-32600"),
                "{method} {id}: {answer}"
            );
        }
    }
    for (line, code) in [
        (
            r#"{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "x"}"#,
            -32600,
        ),
        (r#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]"#, -32600),
        ("[]", -32600),
        ("17", -32600),
        ("[", -32700),
        (r#"{"jsonrpc": "2.0", "id": 1"#, -32700),
        (r#"{"jsonrpc": "2.0", "id": 1, "method": 5}"#, -32600),
    ] {
        process.send(line).await;
        let answer = process.receive().await;
        assert_eq!(answer["error"]["code"], code, "{line}: {answer}");
    }
    // Answers to nobody's request get no answer, nor do notifications with an ID of null, which some
    // clients write.
    for line in [
        r#"{"jsonrpc": "2.0", "id": 1.5, "result": {}}"#,
        r#"{"jsonrpc": "2.0", "id": null, "result": {}}"#,
        r#"{"jsonrpc": "2.0", "id": 9223372036854775808, "error": {"code": 1, "message": "x"}}"#,
        r#"{"jsonrpc": "2.0", "id": 1e999, "result": {}}"#,
        r#"{"jsonrpc": "2.0", "id": true, "error": 5}"#,
        r#"{"jsonrpc": "2.0", "id": 77, "result": {}}"#,
        r#"{"jsonrpc": "2.0", "id": null, "method": "notifications/initialized"}"#,
        r#"{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1.5}}"#,
    ] {
        process.send(line).await;
    }
    let listed = process.call(10, "server_list", json!({})).await;
    assert_eq!(listed["result"]["isError"], false, "{listed}");
    assert!(process.heard.lines().last().unwrap().contains("\"id\":10"));
}

#[tokio::test]
async fn a_standard_error_that_nobody_reads_or_that_is_closed_stops_nothing() {
    let data = directory();
    for closed in [false, true] {
        let mut command = binary();
        command
            .arg(format!("--data-dir={}", data.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let unread = (!closed).then_some(stderr);
        let mut process = RawProcess::of(child);
        process.initialize("2025-06-18").await;
        // Each is a warning in the log: together far more than a pipe holds.
        for _ in 0..3000 {
            process.send("{not json").await;
            assert_eq!(process.receive().await["error"]["code"], -32700);
        }
        let listed = process.call(1, "server_list", json!({})).await;
        assert_eq!(listed["result"]["isError"], false);
        drop(unread);
    }
}
