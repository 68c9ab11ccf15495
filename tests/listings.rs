//! Answers with data: they are as their schemas say, small on the wire, and their texts say the same.

use std::fmt::Write;
use std::path::Path;

use mcp_sftp_orchestrator::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::helper::{
    Calls, Client, Fixture, PROGRAMS, RawProcess, Sshd, closed_port, directory, login, text,
};

#[tokio::test]
async fn every_answer_with_data_is_as_its_schema_says() {
    let sshd = Sshd::with_programs(&PROGRAMS, "").with_pm2();
    let fixture = Fixture::with(sshd).await;
    let failed = fixture.exec("seq 1 100; exit 3").await.ok();
    let sequence = json!({"alias": "web1", "commands": ["true", "exit 2"]});
    fixture
        .client
        .call("task_exec_sequence", sequence)
        .await
        .ok();
    let calls = Calls {
        alias: "web1".to_owned(),
        login: fixture.server.login("web2"),
        command: "true".to_owned(),
        upload: [fixture.local("none"), fixture.remote("none")],
        remote: fixture.remote("none"),
        downloads: text(fixture.files.path()),
        failed: [failed.facts()["id"].clone(), Value::Null],
        changed: Value::Null,
        url: format!("http://127.0.0.1:{}", closed_port()),
    };
    let mut tools = fixture.client.tools().await;
    // Servers and APIs are added first and removed last.
    tools.sort_by_key(|tool| (tool.name.ends_with("_remove"), !tool.name.ends_with("_add")));
    let mut validated = 0;
    for tool in tools {
        let Some(schema) = &tool.output_schema else {
            continue;
        };
        let schema = Value::Object(schema.as_ref().clone());
        assert_eq!(schema["type"], "object", "{}", tool.name);
        assert!(!schema.to_string().contains("additionalProperties"));
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (_, arguments) in calls.of(&tool.name) {
            let answer = fixture.client.call(tool.name.clone(), arguments).await;
            if answer.is_error() {
                continue;
            }
            let facts = answer.facts();
            let problems: Vec<_> = validator
                .iter_errors(facts)
                .map(|e| e.to_string())
                .collect();
            assert!(
                problems.is_empty(),
                "{}: {problems:?} in {facts}",
                tool.name
            );
            let named = schema["properties"].as_object();
            let is_named = |name: &String| named.is_some_and(|named| named.contains_key(name));
            assert!(
                named.is_none() || facts.as_object().unwrap().keys().any(is_named),
                "{}: {facts}",
                tool.name
            );
            assert_text(&tool.name, answer.text());
            validated += 1;
        }
    }
    assert!(validated > 20, "{validated}");
}

/// A text for people is no JSON.
fn assert_text(tool: &str, text: &str) {
    assert!(
        serde_json::from_str::<Value>(text).is_err(),
        "{tool}: {text}"
    );
    assert!(!text.is_empty() && !text.contains("  \n"), "{tool}: {text}");
}

#[tokio::test]
async fn a_probe_that_is_handed_off_answers_as_its_schema_says() {
    let slow = [("systemctl", "sleep 2"), ("docker", ":"), ("pm2", ":")];
    let fixture = Fixture::configured(Sshd::with_programs(&slow, ""), |config| {
        config.sync_timeout = std::time::Duration::from_millis(300);
    })
    .await;
    let tool = "get_services_status";
    let answer = fixture
        .client
        .call(tool, json!({"alias": "web1"}))
        .await
        .ok();
    answer.has(&json!({"status": "running"}));
    let mut tools = fixture.client.tools().await.into_iter();
    let schema = tools
        .find(|listed| listed.name == tool)
        .unwrap()
        .output_schema;
    let schema = Value::Object(schema.unwrap().as_ref().clone());
    jsonschema::validate(&schema, answer.facts()).unwrap();
    fixture.client.wait(&answer.facts()["taskId"]).await.ok();
}

/// A process with the default settings that knows `web1`, and has these tasks in its queue.
async fn process(data: &Path, server: Value, tasks: &[Value]) -> RawProcess {
    let queue = tasks
        .iter()
        .map(|task| (text_of(&task["id"]), task.clone()));
    let queue: Map<_, _> = queue.collect();
    let history = tasks.iter().map(|task| {
        json!({"jobId": task["id"], "timestamp": task["createdAt"], "type": "ssh", "alias": task["alias"],
            "command": task["cmd"]})
    });
    let history: Vec<_> = history.collect();
    std::fs::write(data.join("queue.json"), json!(queue).to_string()).unwrap();
    std::fs::write(data.join("history.json"), json!(history).to_string()).unwrap();
    let settings = [("MCP_STRUCTURED", "auto")];
    let mut process = RawProcess::serving(data, &settings, &data.join("log")).await;
    process.tool("server_add", server).await.ok();
    process
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn task(number: usize, alias: &str, cmd: &str) -> Value {
    json!({"id": format!("{number:08x}"), "type": "ssh", "alias": alias, "cmd": cmd, "status": "completed",
        "createdAt": Timestamp::now().to_string(), "completedAt": Timestamp::now().to_string(), "retryCount": 0,
        "maxRetries": 3, "output": "x".repeat(1000), "stderr": "", "exitCode": 0, "duration": 1234})
}

/// A call's result as it goes over the wire.
async fn sent(process: &mut RawProcess, tool: &str, arguments: Value) -> Value {
    let mut answer = process.call(77, tool, arguments).await;
    let result = answer["result"].take();
    assert_ne!(result["isError"], true, "{result}");
    assert!(result["structuredContent"].is_object(), "{result}");
    result
}

#[tokio::test]
async fn a_full_queue_is_listed_in_little() {
    let (data, closed) = (directory(), closed_port());
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            task(
                number,
                "web1",
                &format!("systemctl restart app-{number} && journalctl -u app"),
            )
        })
        .collect();
    let server = login("web1", closed);
    let mut process = process(data.path(), server, &tasks).await;
    for (tool, bound) in [("task_queue", 5 * 1024), ("task_history", 5500)] {
        let listed = sent(&mut process, tool, json!({})).await;
        let size = listed.to_string().len();
        assert!(size <= bound, "{tool}: {size} bytes: {listed}");
        let facts = &listed["structuredContent"];
        let name = if tool == "task_queue" {
            "tasks"
        } else {
            "entries"
        };
        assert_eq!(
            (
                facts["total"].as_u64(),
                facts[name].as_array().unwrap().len()
            ),
            (Some(50), 20)
        );
        assert!(text_of(&facts["next"]).starts_with(tool), "{facts}");
    }
    let id = json!({"id": tasks[0]["id"]});
    let status = sent(&mut process, "task_status", id).await.to_string();
    assert!(status.len() <= 3 * 1024, "{} bytes: {status}", status.len());
}

#[tokio::test]
async fn records_of_a_megabyte_stay_small_in_lists() {
    let (data, closed) = (directory(), closed_port());
    let long = "x\u{e9}".repeat(400_000);
    let mut tasks: Vec<_> = (0..30).map(|number| task(number, "web1", &long)).collect();
    tasks[0]["alias"] = json!(long);
    tasks[1]["error"] = json!(long);
    tasks[1]["status"] = json!("failed");
    tasks[1]["exitCode"] = Value::Null;
    tasks[2] = json!({"id": "00000002", "type": "sftp", "alias": "web1", "status": "failed", "direction": "upload",
        "local": long, "remote": long, "createdAt": Timestamp::now().to_string(), "retryCount": 0, "maxRetries": 3,
        "failedFiles": (0..300).map(|_| json!({"file": "f".repeat(5000), "error": "e".repeat(5000)})).collect::<Vec<_>>()});
    tasks[3] = json!({"id": "00000003", "type": "ssh_sequence", "alias": "web1", "status": "failed",
        "commands": [long], "continueOnError": false, "createdAt": Timestamp::now().to_string(), "retryCount": 0,
        "maxRetries": 3, "results": (1..=300).map(|step| json!({"step": step, "command": "c".repeat(5000),
            "success": false, "error": "e".repeat(5000)})).collect::<Vec<_>>()});
    let server = login("web1", closed);
    let mut process = process(data.path(), server, &tasks).await;
    for tool in ["task_queue", "task_history"] {
        let size = sent(&mut process, tool, json!({})).await.to_string().len();
        assert!(size <= 16 * 1024, "{tool}: {size} bytes");
    }
    for number in 0..4 {
        let id = json!({"id": format!("{number:08x}")});
        let size = sent(&mut process, "task_status", id)
            .await
            .to_string()
            .len();
        assert!(size <= 24 * 1024, "task {number}: {size} bytes");
    }
    let stats = sent(&mut process, "queue_stats", json!({}))
        .await
        .to_string();
    assert!(stats.len() <= 2 * 1024, "{stats}");
}

#[tokio::test]
async fn two_hundred_units_are_counted_and_those_that_failed_are_shown() {
    let mut units = "cat <<'end'\n".to_owned();
    for number in 0..200 {
        let (dot, state) = match number {
            3 | 50 | 190 => ("\u{25cf} ", "failed failed"),
            _ if number % 4 == 0 => ("  ", "inactive dead"),
            _ => ("  ", "active running"),
        };
        let name = format!("app-{number}.service");
        writeln!(
            units,
            "{dot}{name} loaded {state} The service of application number {number}"
        )
        .unwrap();
    }
    units.push_str("end\n");
    let programs = [("systemctl", units.as_str())];
    let (sshd, data) = (Sshd::with_programs(&programs, ""), directory());
    let mut process = process(data.path(), sshd.login("web1"), &[]).await;
    let one = json!({"alias": "web1"});
    let shown = sent(&mut process, "get_services_status", one.clone()).await;
    let size = shown.to_string().len();
    assert!(size <= 2560, "{size} bytes: {shown}");
    let systemd = &shown["structuredContent"]["systemd"];
    assert_eq!(
        systemd["counts"],
        json!({"failed": 3, "inactive": 50, "active": 147})
    );
    let text = text_of(&shown["content"][0]["text"]);
    for name in ["app-3", "app-50", "app-190"] {
        assert!(
            systemd["services"]
                .to_string()
                .contains(&format!("\"{name}\"")),
            "{systemd}"
        );
        assert!(text.contains(&format!("\n{name} ")), "{text}");
    }
    let resources = sent(&mut process, "get_system_resources", one).await;
    let size = resources.to_string().len();
    assert!(size <= 4 * 1024, "{size} bytes: {resources}");
}

#[tokio::test]
async fn the_schemas_of_answers_are_small() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let tools = client.tools().await;
    let schemas = tools.iter().filter_map(|tool| tool.output_schema.as_ref());
    let sizes = schemas.map(|schema| serde_json::to_string(schema).unwrap().len());
    let size: usize = sizes.sum();
    assert!(size <= 4 * 1024, "{size} bytes");
}
