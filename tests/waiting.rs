//! Commands at a terminal that wait for input: the call says so at once, and the answer is typed later.

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Fixture};

/// Begins a command at a terminal, which comes to wait.
async fn begun(client: &Client, cmd: &str, more: Value) -> Answer {
    let mut arguments = json!({"alias": "web1", "cmd": cmd, "autoRespond": false});
    let given = arguments.as_object_mut().unwrap();
    given.extend(more.as_object().unwrap().clone());
    client.call("task_exec_interactive", arguments).await.ok()
}

async fn type_in(client: &Client, task: &Answer, mut input: Value) -> Answer {
    input["id"] = task.facts()["id"].clone();
    client.call("task_input", input).await
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
    assert!(
        next.text().contains("waiting at: Sure, bob?"),
        "{}",
        next.text()
    );
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
    done.has(&json!({"exitCode": 3}));
    assert!(done.text().contains("bob said yes"), "{}", done.text());
    let late = type_in(client, &task, json!({"text": "x"})).await;
    late.error("INVALID_ARGUMENT");
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
    crate::helper::eventually_so("both wait", async || {
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
