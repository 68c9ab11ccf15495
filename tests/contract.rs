//! The contract: tools, their parameters and annotations, refusals, and the documents that list them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::helper::{Client, Fixture, PASSWORD, USER, directory};

const ORIGINAL: &str = include_str!("data/original-inputs.json");

#[tokio::test]
async fn every_tool_takes_what_the_original_took() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let original: Value = serde_json::from_str(ORIGINAL).unwrap();
    let tools = client.tools().await;
    let mut compared = 0;
    for tool in &tools {
        let schema = Value::Object(tool.input_schema.as_ref().clone());
        let written = schema.to_string();
        assert!(
            !written.contains("$ref") && !written.contains("null"),
            "{}: {written}",
            tool.name
        );
        let Some(expected) = original.get(tool.name.as_ref()) else {
            continue;
        };
        for (name, property) in expected["properties"].as_object().unwrap() {
            let ours = &schema["properties"][name];
            for key in ["type", "enum", "default"] {
                // A list's limit of the original's has its default; what it calls `number` stays one.
                assert_eq!(
                    ours.get(key),
                    property.get(key),
                    "{}.{name}: {key}",
                    tool.name
                );
            }
        }
        let mut required = expected.get("required").cloned();
        if tool.name == "api_check" {
            // Without it the API is asked from this machine.
            required = Some(json!(["alias"]));
        }
        assert_eq!(schema.get("required").cloned(), required, "{}", tool.name);
        compared += 1;
    }
    assert_eq!(
        compared,
        original.as_object().unwrap().len(),
        "each tool of the original is listed once"
    );
}

#[tokio::test]
async fn every_tool_says_what_it_is() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut described = BTreeSet::new();
    for tool in client.tools().await {
        assert!(tool.title.is_some(), "{}", tool.name);
        let description = tool.description.as_ref().unwrap();
        assert!(description.len() < 400, "{}", tool.name);
        let hints = tool.annotations.as_ref().unwrap();
        assert!(hints.read_only_hint.is_some() && hints.destructive_hint.is_some());
        assert!(hints.idempotent_hint.is_some() && hints.open_world_hint.is_some());
        for (name, property) in tool.input_schema["properties"].as_object().unwrap() {
            let is_said = property["description"].is_string() && described.insert(name.clone());
            assert!(is_said || described.contains(name), "{}.{name}", tool.name);
        }
    }
}

/// The list of tools on the wire, by toolsets.
#[tokio::test]
async fn the_tools_take_little_of_a_model_s_room() {
    let fixture = Fixture::of(());
    let limits = [
        ("all", 40 * 1024),
        // 24 KiB, and the overview of a server.
        ("core,monitoring,logs,apis,policy,admin", 24 * 1024 + 512),
        ("core", 10 * 1024),
        ("files", 8 * 1024),
    ];
    for (toolsets, most) in limits {
        let settings = [("MCP_TOOLSETS", toolsets), ("MCP_STRUCTURED", "auto")];
        let mut process = fixture.serve(&settings).await;
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        process.send(&list.to_string()).await;
        let listed = process.receive_text().await;
        assert!(listed.len() <= most, "{toolsets}: {} bytes", listed.len());
    }
}

#[tokio::test]
async fn arguments_are_refused_before_anything_runs() {
    let fixture = Fixture::embedded().await;
    let cases = [
        ("task_exec", json!({"alias": "web1"}), "cmd"),
        ("task_exec", json!({"alias": "web1", "cmd": 5}), "cmd"),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "retries": 2}),
            "retries",
        ),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "timeout": "soon"}),
            "timeout",
        ),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "timeout": -1}),
            "timeout",
        ),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "background": "yes"}),
            "background",
        ),
        ("task_exec", json!({"alias": "web1", "cmd": "  "}), "cmd"),
        (
            "task_transfer",
            json!({"alias": "web1", "direction": "sideways", "local": "a", "remote": "b"}),
            "direction",
        ),
        (
            "task_transfer",
            json!({"alias": "web1", "direction": "upload", "local": "", "remote": "b"}),
            "local",
        ),
        ("task_logs", json!({"limit": "50 lines"}), "limit"),
        ("task_logs", json!({"limit": [50]}), "limit"),
        ("task_logs", json!({"level": "loud"}), "level"),
        ("task_queue", json!({"limit": -1}), "limit"),
        ("server_list", json!({"verbose": true}), "verbose"),
    ];
    for (tool, arguments, parameter) in cases {
        let shown = format!("{tool} {arguments}");
        let error = fixture
            .client
            .call(tool, arguments)
            .await
            .error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], parameter, "{shown}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with(&format!("parameter `{parameter}`")),
            "{message}"
        );
    }
    let error = fixture
        .client
        .call("task_exec", json!({"alias": "web1", "cmd": 5}))
        .await
        .error("INVALID_ARGUMENT");
    assert!(
        error["details"]["expected"]
            .as_str()
            .unwrap()
            .contains("string")
    );
    for name in ["comand", "command", "cmdd"] {
        let error = fixture
            .client
            .call("task_exec", json!({"alias": "web1", name: "true"}))
            .await
            .error("INVALID_ARGUMENT");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("did you mean `cmd`?"), "{message}");
    }
    assert_eq!(fixture.server.accepted(), 0, "nothing was run");
    assert_eq!(
        fixture
            .client
            .call("queue_stats", json!({}))
            .await
            .ok()
            .facts()["stats"]["total"],
        0
    );
}

#[tokio::test]
async fn what_clients_and_models_really_send_is_taken() {
    let fixture = Fixture::embedded().await;
    let port = fixture.server.address().port().to_string();
    let again = json!({
        "alias": "web2", "host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD,
        "keyPath": "", "passphrase": null, "jump": "", "agent": null, "readonly": "false",
        "toolCallId": "t1", "sessionId": 7, "action": "call", "chatInput": "add it", "_meta": {"x": 1},
    });
    fixture.client.register(again).await;
    let run = json!({
        "alias": "web2", "cmd": "echo there", "timeout": "20", "background": "False", "rappel": null,
    });
    let answer = fixture.client.call("task_exec", run).await.ok();
    assert!(answer.text().contains("there"), "{}", answer.text());
    let sequence = json!({
        "alias": "web2", "commands": "[\"echo one\", {\"command\": \"echo two\", \"timeout\": \"9\"}]",
    });
    let answer = fixture
        .client
        .call("task_exec_sequence", sequence)
        .await
        .ok();
    assert_eq!(answer.facts()["results"][1]["success"], true);
    let page = json!({"status": "", "limit": "1", "offset": "1"});
    let queue = fixture.client.call("task_queue", page).await.ok();
    assert_eq!(queue.facts()["tasks"].as_array().unwrap().len(), 1);
    // A near miss of an own name is still no field of a client's.
    for (name, meant) in [("_cmd", None), ("commmand", Some("cmd"))] {
        let arguments = json!({"alias": "web2", name: "true"});
        let error = fixture.client.call("task_exec", arguments).await;
        let error = error.error("INVALID_ARGUMENT");
        let parameter = if meant.is_some() { name } else { "cmd" };
        assert_eq!(error["details"]["parameter"], parameter, "{error}");
    }
    let error = fixture
        .client
        .call("server_add", json!({"alias": "x", "port": "ssh"}));
    let error = error.await.error("INVALID_ARGUMENT");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("expected an integer from 0 to 65535"),
        "{message}"
    );
    assert_eq!(message.matches("expected").count(), 1, "{message}");
}
