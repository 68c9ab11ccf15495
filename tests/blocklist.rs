//! The rules of the command policy: nothing runs that they refuse, and they hold until a person takes them away.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Sshd, assert_has, closed_port, directory};

/// Every way to run commands. Where one shell runs them, they can be split.
fn runs(alias: &str, commands: &[&str]) -> Vec<(&'static str, Value)> {
    let cmd = commands.join("; ");
    vec![
        ("task_exec", json!({"alias": alias, "cmd": cmd})),
        (
            "task_exec",
            json!({"alias": alias, "cmd": cmd, "background": true, "detach": false}),
        ),
        (
            "task_exec",
            json!({"alias": alias, "cmd": cmd, "detach": true}),
        ),
        ("task_exec_interactive", json!({"alias": alias, "cmd": cmd})),
        (
            "task_exec_interactive",
            json!({"alias": alias, "cmd": cmd, "interactive": false}),
        ),
        (
            "task_exec_sequence",
            json!({"alias": alias, "commands": commands}),
        ),
        (
            "task_exec_sequence",
            json!({"alias": alias, "commands": [cmd], "background": true, "detach": false}),
        ),
        (
            "task_exec_sequence",
            json!({"alias": alias, "continueOnError": true, "commands": ["true", {"command": cmd}]}),
        ),
    ]
}

fn assert_blocked(answer: Answer, rule: &str, part: &str) {
    let error = answer.error("POLICY_BLOCKED");
    let details = &error["details"];
    assert_eq!(
        (&details["rule"], &details["part"]),
        (&json!(rule), &json!(part)),
        "{error}"
    );
    let hint = details["hint"].as_str().unwrap();
    assert!(
        !hint.is_empty() && error.to_string().contains(part),
        "{error}"
    );
}

/// A command that a rule refuses, hidden or in parts, runs by no tool, and no connection is made for it.
#[tokio::test]
async fn what_the_policy_forbids_reaches_no_server() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    // Should it be let through, it must not get anywhere.
    let nowhere = json!({"alias": "nowhere", "host": "127.0.0.1", "port": closed_port(), "user": "u", "password": "p"});
    client.register(nowhere).await;
    client.register(sshd.login("web1")).await;
    for (tool, arguments) in runs("nowhere", &["docker ps", "rm -rf /"]) {
        assert_blocked(
            client.call(tool, arguments).await,
            "rm -r @system",
            "rm -rf /",
        );
    }
    for (tool, arguments) in runs("nowhere", &["cd /", "rm -rf *"]) {
        let error = client.call(tool, arguments).await.error("POLICY_BLOCKED");
        assert_eq!(error["details"]["rule"], "rm -r @system", "{error}");
    }
    let pwned = sshd.home("pwned");
    let touch = format!("touch {pwned}");
    client
        .call("policy_blocklist_add", json!({"pattern": touch}))
        .await
        .ok();
    let hidden = format!("sudo -n sh -c 'touch {pwned}'");
    for commands in [["true", touch.as_str()], ["true", &hidden]] {
        for (tool, arguments) in runs("web1", &commands) {
            assert_blocked(client.call(tool, arguments).await, &touch, &touch);
        }
    }
    // A quote or here-document that one step leaves open does not reach into the next.
    for open in [
        "cat <<END",
        "echo '",
        "echo \"",
        "echo $(",
        "true \\",
        "if false; then",
    ] {
        let steps =
            json!({"alias": "web1", "continueOnError": true, "commands": [open, touch, "true '"]});
        let refused = client.call("task_exec_sequence", steps).await;
        assert_blocked(refused, &touch, &touch);
    }
    assert_eq!(sshd.accepted(), 0);
    assert_eq!(
        client.call("task_queue", json!({})).await.facts()["tasks"],
        json!([])
    );
    // Its own tools' commands are not the caller's.
    std::fs::write(sshd.home("log"), "line\n").unwrap();
    let tail = json!({"alias": "web1", "filepath": sshd.home("log")});
    client.call("tail_file", tail).await.ok();
}

/// A rule that one process adds or removes holds in another at once; one that is not understood is not added.
#[tokio::test]
async fn rules_are_listed_added_and_taken_away_for_every_process() {
    let (sshd, data) = (Sshd::start(), directory());
    let here = Client::in_process(data.path(), |_| {}).await;
    let there = Client::in_process(data.path(), |_| {}).await;
    here.register(sshd.login("web1")).await;
    let listed = here.call("policy_blocklist_list", json!({})).await.ok();
    let rules = listed.facts()["blocklist"].as_array().unwrap().clone();
    assert!(rules.contains(&json!("rm -r @system")) && rules.len() > 20);
    assert_eq!(listed.facts()["allowlist"], json!([]));

    let run = json!({"alias": "web1", "cmd": "echo one two"});
    here.call("task_exec", run.clone()).await.ok();
    let rule = json!({"pattern": "echo one"});
    let added = there.call("policy_blocklist_add", rule.clone()).await.ok();
    assert_eq!(added.facts()["changed"], true);
    let again = there.call("policy_blocklist_add", rule.clone()).await.ok();
    assert_eq!(again.facts()["changed"], false);
    assert_blocked(
        here.call("task_exec", run.clone()).await,
        "echo one",
        "echo one two",
    );
    let listed = here.call("policy_blocklist_list", json!({})).await.ok();
    let longer = listed.facts()["blocklist"].as_array().unwrap();
    assert_eq!(longer.len(), rules.len() + 1);
    there
        .call("policy_blocklist_remove", rule.clone())
        .await
        .ok();
    here.call("task_exec", run).await.ok();
    here.call("policy_blocklist_remove", rule)
        .await
        .error("INVALID_ARGUMENT");
    for pattern in ["", "  ", "-r", "echo 'a"] {
        let bad = json!({"pattern": pattern});
        let error = here
            .call("policy_blocklist_add", bad)
            .await
            .error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "pattern", "{pattern}");
    }
    let listed = there.call("policy_blocklist_list", json!({})).await.ok();
    assert_eq!(listed.facts()["blocklist"], json!(rules));
}

/// With an allow list only what it has runs, and what the block list has as well does not.
#[tokio::test]
async fn an_allowlist_lets_nothing_else_through() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let path = data.path().join("policies.json");
    let written = json!({"allowlist": ["uname *", "cat /etc/*"], "note": "by a person"});
    std::fs::write(&path, written.to_string()).unwrap();
    let run = async |cmd: &str| {
        let run = json!({"alias": "web1", "cmd": cmd});
        client.call("task_exec", run).await
    };
    run("uname -s").await.ok();
    run("cat /etc/hostname; uname").await.ok();
    for (cmd, part) in [
        ("id -un", "id -un"),
        ("uname; id -un", "id -un"),
        ("uname $(id)", "id"),
    ] {
        let error = run(cmd).await.error("POLICY_BLOCKED");
        assert_eq!(
            (&error["details"]["part"], &error["details"]["rule"]),
            (&json!(part), &Value::Null),
            "{error}"
        );
    }
    for (tool, arguments) in runs("web1", &["uname", "id -un"]) {
        client.call(tool, arguments).await.error("POLICY_BLOCKED");
    }
    // A command on both lists is refused; fields that this version does not know are kept.
    client
        .call("policy_blocklist_add", json!({"pattern": "uname -a"}))
        .await
        .ok();
    assert_blocked(run("uname -a").await, "uname -a", "uname -a");
    let kept = crate::helper::read_json(&path);
    assert_has(
        &kept,
        &json!({"note": written["note"], "allowlist": written["allowlist"]}),
    );
    let one = json!({"alias": "web1"});
    client.call("get_system_resources", one).await.ok();
}

/// A file of rules that cannot be read lets nothing run, is named, and stays as it was written.
#[tokio::test]
async fn rules_that_are_not_understood_let_nothing_run() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let path = data.path().join("policies.json");
    for (written, named) in [
        (r#"{"blocklist": ["halt", "-r"]}"#, "the rule `-r`"),
        (r#"{"allowlist": ["echo 'a"]}"#, "the rule `echo 'a`"),
        (r#"{"blocklist": ["halt""#, "EOF"),
        (r#"{"blocklist": "halt"}"#, "expected a sequence"),
        ("[]", "policies.json"),
    ] {
        std::fs::write(&path, written).unwrap();
        for (tool, arguments) in runs("web1", &["true"]) {
            let error = client.call(tool, arguments).await.error("STORAGE_ERROR");
            let message = error.to_string();
            assert!(
                message.contains("policies.json") && message.contains(named),
                "{message}"
            );
            let hint = error["details"]["hint"].as_str().unwrap();
            assert!(
                hint.contains("correct what is wrong with the file"),
                "{hint}"
            );
        }
        // The file is left as its author wrote it.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
        if !named.contains("rule") {
            let rule = json!({"pattern": "halt"});
            client
                .call("policy_blocklist_add", rule)
                .await
                .error("STORAGE_ERROR");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
        }
    }
    assert_eq!(sshd.accepted(), 0);
    std::fs::write(&path, r#"{"blocklist": []}"#).unwrap();
    for (tool, arguments) in runs("web1", &["true"]) {
        client.call(tool, arguments).await.ok();
    }
}

/// All texts of an answer.
fn texts(answer: &Answer) -> String {
    let blocks = answer.0.content.iter().filter_map(|block| block.as_text());
    blocks
        .map(|block| block.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Rules that have been read hold until others can be read, and that is said.
#[tokio::test]
async fn rules_that_are_emptied_or_taken_away_hold_on() {
    let (sshd, data) = (Sshd::start(), directory());
    let path = data.path().join("policies.json");
    let written =
        json!({"blocklist": ["touch *"], "allowlist": ["touch *", "echo *", "id"]}).to_string();
    std::fs::write(&path, &written).unwrap();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let pwned = sshd.home("pwned");
    let touch = format!("touch {pwned}");
    let run = async |cmd: &str| client.exec("web1", cmd).await;
    let changes: [&dyn Fn(); 7] = [
        &|| std::fs::remove_file(&path).unwrap(),
        &|| std::fs::write(&path, "").unwrap(),
        &|| std::fs::write(&path, " \n\t").unwrap(),
        &|| std::fs::write(&path, &written[..written.len() / 2]).unwrap(),
        &|| std::fs::write(&path, "null").unwrap(),
        &|| std::fs::write(&path, "[]").unwrap(),
        &|| std::fs::write(&path, r#"{"blocklist": ["-r"]}"#).unwrap(),
    ];
    for change in changes {
        change();
        let there = std::fs::read(&path).ok();
        let refused = run(&touch).await;
        let said = texts(&refused);
        assert_blocked(refused, "touch *", &touch);
        assert!(
            said.contains("policies.json") && said.contains("still hold"),
            "{said}"
        );
        // It is said once, and then by those that are asked.
        assert!(!texts(&run("echo one").await.ok()).contains("Note"));
        // A command that is not on the allow list stays refused.
        let refused = run("uname").await;
        assert!(!texts(&refused).contains("Note"));
        refused.error("POLICY_BLOCKED");
        let listed = client.call("policy_blocklist_list", json!({})).await.ok();
        assert_eq!(listed.facts()["blocklist"], json!(["touch *"]));
        assert!(
            listed.facts()["problem"]
                .as_str()
                .unwrap()
                .contains("policies.json")
        );
        let state = client.call("system_diagnostics", json!({})).await.ok();
        assert!(state.facts()["warnings"].to_string().contains("still hold"));
        // Rules that are not in the file are not written away.
        if there
            .as_ref()
            .is_none_or(|there| !there.starts_with(b"{\"blocklist\": [\"-r"))
        {
            let rule = json!({"pattern": "id"});
            client
                .call("policy_blocklist_add", rule)
                .await
                .error("STORAGE_ERROR");
        }
        assert_eq!(std::fs::read(&path).ok(), there);
        std::fs::write(&path, &written).unwrap();
        let listed = client.call("policy_blocklist_list", json!({})).await.ok();
        assert_eq!(listed.facts().get("problem"), None);
    }
    // Others that can be read are taken.
    std::fs::write(&path, r#"{"blocklist": ["echo *"]}"#).unwrap();
    run("id -un").await.ok();
    run("echo one").await.error("POLICY_BLOCKED");
    // A process that begins with an empty file knows no rules, and lets nothing run.
    std::fs::write(&path, "\n").unwrap();
    let fresh = Client::in_process(data.path(), |_| {}).await;
    let error = fresh.exec("web1", "true").await.error("STORAGE_ERROR");
    assert!(error.to_string().contains("it is empty"), "{error}");
    assert!(!Path::new(&pwned).exists());
}
