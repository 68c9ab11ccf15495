//! Login shells that are not taken for POSIX ones by mistake, nor the other way round, and restricted ones.

use std::path::Path;

use serde_json::json;

use crate::helper::{Client, Folder, Sshd, directory, eventually, login_shell, program, text};

/// An sshd whose commands go through a script `door` in its folder.
async fn behind(door: &str) -> (Sshd, Client, Folder) {
    let door = door.to_owned();
    let sshd = Sshd::prepared(|folder| {
        program(folder, "door", &door.replace("FOLDER", &text(folder)));
        format!("ForceCommand {}/door", text(folder))
    });
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

#[tokio::test]
async fn one_unlucky_answer_is_not_kept() {
    let door = "if [ -e FOLDER/nologin ]; then cat FOLDER/nologin; exit 1; fi
        if [ -e FOLDER/unmounted ]; then echo 'Could not chdir to home directory' >&2; exit 1; fi
        exec bash -c \"$SSH_ORIGINAL_COMMAND\"";
    for problem in ["nologin", "unmounted"] {
        let (sshd, client, _data) = behind(door).await;
        let file = sshd.home(problem);
        std::fs::write(&file, "Your password has expired.\n").unwrap();
        let refused = client.exec("web1", "echo in").await.ok();
        assert_eq!(refused.facts()["exitCode"], 1, "{}", refused.facts());
        std::fs::remove_file(file).unwrap();
        // sshd sends no signal to what it was told to run: only by its number can it be ended.
        let alive = sshd.home("alive");
        let cmd = format!("trap '' TERM; while :; do date +%N >{alive}; sleep 0.05; done");
        let arguments = json!({"alias": "web1", "cmd": cmd, "timeout": 1});
        let error = client
            .call("task_exec", arguments)
            .await
            .error("COMMAND_TIMEOUT");
        assert_eq!(error["details"]["process"], "stopped", "{problem}: {error}");
        let before = std::fs::read_to_string(&alive).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(std::fs::read_to_string(&alive).unwrap(), before);
    }
}

#[tokio::test]
async fn a_clear_answer_is_kept_and_one_that_never_comes_is_not_asked_for_each_time() {
    let count = "echo \"$SSH_ORIGINAL_COMMAND\" >>FOLDER/asked\n";
    for (door, most) in [
        // Clear: asked in two ways by csh's kin, once by others.
        ("exec tcsh -c \"$SSH_ORIGINAL_COMMAND\"", 2),
        ("exec bash -c \"$SSH_ORIGINAL_COMMAND\"", 1),
        ("echo \"% $SSH_ORIGINAL_COMMAND?\"", 1),
        ("echo '% Unknown command'", 6),
    ] {
        if door.contains("tcsh") && login_shell("tcsh").is_none() {
            continue;
        }
        let (sshd, client, _data) = behind(&format!("{count}{door}")).await;
        for _ in 0..6 {
            client.exec("web1", "echo own").await.ok();
        }
        let asked = std::fs::read_to_string(sshd.home("asked")).unwrap();
        let probes = asked.lines().filter(|line| !line.contains("own")).count();
        assert!(probes <= most, "{door}: {asked}");
    }
}

#[tokio::test]
async fn a_further_process_asks_only_a_shell_that_has_become_another() {
    let (sshd, first, data) = behind(
        "echo \"$SSH_ORIGINAL_COMMAND\" >>FOLDER/asked
        if [ -e FOLDER/other ]; then echo \"% $SSH_ORIGINAL_COMMAND?\"; exit 0; fi
        exec bash -c \"$SSH_ORIGINAL_COMMAND\"",
    )
    .await;
    let probes = || {
        let asked = std::fs::read_to_string(sshd.home("asked")).unwrap();
        asked.lines().filter(|line| !line.contains("own")).count()
    };
    let another = || Client::in_process(data.path(), |_| {});
    first.exec("web1", "echo own").await.ok();
    let known = data.path().join("shells");
    let is_known = || {
        known
            .read_dir()
            .is_ok_and(|mut files| files.next().is_some())
    };
    eventually("the shell is known", is_known).await;
    another().await.exec("web1", "echo own").await.ok();
    assert_eq!(probes(), 1);
    std::fs::write(sshd.home("other"), "").unwrap();
    let third = another().await;
    third.exec("web1", "echo own").await.ok();
    let told = third.exec("web1", "echo own").await.ok();
    assert_eq!(told.facts()["output"], "% echo own?", "{}", told.facts());
    assert_eq!(probes(), 2);
}

#[tokio::test]
async fn a_restricted_shell_runs_scripts_sequences_and_detached_commands() {
    let Some(extra) = login_shell("rbash") else {
        return;
    };
    let (sshd, data) = (Sshd::start_with(&extra), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    // First of all, when nothing is known of the shell.
    let arguments = json!({"alias": "web1", "cmd": "echo detached; exit 4", "detach": true});
    let detached = client.call("task_exec", arguments).await.ok();
    let ended = client.wait(&detached.facts()["id"]).await.ok();
    ended.has(&json!({"output": "detached", "exitCode": 4}));
    let refused = client.exec("web1", "cd /tmp").await.ok();
    assert!(refused.text().contains("restricted"), "{}", refused.text());
    client
        .call("get_system_resources", json!({"alias": "web1"}))
        .await
        .ok();
    let log = sshd.home("service.log");
    std::fs::write(&log, "one\ntwo\n").unwrap();
    let tail = json!({"alias": "web1", "filepath": log, "lines": 1});
    let tail = client.call("tail_file", tail).await.ok();
    assert_eq!(tail.facts()["lines"], "two");
    let commands = json!([
        "export COLOUR=red",
        "echo $COLOUR; echo careful >&2",
        "exit 5"
    ]);
    let arguments = json!({"alias": "web1", "commands": commands});
    let sequence = client.call("task_exec_sequence", arguments).await.ok();
    let results = &sequence.facts()["results"];
    assert_eq!(
        (
            &results[1]["output"],
            &results[1]["stderr"],
            &results[2]["exitCode"]
        ),
        (&json!("red"), &json!("careful"), &json!(5)),
        "{}",
        sequence.text()
    );
    let cmd = "for n in $(seq 1 200000); do echo long; done | wc -l";
    let ran = client
        .exec("web1", &format!("{cmd} # {}", "x".repeat(200_000)))
        .await
        .ok();
    assert_eq!(ran.facts()["output"], "200000");
    let process = sshd.home("process");
    let cmd = format!("bash -c 'echo $$ >{process}; exec sleep 60'");
    let arguments = json!({"alias": "web1", "cmd": cmd, "timeout": 1});
    let error = client
        .call("task_exec", arguments)
        .await
        .error("COMMAND_TIMEOUT");
    assert_eq!(error["details"]["process"], "stopped", "{error}");
    let process = std::fs::read_to_string(process).unwrap();
    let process = Path::new("/proc").join(process.trim());
    eventually("it is ended", || !process.exists()).await;
}
