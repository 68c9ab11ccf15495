//! Commands that are longer than a command line may be.

use serde_json::json;

use crate::helper::{Client, Fixture, Sshd, assert_has, directory, login_shell};

/// A command that writes so many bytes to a file, counts them, and ends with status 3.
fn writing(file: &str, bytes: usize) -> String {
    let line = "it's 100 \"quoted\" bytes with $HOME and `date` and \\\\ in a line that nobody may read otherwise, é.\n";
    let text = line.repeat(bytes / line.len() + 1);
    format!("cat >{file} <<'END'\n{text}END\nwc -c <{file}; cat; echo oops >&2; exit 3")
}

fn length(bytes: usize) -> String {
    let shortest = writing("x", 0).len();
    let two = writing("x", shortest).len();
    assert!(two > shortest);
    let line = two - shortest;
    ((bytes / line + 1) * line).to_string()
}

async fn does_it(client: &Client, file: &str, shell: &str) {
    for bytes in [10_000, 140_000, 400_000] {
        let cmd = writing(file, bytes);
        let ran = client.exec("web1", &cmd).await.ok();
        let facts = ran.facts();
        assert_eq!(
            (&facts["output"], &facts["stderr"], &facts["exitCode"]),
            (&json!(length(bytes)), &json!("oops"), &json!(3)),
            "{shell}, {bytes}"
        );
        let shown = facts["cmd"].as_str().unwrap();
        assert!(shown.len() < 500 && shown.starts_with("cat >"), "{shown}");
    }
}

#[tokio::test]
async fn every_posix_shell_runs_what_is_too_long_for_a_command_line() {
    for shell in ["bash", "dash", "zsh", "busybox sh"] {
        if login_shell(shell.split(' ').next().unwrap()).is_none() {
            continue;
        }
        let extra = format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\"");
        let (sshd, data) = (Sshd::start_with(&extra), directory());
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        does_it(&client, &sshd.home("file"), shell).await;
    }
}

#[tokio::test]
async fn other_shells_read_it_as_well() {
    for shell in ["fish", "tcsh"] {
        let Some(extra) = login_shell(shell) else {
            continue;
        };
        let (sshd, data) = (Sshd::start_with(&extra), directory());
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        let comment = "# nothing\n".repeat(15_000);
        let ran = client
            .exec("web1", &format!("echo begun\n{comment}echo done"))
            .await
            .ok();
        assert_eq!(ran.facts()["output"], "begun\ndone", "{shell}");
    }
}

#[tokio::test]
async fn a_long_command_is_stopped_detached_and_put_into_a_sequence_as_any_other() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let (file, survived) = (sshd.home("file"), sshd.home("survived"));
    let cmd = writing(&file, 300_000);
    let late = format!("echo begun; sleep 2; touch {survived}; exit 0\n{cmd}");
    let arguments = json!({"alias": "web1", "cmd": late, "timeout": 1});
    let answer = client.call("task_exec", arguments).await;
    answer.has(&json!({"output": "begun", "process": "stopped"}));
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert!(!std::path::Path::new(&survived).exists());

    let arguments = json!({"alias": "web1", "cmd": cmd, "detach": true});
    let detached = client.call("task_exec", arguments).await.ok();
    let ended = client.wait(&detached.facts()["id"]).await.ok();
    ended.has(&json!({"output": length(300_000), "exitCode": 3}));
    let step = format!("({cmd})");
    let arguments = json!({"alias": "web1", "commands": [step], "continueOnError": true});
    let sequence = client.call("task_exec_sequence", arguments).await.ok();
    let result = &sequence.facts()["results"][0];
    assert_has(result, &json!({"output": length(300_000), "exitCode": 3}));
}

#[tokio::test]
async fn what_cannot_be_sent_or_judged_is_refused_in_words() {
    let fixture = Fixture::embedded().await;
    does_it(&fixture.client, &fixture.remote("file"), "sh").await;
    let cmd = writing(&fixture.remote("file"), 140_000);
    let arguments = json!({"alias": "web1", "cmd": cmd});
    let error = fixture
        .client
        .call("task_exec_interactive", arguments)
        .await;
    let error = error.error("INVALID_ARGUMENT");
    assert!(
        error.to_string().contains("upload it as a script"),
        "{error}"
    );
    let endless = writing(&fixture.remote("file"), 3_000_000);
    let error = fixture.exec(&endless).await.error("POLICY_BLOCKED");
    let message = error.to_string();
    assert!(
        message.contains("\"cat >") && message.contains("too long to judge"),
        "{message}"
    );
    assert!(message.len() < 600, "{message}");
}
