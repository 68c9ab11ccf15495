//! Excerpts: the part of an output that an answer shows, and the calls that show the rest.

use mcp_sftp_orchestrator::config::Structured;
use regex::Regex;
use serde_json::{Value, json};

use crate::helper::{EmbeddedHost, Fixture, numbers};

async fn fixture() -> Fixture<EmbeddedHost> {
    Fixture::embedded_with(|config| config.structured = Structured::Auto).await
}

fn id_in(text: &str) -> String {
    let id = Regex::new(r"task ([0-9a-f]{8})\b").unwrap();
    id.captures(text).unwrap_or_else(|| panic!("{text}"))[1].to_owned()
}

/// The lines of an answer below its first one.
fn below(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, below)| below)
}

/// The arguments of the call of `task_output` that an answer names.
fn call_in(text: &str) -> Option<Value> {
    let (_, rest) = text.split_once("task_output {")?;
    let (arguments, _) = rest.split_once('}')?;
    Some(serde_json::from_str(&format!("{{{arguments}}}")).unwrap())
}

#[tokio::test]
async fn what_is_left_out_comes_by_the_calls_that_the_answers_name() {
    let fixture = fixture().await;
    let ran = fixture.exec("seq 1 5000").await.ok();
    let (before, rest) = below(ran.text()).split_once("[… ").unwrap();
    let (_, after) = rest.split_once(" …]\n").unwrap();
    let mut whole = before.to_owned();
    let mut call = call_in(rest);
    while let Some(arguments) = call {
        let page = fixture.client.call("task_output", arguments).await.ok();
        whole.push_str(below(page.text()));
        whole.push('\n');
        call = call_in(page.text());
    }
    let all = numbers(5000);
    assert_eq!(whole, all);
    assert!(all.ends_with(&format!("{after}\n")));
}

#[tokio::test]
async fn an_answer_that_leaves_something_out_links_to_the_whole() {
    let fixture = fixture().await;
    let few = fixture.exec("seq 1 50").await.ok();
    assert_eq!(few.0.content.len(), 1, "{}", few.text());
    let many = fixture.exec("seq 1 5000").await.ok();
    let link = many.0.content[1].as_resource_link().unwrap();
    let id = id_in(many.text());
    assert_eq!(link.uri, format!("orchestrator://tasks/{id}/output"));

    let steps = json!({"alias": "web1", "commands": ["echo short", "seq 1 5000"]});
    let ran = fixture.client.call("task_exec_sequence", steps).await.ok();
    let (id, text) = (id_in(ran.text()), ran.text());
    let call = format!("bytes left out: task_output {{\"id\":\"{id}\"}} has them …]");
    assert!(text.contains(&call), "{text}");
    assert!(ran.0.content[1].as_resource_link().is_some());
}

#[tokio::test]
async fn every_answer_with_an_output_takes_the_same_view() {
    let fixture = fixture().await;
    let log = fixture.remote("log");
    let lines = numbers(3000);
    std::fs::write(&log, lines).unwrap();
    let id = id_in(fixture.exec(&format!("cat {log}")).await.ok().text());
    let with = |mut arguments: Value, view: &Value| {
        let view = view.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(view);
        arguments
    };
    let cat = format!("cat {log}");
    let calls = [
        ("task_exec", json!({"alias": "web1", "cmd": cat})),
        (
            "task_exec_interactive",
            json!({"alias": "web1", "cmd": cat}),
        ),
        (
            "task_exec_sequence",
            json!({"alias": "web1", "commands": [cat]}),
        ),
        ("task_wait", json!({"id": id})),
        ("task_output", json!({"id": id})),
        (
            "tail_file",
            json!({"alias": "web1", "filepath": log, "lines": 3000}),
        ),
    ];
    for (view, expected) in [
        (json!({"head": 2}), "1\n2"),
        (json!({"tail": 2}), "2999\n3000"),
        (json!({"grep": "^29.9$", "head": 2}), "2909\n2919"),
        (json!({"grep": "^29.9$", "tail": "1"}), "2999"),
    ] {
        for (tool, arguments) in &calls {
            let arguments = with(arguments.clone(), &view);
            let answer = fixture.client.call(*tool, arguments).await.ok();
            let shown = answer.text();
            assert!(
                shown.ends_with(&format!("\n{expected}")),
                "{tool} {view}: {shown}"
            );
            assert!(shown.len() < expected.len() + 200, "{tool} {view}: {shown}");
        }
    }
    for (tool, arguments) in calls {
        let arguments = with(arguments, &json!({"maxBytes": 20_000}));
        let answer = fixture.client.call(tool, arguments).await.ok();
        assert!(answer.text().contains("\n1500\n1501\n"), "{tool}");
    }
    let refused = json!({"alias": "web1", "cmd": "true", "grep": "("});
    let refused = fixture.client.call("task_exec", refused).await;
    let error = refused.error("INVALID_ARGUMENT");
    assert_eq!(error["details"]["parameter"], "grep");
}

#[tokio::test]
async fn of_a_failure_the_end_is_shown_at_greater_length() {
    let fixture = fixture().await;
    let failed = fixture
        .exec("seq 1 5000; echo broken >&2; exit 2")
        .await
        .ok();
    let text = failed.text();
    assert!(text.starts_with("exit 2 in "), "{text}");
    let id = id_in(text);
    assert!(
        text.ends_with(&format!("\n--- stderr of task {id} ---\nbroken")),
        "{text}"
    );
    let (before, after) = text.split_once(" …]\n").unwrap();
    assert!(after.len() > 2 * before.len());
}

#[tokio::test]
async fn a_timeout_shows_what_was_printed_before() {
    let fixture = fixture().await;
    let slow = json!({"alias": "web1", "cmd": "echo begun; sleep 60", "timeout": 1});
    let answer = fixture.client.call("task_exec", slow).await;
    let blocks = &answer.0.content;
    assert_eq!(blocks.len(), 2);
    let said = blocks[1].as_text().unwrap().text.clone();
    assert!(
        said.starts_with("output so far (task ") && said.ends_with(")\nbegun"),
        "{said}"
    );
    let error = answer.error("COMMAND_TIMEOUT");
    assert_eq!(error["details"]["taskId"], id_in(&said));
}

#[tokio::test]
async fn who_waits_sees_how_far_it_is() {
    let fixture = fixture().await;
    let (go, end) = (fixture.remote("go"), fixture.remote("end"));
    let cmd = format!(
        "echo one; until [ -e {go} ]; do sleep 0.1; done; echo ready at 80; until [ -e {end} ]; do sleep 0.1; done"
    );
    let handed = fixture.background(&cmd).await;
    let id = id_in(handed.text());
    assert!(
        handed.text().contains("ends with this program"),
        "{}",
        handed.text()
    );
    let first = json!({"id": id, "until": "^o", "timeout": 20});
    let waited = fixture.client.call("task_wait", first).await.ok();
    let state = fixture.client.call("task_status", json!({"id": id})).await;
    state
        .ok()
        .has(&json!({"status": "running", "lineCount": 1, "output": "one"}));
    let text = waited.text();
    assert!(text.starts_with("matched: one\nrunning for "), "{text}");
    assert!(
        text.contains(&format!("--- last lines of task {id} ---\none")),
        "{text}"
    );
    let short = json!({"id": id, "until": "ready", "timeout": 0.3});
    let waited = fixture.client.call("task_wait", short).await.ok();
    assert!(
        waited.text().starts_with("no line has matched so far\n"),
        "{}",
        waited.text()
    );
    std::fs::write(go, "").unwrap();
    let ready = json!({"id": id, "until": r"ready at (\d+)"});
    let page = fixture.client.call("task_output", ready).await.ok();
    assert!(
        page.text()
            .starts_with("matched: ready at 80\nstdout of task "),
        "{}",
        page.text()
    );
    std::fs::write(end, "").unwrap();
    let never = json!({"id": id, "until": "never"});
    let waited = fixture.client.call("task_wait", never).await.ok();
    assert!(
        waited.text().starts_with("no line has matched\nexit 0 in "),
        "{}",
        waited.text()
    );
}

#[tokio::test]
async fn a_prompt_without_a_newline_matches_too() {
    let fixture = fixture().await;
    let end = fixture.remote("end");
    let cmd = format!("printf 'Name: '; until [ -e {end} ]; do sleep 0.1; done");
    let id = id_in(fixture.background(&cmd).await.text());
    let prompt = json!({"id": id, "until": "Name", "timeout": 20});
    let waited = fixture.client.call("task_wait", prompt).await.ok();
    assert!(
        waited.text().starts_with("matched: Name: \n"),
        "{}",
        waited.text()
    );
    std::fs::write(end, "").unwrap();
}
