//! `task_exec_interactive`: a terminal, and answers to what is asked at it.

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Folder, Sshd, directory};

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
    assert_eq!(
        (&facts["status"], &facts["exitCode"]),
        (&json!("failed"), &json!(3)),
        "{facts}"
    );
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
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("Continue? [y/N]"),
        "{error}"
    );
    assert_eq!(error["details"]["process"], "stopped");

    let plain = json!({"interactive": false});
    let ended = run(&client, "tty >/dev/null || echo no terminal", plain)
        .await
        .ok();
    assert_eq!(ended.facts()["output"], "no terminal");
}

#[tokio::test]
async fn a_password_is_given_only_where_it_is_told_and_is_recorded_nowhere() {
    let (_sshd, client, data) = on_sshd().await;
    let cmd = "stty -echo; printf 'Password: '; read -r p; stty echo; echo; [ \"$p\" = hunter2 ] && echo right";
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
    assert!(
        error["message"].as_str().unwrap().contains("Password:"),
        "{error}"
    );
    let secret = run(
        &client,
        "exit 1",
        json!({"responses": {"password": "hunter3"}}),
    )
    .await
    .ok();
    client
        .call("task_retry", json!({"id": secret.facts()["id"]}))
        .await
        .error("NOT_RETRYABLE");
    let queue = client.call("task_queue", json!({})).await.ok();
    assert!(!queue.text().contains("hunter3"), "{}", queue.text());
    drop(data);
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
