//! Passwords that are written into calls: kept and shown nowhere in clear, and there for a retry.

use std::path::Path;

use mcp_sftp_orchestrator::hex::digits;
use serde_json::{Value, json};

use crate::helper::search::Search;
use crate::helper::{Client, Sshd, assert_has, directory, eventually, eventually_so, text};

/// A call that writes its password into a file on the server and fails, and that password.
struct FailingCall {
    tool: &'static str,
    arguments: Value,
    secret: String,
}

/// One call of each kind that takes commands.
fn failing_calls(folder: &Path) -> Vec<FailingCall> {
    let secret = |name: &str| format!("Hx7-{name}-of-a-call");
    let writes = |name: &str, variable: &str| {
        let file = text(&folder.join(name));
        format!("printf %s \"${variable}\" >> '{file}'; exit 3")
    };
    let exported = |name: &str| {
        format!(
            "export APP_TOKEN={}; {}",
            secret(name),
            writes(name, "APP_TOKEN")
        )
    };
    let call = |name: &str, tool, arguments| FailingCall {
        tool,
        arguments,
        secret: secret(name),
    };
    let stdin = format!("cat >> '{}'; exit 3", text(&folder.join("stdin")));
    let script = format!("#!/bin/sh\n{}", writes("script", "2"));
    vec![
        call(
            "exec",
            "task_exec",
            json!({"alias": "web1", "cmd": exported("exec"), "detach": false}),
        ),
        call(
            "detached",
            "task_exec",
            json!({"alias": "web1", "cmd": exported("detached"), "detach": true}),
        ),
        call(
            "sequence",
            "task_exec_sequence",
            json!({"alias": "web1", "commands": ["true", format!("( {} )", exported("sequence"))]}),
        ),
        call(
            "interactive",
            "task_exec_interactive",
            json!({"alias": "web1", "cmd": exported("interactive")}),
        ),
        call(
            "env",
            "task_exec",
            json!({"alias": "web1", "cmd": writes("env", "DB_PASS"), "env": {"DB_PASS": secret("env")}}),
        ),
        call(
            "stdin",
            "task_exec",
            json!({"alias": "web1", "cmd": stdin, "stdin": format!("password={}", secret("stdin"))}),
        ),
        call(
            "script",
            "task_exec",
            json!({"alias": "web1", "cmd": "", "script": script, "args": ["--password", secret("script")]}),
        ),
        call(
            "fleet",
            "task_exec",
            json!({"alias": "web1,web2", "cmd": exported("fleet"), "detach": false}),
        ),
    ]
}

/// A server's program whose answers have the whole record.
async fn serve(data: &Path) -> Client {
    std::fs::write(data.join(".env"), "MCP_STRUCTURED=always\n").unwrap();
    Client::spawned(data, &[]).await
}

#[tokio::test]
async fn passwords_in_calls_are_kept_nowhere_in_clear_and_a_retry_has_them() {
    let (sshd, other, data, folder) = (Sshd::start(), Sshd::start(), directory(), directory());
    let client = serve(data.path()).await;
    client.register(sshd.login("web1")).await;
    client.register(other.login("web2")).await;
    let calls = failing_calls(folder.path());
    let secrets: Vec<_> = calls
        .iter()
        .map(|call| (call.tool, call.secret.as_str()))
        .collect();
    let search = Search::of(&secrets);
    let mut ids = Vec::new();
    for FailingCall {
        tool,
        arguments,
        secret,
    } in &calls
    {
        let begun = client.call(*tool, arguments.clone()).await.ok();
        let id = json!({"id": begun.facts()["id"]});
        client.call("task_wait", id.clone()).await.ok();
        for (tool, arguments) in [
            ("task_status", json!({"id": id["id"], "verbose": true})),
            ("task_queue", json!({})),
            ("task_history", json!({})),
        ] {
            let answer = client.call(tool, arguments).await.ok();
            let shown = format!("{}{}", answer.text(), answer.facts());
            assert!(!shown.contains(secret), "{tool}: {shown}");
        }
        let again = client.call("task_retry", id.clone()).await.ok();
        client
            .call("task_wait", json!({"id": again.facts()["id"]}))
            .await
            .ok();
        ids.push(id);
    }
    client.kill().await;
    // Another process has them, too, also where the first was killed.
    let client = serve(data.path()).await;
    let first = client.call("task_retry", ids[0].clone()).await.ok();
    first.has(&json!({"exitCode": 3}));
    for call in &calls {
        let name = call.secret.split('-').nth(1).unwrap();
        let written = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let times = written.matches(&call.secret).count();
        let expected = match name {
            "exec" => 3,
            "fleet" => 4,
            _ => 2,
        };
        assert_eq!(times, expected, "{name}: {written}");
    }
    let found = search.found_in_files(data.path());
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn work_is_kept_only_for_as_long_as_it_may_be_retried() {
    let (sshd, data, folder) = (Sshd::start(), directory(), directory());
    let client = serve(data.path()).await;
    client.register(sshd.login("web1")).await;
    let go = text(&folder.path().join("go"));
    let cmd = format!("DB_PASSWORD=Hx7-once-only true; test -e '{go}'");
    let call = json!({"alias": "web1", "cmd": cmd});
    let failed = client.call("task_exec", call).await.ok();
    let kept = || {
        let kept = std::fs::read_dir(data.path().join("waiting"));
        kept.map_or(0, |kept| {
            kept.flatten()
                .filter(|entry| {
                    entry
                        .path()
                        .extension()
                        .is_some_and(|end| end == "versions")
                })
                .count()
        })
    };
    eventually("the failed one's is kept", || kept() == 1).await;
    std::fs::write(&go, "").unwrap();
    let again = client
        .call("task_retry", json!({"id": failed.facts()["id"]}))
        .await
        .ok();
    again.has(&json!({"status": "completed"}));
    eventually("that of the one that succeeded is not", || kept() == 1).await;
}

#[tokio::test]
async fn the_trail_has_size_and_hash_of_a_file_s_text() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = serve(data.path()).await;
    client.register(sshd.login("web1")).await;
    let path = sshd.home("conf");
    let content = "db_password = Hx7-in-a-file\nport = 1\n";
    let write = json!({"alias": "web1", "path": path, "content": content});
    let written = client.call("file_write", write).await.ok();
    assert!(
        written.text().contains("Hx7-in-a-file"),
        "the caller sees the difference: {}",
        written.text()
    );
    let edits = json!([{"old": "Hx7-in-a-file", "new": "Hx7-in-an-edit"}]);
    let edit = json!({"alias": "web1", "path": path, "edits": edits});
    client.call("file_edit", edit).await.ok();
    let trail = std::fs::read_to_string(data.path().join("audit.jsonl")).unwrap();
    let line = |tool: &str| -> Value {
        let mut lines = trail
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .find(|line| line["tool"] == tool && line["event"] == "begun")
            .unwrap()
    };
    let hash = digits(&crate::helper::sha256(content.as_bytes()));
    let expected = format!("{} bytes, SHA-256 {hash}", content.len());
    assert_has(
        &line("file_write")["arguments"],
        &json!({"path": path, "content": expected}),
    );
    let sizes = json!([{"old": "13 bytes", "new": "14 bytes"}]);
    assert_has(&line("file_edit")["arguments"], &json!({"edits": sizes}));
    let search = Search::of(&[("content", "Hx7-in-a-file"), ("edit", "Hx7-in-an-edit")]);
    eventually_so("the queue has it masked", async || {
        let queue = data.path().join("queue.json");
        std::fs::read_to_string(queue).is_ok_and(|queue| queue.contains("db_password = ***"))
    })
    .await;
    let found = search.found_in_files(data.path());
    assert!(found.is_empty(), "{found:#?}");
}
