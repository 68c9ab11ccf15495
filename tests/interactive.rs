//! `task_exec_interactive`: a terminal, and answers to what is asked at it.

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Folder, Sshd, assert_has, directory};

async fn on_sshd() -> (Sshd, Client, Folder) {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

async fn run(client: &Client, cmd: &str, more: Value) -> Answer {
    let mut arguments = json!({"alias": "web1", "cmd": cmd});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    client.call("task_exec_interactive", arguments).await
}

#[tokio::test]
async fn the_documented_prompts_get_their_answers_in_any_order_and_as_often_as_they_come() {
    let (_sshd, client, _data) = on_sshd().await;
    let cmd = "ask() { printf '\\033[1m%s\\033[0m [Y/n] ' \"$1\"; read -r a; echo \"got=$a\"; }; \
        ask 'Restart services?'; ask 'Do you want to continue?'; ask 'Restart services?'; exit 3";
    let responses =
        json!({"responses": {"Do you want to continue": "Y", "Restart services": "yes"}});
    let ended = run(&client, cmd, responses).await.ok();
    let facts = ended.facts();
    assert_has(facts, &json!({"status": "failed", "exitCode": 3}));
    assert_eq!(
        facts["output"],
        "Restart services? [Y/n] yes\ngot=yes\nDo you want to continue? [Y/n] Y\ngot=Y\nRestart services? [Y/n] yes\ngot=yes"
    );
}

#[tokio::test]
async fn the_usual_questions_get_a_yes_and_others_do_not() {
    let (_sshd, client, _data) = on_sshd().await;
    let cmd = "read -p 'Do you want to continue [Y/n] ' a; echo got=$a; tty >/dev/null && echo a terminal";
    let ended = run(&client, cmd, json!({})).await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    assert!(
        ended.text().contains("got=y\na terminal"),
        "{}",
        ended.text()
    );

    let cmd = "echo begun; read -p 'Continue? [y/N] ' a; echo got=$a";
    let none = json!({"autoRespond": false, "timeout": 1});
    let error = run(&client, cmd, none).await.error("COMMAND_TIMEOUT");
    assert!(error.to_string().contains("Continue? [y/N]"), "{error}");
    assert_eq!(error["details"]["process"], "stopped");

    let plain = json!({"interactive": false});
    let ended = run(&client, "tty >/dev/null || echo no terminal", plain)
        .await
        .ok();
    assert_eq!(ended.facts()["output"], "no terminal");
}

#[tokio::test]
async fn a_password_is_given_only_where_it_is_told_and_is_recorded_nowhere() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &["--sync-timeout=10"]).await;
    client.register(sshd.login("web1")).await;
    let cmd =
        "stty -echo; printf 'Password: '; read -r p; stty echo; echo; [ ${#p} = 7 ] && echo right";
    let ended = run(
        &client,
        cmd,
        json!({"responses": {"/(?i)password:/": "hunter2"}}),
    )
    .await
    .ok();
    assert!(
        ended.facts()["output"].as_str().unwrap().ends_with("right"),
        "{}",
        ended.text()
    );
    assert_eq!(ended.facts()["responses"]["/(?i)password:/"], "***");
    let cmd = format!("{cmd} || exit 1");
    let late = run(&client, &cmd, json!({"timeout": 1})).await;
    let error = late.error("COMMAND_TIMEOUT");
    assert!(error.to_string().contains("Password:"), "{error}");
    let plain = json!({"responses": {"password": "hunter3", "[sudo]": "hunter4", "name": "hunter5", "Continue": "Yes"}});
    let secret = run(&client, "exit 1", plain).await.ok();
    secret.has(&json!({"responses": {"password": "***", "[sudo]": "***", "name": "***", "Continue": "Yes"}}));
    let id = json!({"id": secret.facts()["id"]});
    let refused = client.call("task_retry", id).await.error("NOT_RETRYABLE");
    assert!(
        refused["details"]["reason"]
            .as_str()
            .unwrap()
            .contains("answers"),
        "{refused}"
    );
    // Echoed by the terminal, printed by the command, in the file of a long output, and in the error.
    let cmd = "printf 'Name: '; read -r n; printf 'Mot de passe: '; read -r p; seq 1 5000; echo \"$n $p$p\"; printf 'Again, %s: ' \"$p\"; read -r q";
    let answers = json!({"responses": {"Name": "Alice", "/^[^A]+:/": "hunter6"}, "timeout": 1.5});
    let shown = run(&client, cmd, answers).await;
    let output = shown.facts()["output"].as_str().unwrap().to_owned();
    assert!(
        output.starts_with("Name: Alice\nMot de passe: ***\n1\n")
            && output.ends_with("Alice ******\nAgain, ***: "),
        "{output}"
    );
    let id = json!({"id": shown.facts()["id"]});
    let error = shown.error("COMMAND_TIMEOUT");
    assert!(error.to_string().contains("Again, ***: "), "{error}");

    let mut said = vec![output, error.to_string(), refused.to_string()];
    for (tool, arguments) in [
        ("task_queue", json!({})),
        ("task_history", json!({})),
        ("task_logs", json!({"limit": 1000})),
        ("task_status", id.clone()),
        ("task_output", id.clone()),
        ("task_output", json!({"id": id["id"], "tail": 5})),
        ("task_wait", id.clone()),
    ] {
        let answer = client.call(tool, arguments).await;
        said.push(format!("{} {}", answer.text(), answer.facts()));
    }
    // Its end puts all that is recorded on disk.
    client.leave().await;
    let files = files(data.path());
    for name in ["queue.json", "history.json", ".stdout"] {
        let mut paths = files.iter().map(|(path, _)| path);
        assert!(
            paths.any(|path| path.ends_with(name)),
            "{name} in {:?}",
            files.iter().map(|(path, _)| path).collect::<Vec<_>>()
        );
    }
    said.extend(files.into_iter().map(|(_, content)| content));
    for text in said {
        let found = text.lines().find(|line| line.contains("hunter"));
        assert_eq!(found, None);
    }
}

/// Every file below a directory with what it holds.
fn files(directory: &std::path::Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            let content = std::fs::read(&path).unwrap();
            let content = String::from_utf8_lossy(&content).into_owned();
            files.push((crate::helper::text(&path), content));
        }
    }
    files
}

#[tokio::test]
async fn a_secret_is_typed_only_where_it_is_asked_for() {
    let (_sshd, client, _data) = on_sshd().await;
    let cmd = "bash -c \"read -s -p 'Password: ' p; echo; echo 'Password accepted'; sleep 1; read -t 1 -r q; echo typed=\\$q\"";
    let answers = json!({"responses": {"password": "hunter2"}});
    let ended = run(&client, cmd, answers).await.ok();
    ended.has(&json!({"output": "Password: \nPassword accepted\ntyped="}));
}

#[tokio::test]
async fn a_yes_goes_only_to_the_question_that_waits() {
    let (_sshd, client, _data) = on_sshd().await;
    let cmd = "printf 'password updated\\nContinue? [Y/n] '; read -r a; echo got=$a; printf 'This will overwrite nothing.\\nType the name of the database to drop: '; read -r b";
    let late = run(&client, cmd, json!({"timeout": 1})).await;
    assert!(
        late.facts()["output"].as_str().unwrap().ends_with("drop: "),
        "{}",
        late.facts()
    );
    let error = late.error("COMMAND_TIMEOUT");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("got=y") && message.ends_with("drop: "),
        "{message}"
    );
}

#[tokio::test]
async fn a_command_that_waits_at_no_prompt_is_not_said_to() {
    let (_sshd, client, _data) = on_sshd().await;
    let late = run(&client, "sleep 60", json!({"timeout": 0.3})).await;
    let error = late.error("COMMAND_TIMEOUT");
    assert!(!error.to_string().contains("waiting at"), "{error}");
}

#[tokio::test]
async fn a_pattern_that_is_none_is_refused() {
    let (_sshd, client, _data) = on_sshd().await;
    run(&client, "true", json!({"responses": {"/(/": "x"}}))
        .await
        .error("INVALID_ARGUMENT");
    run(&client, "true", json!({"responses": {"a": 5}}))
        .await
        .error("INVALID_ARGUMENT");
}
