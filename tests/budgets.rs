//! Budgets: the bytes of answers on the wire, from the spawned binary with its default settings.

use serde_json::{Value, json};

use crate::helper::{EmbeddedHost, Fixture, RawProcess, SshServer};

/// A process with the default choice of structured content, which knows a server.
async fn serving() -> (Fixture<EmbeddedHost, ()>, RawProcess) {
    let fixture = Fixture::of(EmbeddedHost::start().await);
    let mut process = fixture.serve(&[("MCP_STRUCTURED", "auto")]).await;
    let login = fixture.server.login("web1");
    process.tool("server_add", login).await.ok();
    (fixture, process)
}

/// The bytes of an answer that a model may get to see, and the answer.
async fn sent(process: &mut RawProcess, tool: &str, arguments: Value) -> (usize, Value) {
    let answer = process.tool(tool, arguments).await.0;
    let answer = serde_json::to_value(answer).unwrap();
    let parts = ["content", "structuredContent"].map(|part| answer.get(part));
    let bytes = parts
        .into_iter()
        .flatten()
        .map(|part| part.to_string().len());
    (bytes.sum(), answer)
}

fn text(answer: &Value) -> &str {
    answer["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn a_command_s_answer_costs_little_more_than_its_output() {
    let (_fixture, mut process) = serving().await;
    let run = |cmd: String| json!({"alias": "web1", "cmd": cmd});
    let (bytes, answer) = sent(&mut process, "task_exec", run("true".to_owned())).await;
    assert!(bytes <= 110, "{bytes}: {answer}");
    assert!(text(&answer).starts_with("exit 0 in "), "{answer}");

    let commands = ["cd /tmp", "echo one; echo two", "uname"];
    let steps = json!({"alias": "web1", "commands": commands});
    let (bytes, answer) = sent(&mut process, "task_exec_sequence", steps).await;
    let outputs = "one\\ntwo\\nLinux\\n".len();
    assert!(bytes <= outputs + 250, "{bytes}: {answer}");

    let lines = run("seq 1 5000".to_owned());
    let (bytes, answer) = sent(&mut process, "task_exec", lines).await;
    assert!(bytes <= 9 * 1000, "{bytes}");
    assert!(text(&answer).ends_with("\n4999\n5000"), "{answer}");

    let script = format!("cat >/dev/null <<'E'\n{}\nE\nfalse", "x".repeat(200_000));
    let (bytes, answer) = sent(&mut process, "task_exec", run(script)).await;
    assert!(bytes <= 600, "{bytes}: {answer}");
    assert!(text(&answer).starts_with("exit 1 in "), "{answer}");
}

#[tokio::test]
async fn a_refusal_is_short_and_names_each_parameter_once() {
    let (_fixture, mut process) = serving().await;
    let mut tools = process.tools().await;
    tools.retain(|tool| tool.name != "server_add" && tool.name != "api_add");
    for tool in tools {
        let (bytes, answer) = sent(&mut process, &tool.name, json!({"nonsense": 1})).await;
        assert!(bytes <= 400, "{}: {bytes}: {answer}", tool.name);
        let properties = tool.input_schema["properties"].as_object().unwrap();
        for name in properties.keys() {
            let names = text(&answer).split([' ', ',', '"']);
            let count = names.filter(|part| part == name).count();
            assert_eq!(count, 1, "{}: {name}: {answer}", tool.name);
        }
    }
}

#[tokio::test]
async fn what_the_caller_has_given_does_not_come_back_at_length() {
    let (_fixture, mut process) = serving().await;
    let long = "x".repeat(1_000_000);
    for (tool, arguments) in [
        ("task_exec", json!({"alias": long, "cmd": "true"})),
        ("task_status", json!({"id": long})),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": "true", long.clone(): 1}),
        ),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": "true", "timeout": long}),
        ),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": format!("rm -rf / {long}")}),
        ),
        ("tail_file", json!({"alias": "web1", "filepath": long})),
        (
            "server_trust",
            json!({"alias": "web1", "fingerprint": long}),
        ),
        (
            "task_transfer",
            json!({"alias": "web1", "direction": "upload", "local": format!("/{long}"), "remote": long}),
        ),
    ] {
        let shown: String = arguments.to_string().chars().take(100).collect();
        let (bytes, answer) = sent(&mut process, tool, arguments).await;
        let begins: String = answer.to_string().chars().take(2000).collect();
        assert!(bytes <= 2500, "{tool} {shown}: {bytes}: {begins}");
    }
}

#[tokio::test]
async fn an_alias_that_is_not_known_is_answered_with_those_that_are() {
    let (_fixture, mut process) = serving().await;
    let arguments = json!({"alias": "wbe1", "cmd": "true"});
    let (bytes, answer) = sent(&mut process, "task_exec", arguments).await;
    assert!(bytes <= 400, "{bytes}");
    let error: Value = serde_json::from_str(text(&answer)).unwrap();
    assert_eq!(
        error["message"],
        "server `wbe1` is not known; did you mean `web1`?"
    );
    assert_eq!(error["details"]["known"], json!(["web1"]));
}
