//! Commands at a terminal that wait for input: the call says so at once, and the answer is typed later.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Fixture, Sshd, eventually_so, login_shell, type_in};

/// A sync timeout that is over before a command may be said to wait.
const SHORT: Duration = Duration::from_millis(1500);

/// Begins a command at a terminal, which comes to wait.
async fn begun(client: &Client, cmd: &str, more: Value) -> Answer {
    let mut arguments = json!({"alias": "web1", "cmd": cmd, "autoRespond": false});
    let given = arguments.as_object_mut().unwrap();
    given.extend(more.as_object().unwrap().clone());
    client.call("task_exec_interactive", arguments).await.ok()
}

#[tokio::test]
async fn a_command_that_waits_is_told_of_and_answered() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let cmd = "read -r -p 'Name: ' n; read -r -p \"Sure, $n? \" s; echo \"$n said $s\"; exit 3";
    let task = begun(client, cmd, json!({})).await;
    task.has(&json!({"status": "running"}));
    let id = task.facts()["id"].as_str().unwrap();
    let how = format!("waiting at: Name: (task_input {{id: \"{id}\"}} types into it)");
    assert!(task.text().contains(&how), "{}", task.text());
    let status = client.call("task_status", json!({"id": id})).await.ok();
    assert!(
        status.text().contains("waiting at: Name:"),
        "{}",
        status.text()
    );
    let next = type_in(client, &task, json!({"text": "bob"})).await.ok();
    assert_eq!(
        next.text(),
        format!("waiting at: Sure, bob? (task {id})"),
        "neither the question before nor what was typed comes back"
    );
    next.has(&json!({"state": "waiting", "prompt": "Sure, bob?", "output": ""}));
    let waited = client
        .call("task_wait", json!({"id": id, "timeout": 0.1}))
        .await
        .ok();
    assert!(
        waited.text().contains("waiting at: Sure, bob?"),
        "{}",
        waited.text()
    );
    let done = type_in(client, &task, json!({"text": "yes"})).await.ok();
    done.has(&json!({"state": "done", "exitCode": 3, "output": "bob said yes"}));
    assert!(done.text().starts_with("exit 3 in "), "{}", done.text());
    let (_, printed) = done.text().split_once('\n').unwrap();
    assert_eq!(printed, "bob said yes");
    let late = type_in(client, &task, json!({"text": "x"})).await;
    late.error("INVALID_ARGUMENT");
}

#[tokio::test]
async fn prompts_of_programs_that_edit_the_line_are_told_of() {
    let fixture = Fixture::start().await;
    for (program, cmd) in [
        (
            "bash",
            "bash -c 'read -e -p \"Name: \" n; echo \"said $n\"'",
        ),
        ("zsh", "zsh -c 'vared -p \"Name: \" -c n; echo \"said $n\"'"),
        ("fish", "fish -c 'read -P \"Name: \" n; echo \"said $n\"'"),
        (
            "python3",
            "python3 -c 'import readline; print(\"said\", input(\"Name: \"))'",
        ),
    ] {
        if login_shell(program).is_none() {
            continue;
        }
        let task = begun(&fixture.client, cmd, json!({})).await;
        let told = task.text();
        assert!(told.contains("waiting at: Name:"), "{program}: {told}");
        let done = type_in(&fixture.client, &task, json!({"text": "bob"}))
            .await
            .ok();
        done.has(&json!({"state": "done", "exitCode": 0}));
        let said = done.text().lines().last();
        assert_eq!(said, Some("said bob"), "{program}: {}", done.text());
    }
}

#[tokio::test]
async fn an_answer_has_what_came_since_the_text_was_typed() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let cmd =
        "seq 1 3000; read -r -p 'First: ' a; seq 4000 9000; read -r -p 'Second: ' b; sleep 60";
    let task = begun(client, cmd, json!({})).await;
    let next = type_in(client, &task, json!({"text": "x"})).await.ok();
    let text = next.text();
    assert!(text.starts_with("waiting at: Second: (task "), "{text}");
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(
        (lines[0], lines[lines.len() - 1]),
        ("4000", "9000"),
        "{text}"
    );
    // The call for the part that was left out begins behind what is shown.
    let (_, call) = text.split_once("task_output {").unwrap();
    let (_, offset) = call.split_once("\"offset\":").unwrap();
    let offset: u64 = offset.split('}').next().unwrap().parse().unwrap();
    let part = json!({"id": task.facts()["id"], "offset": offset, "maxBytes": 100});
    let part = client.call("task_output", part).await.ok();
    let before = lines
        .iter()
        .position(|line| line.starts_with("[…"))
        .unwrap();
    let after: u64 = lines[before - 1].parse().unwrap();
    let (_, part) = part.text().split_once('\n').unwrap();
    assert_eq!(part.lines().next(), Some((after + 1).to_string().as_str()));
    client
        .call("task_cancel", json!({"id": task.facts()["id"]}))
        .await
        .ok();
}

#[tokio::test]
async fn a_task_that_goes_on_after_its_input_says_so() {
    let fixture = Fixture::configured(Sshd::start(), |config| config.sync_timeout = SHORT).await;
    let client = &fixture.client;
    let cmd = "read -r -p 'Name: ' n; echo begun; sleep 60";
    let task = begun(client, cmd, json!({})).await;
    let id = json!({"id": task.facts()["id"]});
    eventually_so("it waits", async || {
        let status = client.call("task_status", id.clone()).await.ok();
        status.text().contains("waiting at: Name:")
    })
    .await;
    let on = type_in(client, &task, json!({"text": "bob"})).await.ok();
    on.has(&json!({"state": "running", "output": "begun"}));
    assert!(
        on.text().starts_with("running for ") && on.text().contains("task_wait"),
        "{}",
        on.text()
    );
    let stopped = type_in(client, &task, json!({"key": "ctrl-c"})).await.ok();
    stopped.has(&json!({"state": "done"}));
    assert!(!stopped.text().contains("Name:"), "{}", stopped.text());
}

#[tokio::test]
async fn a_key_that_is_none_types_nothing_and_a_letter_is_one() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let cmd = "read -r -n 1 -p 'Go on? ' a; echo; read -r -p 'Name: ' n; echo \"$a.$n\"";
    let task = begun(client, cmd, json!({})).await;
    for wrong in ["F99", "retrun", "yes"] {
        let wrong = type_in(client, &task, json!({"text": "x", "key": wrong})).await;
        let error = wrong.error("INVALID_ARGUMENT");
        assert!(error.to_string().contains("nothing was typed"), "{error}");
    }
    let long = json!({"text": "x".repeat(5000)});
    let long = type_in(client, &task, long).await.error("INVALID_ARGUMENT");
    assert!(long.to_string().contains("4000 bytes"), "{long}");
    let next = type_in(client, &task, json!({"key": "Y"})).await.ok();
    next.has(&json!({"prompt": "Name:"}));
    let done = type_in(client, &task, json!({"text": "bob"})).await.ok();
    done.has(&json!({"output": "Y.bob"}));
}

#[tokio::test]
async fn a_stored_secret_is_typed_and_stands_nowhere() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let mut login = fixture.server.login("web1");
    login["password"] = "Zq7-typed-secret".into();
    client.register(login).await;
    let cmd = "read -r -s -p 'Password: ' p; echo; echo \"${#p} $p\"";
    let secret = json!({"secret": "server:web1/password"});
    let clear = json!({"text": "Zq7-other-secret"});
    for (input, output) in [(secret, "16 ***"), (clear, "16 ***")] {
        let task = begun(client, cmd, json!({})).await;
        let done = type_in(client, &task, input).await.ok();
        assert!(done.text().contains(output), "{}", done.text());
    }
    let task = begun(client, cmd, json!({})).await;
    let unknown = type_in(client, &task, json!({"secret": "server:web1/none"})).await;
    assert!(unknown.is_error());
    type_in(client, &task, json!({"key": "ctrl-c"})).await.ok();
    for name in ["audit.jsonl", "queue.json", "history.json"] {
        let text = std::fs::read_to_string(fixture.stored(name)).unwrap_or_default();
        assert!(!text.contains("Zq7-"), "{name}: {text}");
    }
}

#[tokio::test]
async fn a_prompt_that_comes_back_for_ever_is_left() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let cmd = "while :; do read -r -s -p 'Password: ' p; echo; done";
    let answers = json!({"responses": {"Password": "wrong"}});
    let task = begun(client, cmd, answers).await;
    assert!(
        task.text().contains("waiting at: Password:"),
        "{}",
        task.text()
    );
    let id = json!({"id": task.facts()["id"]});
    client
        .call("task_cancel", id)
        .await
        .ok()
        .has(&json!({"status": "cancelled"}));
}

#[tokio::test]
async fn what_is_typed_is_judged() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let task = begun(client, "PS1='> ' bash --norc -i", json!({})).await;
    let refused = type_in(client, &task, json!({"text": "rm -rf /"})).await;
    refused.error("POLICY_BLOCKED");
    fixture.edit("servers.json", |servers| {
        servers["web1"]["readonly"] = true.into();
    });
    let refused = type_in(client, &task, json!({"text": "true"})).await;
    refused.error("READ_ONLY");
    let id = json!({"id": task.facts()["id"]});
    client.call("task_cancel", id).await.ok();
}

#[tokio::test]
async fn a_child_that_waits_is_named_at_its_parent() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    client.register(fixture.server.login("web2")).await;
    let arguments = json!({
        "alias": "web1,web2", "cmd": "read -r -p 'Name: ' n", "autoRespond": false,
    });
    // It does not wait for the sync timeout.
    let parent = client.call("task_exec_interactive", arguments).await.ok();
    parent.has(&json!({"status": "running"}));
    assert!(
        parent.text().contains("is waiting at: Name:"),
        "{}",
        parent.text()
    );
    let id = json!({"id": parent.facts()["id"]});
    eventually_so("both wait", async || {
        let status = client.call("task_status", id.clone()).await.ok();
        ["web1", "web2"].iter().all(|alias| {
            status
                .text()
                .contains(&format!("`{alias}` is waiting at: Name:"))
        })
    })
    .await;
    client.call("task_cancel", id).await.ok();
}
