//! MCP on stdio: versions, malformed lines, protocol errors, progress.

use serde_json::{Value, json};

use crate::helper::{Http, RawProcess, Sshd, assert_has, binary, directory};

fn spawn(data: &crate::helper::Folder) -> RawProcess {
    let mut command = binary();
    command.arg(format!("--data-dir={}", data.path().display()));
    RawProcess::spawn(command)
}

#[tokio::test]
async fn every_version_with_a_handshake_is_spoken() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let data = directory();
        let mut process = spawn(&data);
        let answer = process.initialize(version).await;
        assert_eq!(answer["result"]["protocolVersion"], version);
        assert_eq!(answer["result"]["serverInfo"]["name"], "orchestrator");
        let listed = process.call(1, "server_list", json!({})).await;
        assert_eq!(listed["result"]["structuredContent"], json!({}));
    }
}

#[tokio::test]
async fn the_stateless_version_is_spoken() {
    let data = directory();
    let mut process = spawn(&data);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let request = |id: u64, method: &str, params: Value| {
        let mut params = params;
        params["_meta"] = meta.clone();
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
    };
    process
        .send(&request(1, "server/discover", json!({})))
        .await;
    let discovered = process.answer(1).await;
    let versions = discovered["result"]["supportedVersions"]
        .as_array()
        .unwrap();
    assert!(
        versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2024-11-05")),
        "{discovered}"
    );
    process.send(&request(2, "tools/list", json!({}))).await;
    assert!(
        process.answer(2).await["result"]["tools"]
            .as_array()
            .unwrap()
            .len()
            > 10
    );
    process
        .send(&request(
            3,
            "tools/call",
            json!({"name": "queue_stats", "arguments": {}}),
        ))
        .await;
    assert_eq!(
        process.answer(3).await["result"]["structuredContent"]["stats"]["total"],
        0
    );
}

#[tokio::test]
async fn nothing_that_is_sent_ends_it_and_everything_malformed_is_answered() {
    let data = directory();
    let mut process = spawn(&data);
    // Too early, and to be ignored.
    process
        .send(r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#)
        .await;
    process.initialize("2025-11-25").await;
    process.send("{not json").await;
    assert_eq!(process.receive().await["error"]["code"], -32700);
    process.send(r#"{"jsonrpc": "2.0", "id": 5}"#).await;
    let answer = process.receive().await;
    assert_eq!(
        (&answer["error"]["code"], &answer["id"]),
        (&json!(-32600), &json!(5))
    );
    process.send("").await;
    process.send(r#"{"jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": {"name": "server_list", "arguments": [1]}}"#).await;
    let answer = process.answer(6).await;
    assert_eq!(answer["error"]["code"], -32602);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("arguments")
    );
    process
        .send(r#"{"jsonrpc": "2.0", "id": 7, "method": "no/such"}"#)
        .await;
    assert_eq!(process.answer(7).await["error"]["code"], -32601);
    let answer = process.call(8, "no_such_tool", json!({})).await;
    assert_eq!(answer["error"]["code"], -32602);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no_such_tool")
    );
    let overlong = format!(
        r#"{{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": {{"x": "{}"}}}}"#,
        "x".repeat(17 << 20)
    );
    process.send(&overlong).await;
    let answer = process.receive().await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("longer than")
    );
    let listed = process.call(10, "server_list", json!({})).await;
    assert_eq!(listed["result"]["isError"], false);
}

#[tokio::test]
async fn a_second_handshake_leaves_the_session_as_it_is() {
    let data = directory();
    for version in ["2025-06-18", "2025-11-25", "2026-07-28", "2099-01-01"] {
        let mut process = spawn(&data);
        process.initialize("2025-06-18").await;
        let again = process.initialize(version).await;
        assert!(again["result"]["protocolVersion"].is_string(), "{again}");
        process
            .send(r#"{"jsonrpc": "2.0", "id": 5, "method": "ping"}"#)
            .await;
        let pong = process.answer(5).await;
        assert_eq!(pong["result"], json!({}), "after {version}: {pong}");
        let listed = process.call(6, "server_list", json!({})).await;
        assert_eq!(listed["result"]["isError"], false, "after {version}");
        let tools = process.tools().await;
        assert!(tools.len() > 10, "after {version}");
    }
}

#[tokio::test]
async fn an_error_has_an_id_also_where_none_could_be_read() {
    let data = directory();
    let mut process = spawn(&data);
    process.initialize("2025-06-18").await;
    for line in ["{", "[]", "7", r#"{"jsonrpc": "2.0"}"#] {
        process.send(line).await;
        let answer = process.receive().await;
        assert!(answer["error"]["code"].is_number(), "{line}: {answer}");
        let id = answer.as_object().unwrap().get("id");
        assert_eq!(id, Some(&Value::Null), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_check_of_an_api_reports_progress() {
    let (data, sshd) = (directory(), Sshd::start());
    let http = Http::start(None).await;
    let mut command = binary();
    command
        .arg(format!("--data-dir={}", data.path().display()))
        .arg("--sync-timeout=6");
    let mut process = RawProcess::spawn(command);
    process.initialize("2025-06-18").await;
    process.call(1, "server_add", sshd.login("web1")).await;
    let silent = format!("http://127.0.0.1:{}/silent", http.port);
    let params = json!({
        "name": "check_api_health",
        "arguments": {"alias": "web1", "url": silent},
        "_meta": {"progressToken": "p1"},
    });
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params});
    process.send(&call.to_string()).await;
    let progress = process.receive().await;
    assert_eq!(
        (&progress["method"], &progress["params"]["progressToken"]),
        (&json!("notifications/progress"), &json!("p1"))
    );
    let answer = process.answer(2).await;
    assert_eq!(answer["result"]["structuredContent"]["status"], "DOWN");
}

#[tokio::test]
async fn a_waiting_call_reports_progress() {
    let (sshd, data) = (Sshd::start(), directory());
    let mut process = spawn(&data);
    process.initialize("2025-06-18").await;
    process.call(1, "server_add", sshd.login("web1")).await;
    let params = json!({
        "name": "task_exec", "arguments": {"alias": "web1", "cmd": "echo begun; sleep 5; echo done"},
        "_meta": {"progressToken": "p1"},
    });
    process
        .send(
            &json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params})
                .to_string(),
        )
        .await;
    let progress = process.receive().await;
    assert_eq!(
        (&progress["method"], &progress["params"]["progressToken"]),
        (&json!("notifications/progress"), &json!("p1"))
    );
    assert!(progress["params"]["progress"].as_f64().unwrap() > 0.0);
    let message = progress["params"]["message"].as_str().unwrap();
    assert!(message.ends_with(" s: begun"), "{message}");
    assert_eq!(
        process.answer(2).await["result"]["structuredContent"]["output"],
        "begun\ndone"
    );
}

#[tokio::test]
async fn a_transfer_reports_its_bytes() {
    let (sshd, data, local) = (Sshd::start(), directory(), directory());
    let mut process = spawn(&data);
    process.initialize("2025-06-18").await;
    process.call(1, "server_add", sshd.login("web1")).await;
    let length = 256 * 1024 * 1024;
    let large = std::fs::File::create(local.path().join("large")).unwrap();
    // Holes take no room, and are looked at all the same.
    large.set_len(length).unwrap();
    let params = json!({
        "name": "task_transfer", "_meta": {"progressToken": "p1"},
        "arguments": {
            "alias": "web1", "direction": "upload", "local": local.path().join("large"),
            "remote": sshd.home("there"), "verify": true,
        },
    });
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params});
    process.send(&call.to_string()).await;
    let mut last = 0.0;
    let mut seen = 0;
    let answer = loop {
        let message = process.receive().await;
        if message["id"] == 2 {
            break message;
        }
        let progress = message["params"]["progress"].as_f64().unwrap();
        assert!(progress > last, "it increases");
        last = progress;
        let says = message["params"]["message"].as_str().unwrap();
        seen += usize::from(says.contains("MB/s"));
    };
    let record = &answer["result"]["structuredContent"];
    assert_has(record, &json!({"bytes": length, "bytesTotal": length}));
    assert!(seen > 0);
}
