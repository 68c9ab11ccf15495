//! Answers of interactive commands under the command policy: a shell at a terminal runs them.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Answer, Fixture};

async fn run(fixture: &Fixture, cmd: &str, responses: Value) -> Answer {
    let run = json!({"alias": "web1", "cmd": cmd, "responses": responses, "timeout": 20});
    fixture.client.call("task_exec_interactive", run).await
}

#[tokio::test]
async fn commands_among_answers_are_refused_as_commands_are() {
    let fixture = Fixture::start().await;
    let pwned = fixture.server.home("pwned");
    let rule = json!({"pattern": format!("touch {pwned}")});
    fixture.client.call("policy_blocklist_add", rule).await.ok();
    for (cmd, responses) in [
        ("bash -i", json!({"READY>": format!("touch {pwned}; exit")})),
        (
            "bash -i",
            json!({"/\\$ $/": format!("true\ntouch {pwned}\nexit")}),
        ),
        ("su -", json!({"$": format!("sudo sh -c 'touch {pwned}'")})),
        ("some-shell", json!({"$": format!("touch {pwned}")})),
        // One after the other, in whichever order they come.
        ("bash -i", json!({"1>": "touch \\", "2>": pwned})),
        ("bash -i", json!({"2>": pwned, "1>": "touch \\"})),
        (
            "bash -i",
            json!({"1>": format!("T={pwned}"), "2>": "touch $T"}),
        ),
        ("bash -i", json!({"1>": "cd /", "2>": "rm -rf *"})),
        ("cd / && bash -i", json!({"1>": "rm -rf *"})),
        (
            "bash -i",
            json!({"Password:": "x", "1>": "rm -rf /", "Sure?": "y"}),
        ),
        ("sh", json!({"1>": "t\\", "2>": format!("ouch {pwned}")})),
        ("ssh there", json!({"1>": "rm -rf /etc"})),
        ("sh -c 'cd /; exec bash -i'", json!({"1>": "rm -rf *"})),
        // As a terminal takes them.
        ("bash -i", json!({"1>": format!("true\rtouch {pwned}")})),
        ("bash -i", json!({"1>": format!("touX\u{7f}ch {pwned}")})),
        (
            "some-shell",
            json!({"1>": format!("true \u{15}touch {pwned}")}),
        ),
    ] {
        let error = run(&fixture, cmd, responses.clone())
            .await
            .error("POLICY_BLOCKED");
        let part = error["details"]["part"].as_str().unwrap();
        assert!(part.starts_with("the answer"), "{error}");
        // Nobody is told an answer.
        let said = error.to_string();
        for answer in responses.as_object().unwrap().values() {
            let answer = answer.as_str().unwrap();
            assert!(answer.len() < 4 || !part.contains(answer), "{said}");
        }
    }
    assert!(!Path::new(&pwned).exists());
    assert_eq!(fixture.server.accepted(), 0);
    assert_eq!(
        fixture.client.call("task_queue", json!({})).await.facts()["tasks"],
        json!([])
    );
}

#[tokio::test]
async fn passwords_and_choices_pass() {
    let fixture = Fixture::start().await;
    let ask = "printf 'Password: '; read -r first; printf 'Go on? '; read -r second; echo \"$second\" over";
    for password in [
        "hunter2",
        "correct horse battery staple",
        "x'y\"z",
        "$(",
        "((((",
        "p@ss; word",
        "`",
        "rm",
        "a|b&c",
        "*",
        "<<EOF",
        "${",
        "\\",
        "#secret",
        "-rf /",
        "パスワード",
    ] {
        let answer = run(&fixture, ask, json!({"Password:": password, "Go on?": "y"}))
            .await
            .ok();
        let output = answer.facts()["output"].as_str().unwrap();
        assert!(output.contains("y over"), "{password}: {output}");
    }
    // A rule that is all of a password is not told.
    let error = run(&fixture, ask, json!({"Password:": "reboot"}))
        .await
        .error("POLICY_BLOCKED");
    assert!(!error.to_string().contains("reboot"), "{error}");
}

#[tokio::test]
async fn an_allowlist_holds_for_what_a_shell_reads() {
    let fixture = Fixture::start().await;
    let written = json!({"allowlist": ["sh -i", "read *", "echo *", "printf *", "cat /etc/*"]});
    std::fs::write(
        fixture.data.path().join("policies.json"),
        written.to_string(),
    )
    .unwrap();
    let pwned = fixture.server.home("pwned");
    for answer in [
        format!("touch {pwned}"),
        format!("cat /etc/hostname; touch {pwned}"),
        format!("echo > {pwned}"),
    ] {
        run(&fixture, "sh -i", json!({"$": answer}))
            .await
            .error("POLICY_BLOCKED");
    }
    let ask = "printf 'Password: '; read -r first; echo over";
    let answer = run(&fixture, ask, json!({"Password:": "hunter2"}))
        .await
        .ok();
    assert!(answer.facts()["output"].as_str().unwrap().contains("over"));
    // Yes and no are no commands.
    let ask = "printf 'Go on? '; read -r first; printf 'Which? '; read -r second; echo over";
    let answers = json!({"Go on": "y", "Which": "12"});
    run(&fixture, ask, answers).await.ok();
    assert!(!Path::new(&pwned).exists());
}
