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
    for tool in process.tools().await {
        let (bytes, answer) = sent(&mut process, &tool.name, json!({"nonsense": 1})).await;
        assert!(bytes <= 420, "{}: {bytes}: {answer}", tool.name);
        let properties = tool.input_schema["properties"].as_object().unwrap();
        let named = |name: &String| {
            let names = text(&answer).split([' ', ',', '"']);
            names.filter(|part| part == name).count()
        };
        let counts: Vec<_> = properties.keys().map(named).collect();
        // Of very many the first ones are named, and the number of the others.
        let (first, others) = counts.split_at(if counts.len() > 12 { 9 } else { counts.len() });
        assert!(
            first.iter().all(|count| *count == 1),
            "{}: {answer}",
            tool.name
        );
        assert!(
            others.iter().all(|count| *count <= 1),
            "{}: {answer}",
            tool.name
        );
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

/// Some clients show a model both.
#[tokio::test]
async fn of_text_and_structure_one_is_short() {
    let (fixture, mut process) = serving().await;
    for number in 0..30 {
        let mut login = fixture.server.login(&format!("web{number}"));
        login["verify"] = false.into();
        process.tool("server_add", login).await.ok();
        let cmd = format!("echo task number {number} with some more words behind it");
        let run = json!({"alias": "web1", "cmd": cmd});
        process.tool("task_exec", run).await.ok();
    }
    let asks = [
        ("task_queue", json!({})),
        ("task_queue", json!({"limit": 30})),
        ("task_history", json!({"limit": 30})),
        ("server_list", json!({})),
        ("policy_blocklist_list", json!({})),
        ("task_logs", json!({})),
        ("system_diagnostics", json!({"verbose": true})),
        ("pool_stats", json!({})),
        ("get_system_resources", json!({"alias": "web1"})),
        ("server_overview", json!({"alias": "web1"})),
        ("get_services_status", json!({"alias": "web1", "all": true})),
    ];
    let mut cut = 0;
    for (tool, arguments) in asks {
        let (_, answer) = sent(&mut process, tool, arguments).await;
        let structure = answer["structuredContent"].to_string().len();
        let shown = answer["content"][0]["text"].to_string().len();
        assert!(
            structure <= 1024 || shown <= 1024 + 2,
            "{tool}: {shown} and {structure}"
        );
        cut +=
            usize::from(text(&answer).contains(" more lines, which the structured content has."));
    }
    assert!(cut >= 3, "{cut}");

    process.close_input();
    process.child.wait().await.unwrap();
    let mut process = fixture.serve(&[("MCP_STRUCTURED", "never")]).await;
    let (_, whole) = sent(&mut process, "task_queue", json!({"limit": 30})).await;
    assert_eq!(text(&whole).matches("task number").count(), 30, "{whole}");
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
