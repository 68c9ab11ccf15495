//! Programs that page at a terminal, where nobody turns the pages.

use std::process::Command;

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Folder, Sshd, directory};

async fn on_sshd(extra: &str) -> (Sshd, Client, Folder) {
    let (sshd, data) = (Sshd::start_with(extra), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

async fn run(client: &Client, cmd: &str, more: Value) -> Answer {
    let mut arguments = json!({"alias": "web1", "cmd": cmd, "timeout": 30});
    let arguments_of = arguments.as_object_mut().unwrap();
    arguments_of.extend(more.as_object().unwrap().clone());
    client.call("task_exec_interactive", arguments).await
}

fn is_there(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        eprintln!("not run with {program}: it is not there");
    }
    is_there
}

#[tokio::test]
async fn git_prints_all_of_its_log_and_no_pager_waits() {
    if !is_there("git") {
        return;
    }
    let (sshd, client, _data) = on_sshd("").await;
    let repository = sshd.home("repository");
    let lines = "line\n".repeat(300);
    for arguments in [
        &["init", "-q", &repository][..],
        &["-C", &repository, "config", "core.pager", "less"],
        &[
            "-C",
            &repository,
            "-c",
            "user.name=a",
            "-c",
            "user.email=b@c",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            &lines,
        ],
    ] {
        let done = Command::new("git")
            .args(arguments)
            .env("HOME", sshd.directory.path())
            .status();
        assert!(done.unwrap().success());
    }
    // Its owner may be another than who logs in.
    let git = format!("git -c safe.directory='*' -C {repository} log");
    let ran = run(&client, &git, json!({})).await.ok();
    let output = ran.facts()["output"].as_str().unwrap();
    assert_eq!(output.matches("line").count(), 300, "{output}");
    assert_eq!(ran.facts().get("pagerQuit"), None, "{}", ran.facts());
}

#[tokio::test]
async fn a_pager_that_the_user_has_chosen_stays() {
    let (_sshd, client, _data) = on_sshd("SetEnv PAGER=more MANPAGER=").await;
    let cmd = "echo \"$PAGER-$MANPAGER-$GIT_PAGER\"; tty >/dev/null && env | grep -c PAGER=";
    let ran = run(&client, cmd, json!({})).await.ok();
    assert_eq!(ran.facts()["output"], "more--cat\n8");
    let cmd = "echo \"$PAGER\"";
    let ran = client.exec("web1", cmd).await.ok();
    assert_eq!(
        ran.facts()["output"],
        "more",
        "without a terminal nothing is set"
    );
}

#[tokio::test]
async fn a_pager_that_waits_all_the_same_is_quit_and_that_is_said() {
    let (sshd, client, _data) = on_sshd("").await;
    let file = sshd.home("numbers");
    std::fs::write(&file, crate::helper::numbers(1000)).unwrap();
    for pager in ["less", "more", "less -M", "busybox more", "busybox less"] {
        if !is_there(pager.split(' ').next().unwrap()) {
            continue;
        }
        for input in [format!("{pager} {file}"), format!("cat {file} | {pager}")] {
            let cmd = format!("{input}; {input}; echo after");
            let ran = run(&client, &cmd, json!({"autoRespond": false})).await.ok();
            let output = ran.facts()["output"].as_str().unwrap();
            assert!(
                output.contains("1\n2\n3\n") && output.ends_with("after"),
                "{pager}: {output}"
            );
            assert!(!output.contains("\n1000\n"), "{pager}: {output}");
            assert_eq!(ran.facts()["pagerQuit"], true, "{pager}: {}", ran.facts());
            assert!(
                ran.text().contains("a pager waited"),
                "{pager}: {}",
                ran.text()
            );
        }
    }
}

#[tokio::test]
async fn who_only_asks_as_a_pager_does_is_not_told_to_quit() {
    let (_sshd, client, _data) = on_sshd("").await;
    let cmd = "printf ': '; read -r a; echo got=$a";
    let late = run(&client, cmd, json!({"timeout": 2})).await;
    assert_eq!(late.facts()["output"], ": ", "{}", late.facts());
    late.error("COMMAND_TIMEOUT");
    let own = json!({"responses": {"--More--": "x"}});
    let ran = run(&client, "printf -- '--More--'; read -r a; echo got=$a", own)
        .await
        .ok();
    assert!(ran.text().ends_with("got=x"), "{}", ran.text());
}
