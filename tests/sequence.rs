//! `task_exec_sequence`: one shell for all commands, each with its own result.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Client, Event, Fault, Fixture, Sshd, assert_has, directory, eventually};

async fn run(client: &Client, commands: Value, go_on: bool) -> Value {
    let arguments = json!({"alias": "web1", "commands": commands, "continueOnError": go_on});
    let answer = client.call("task_exec_sequence", arguments).await.ok();
    answer.facts().clone()
}

async fn on_sshd() -> (Sshd, Client, crate::helper::Folder) {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

#[tokio::test]
async fn directory_variables_and_functions_last_from_step_to_step() {
    let (_sshd, client, _data) = on_sshd().await;
    let commands = json!([
        "cd /usr/share",
        "export COLOUR=red; greet() { echo \"hi $1\"; }",
        "pwd; echo $COLOUR; greet you; echo careful >&2",
        "printf 'no newline at the end'",
        "cat; echo input was empty",
        "echo \"quotes ' and \\\" and \\\\ stay\"",
    ]);
    let ended = run(&client, commands, false).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    let results = ended["results"].as_array().unwrap();
    let outputs: Vec<_> = results
        .iter()
        .map(|result| result["output"].as_str().unwrap())
        .collect();
    assert_eq!(
        outputs,
        [
            "",
            "",
            "/usr/share\nred\nhi you",
            "no newline at the end",
            "input was empty",
            "quotes ' and \" and \\ stay"
        ]
    );
    assert_eq!(
        (&results[2]["stderr"], &results[2]["exitCode"]),
        (&json!("careful"), &json!(0))
    );
    assert_eq!(
        (&results[2]["step"], &results[2]["lineCount"]),
        (&json!(3), &json!(3))
    );
}

#[tokio::test]
async fn the_documented_sequence_stops_at_the_step_that_fails() {
    let (_sshd, client, _data) = on_sshd().await;
    let ended = run(
        &client,
        json!(["cd /tmp", "pwd", "false", "echo hi"]),
        false,
    )
    .await;
    assert_has(&ended, &json!({"status": "failed", "exitCode": 1}));
    assert_eq!(ended["results"].as_array().unwrap().len(), 3);
    assert!(
        ended["error"].as_str().unwrap().contains("step 3 of 4"),
        "{ended}"
    );
    let ended = run(&client, json!(["false", "echo hi"]), true).await;
    assert_eq!(ended["results"][1]["output"], "hi");
    assert!(
        ended["error"]
            .as_str()
            .unwrap()
            .contains("1 of 2 steps failed"),
        "{ended}"
    );
    let mixed = json!([{"command": "false", "continueOnError": true}, "false", "echo hi"]);
    assert_eq!(
        run(&client, mixed, false).await["results"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_step_that_ends_the_shell_does_not_end_the_sequence() {
    let (_sshd, client, _data) = on_sshd().await;
    let commands = json!([
        "cd /usr/share",
        "echo bye; exit 4",
        "pwd",
        "kill -KILL $$",
        "pwd",
        "exit 0",
        "pwd"
    ]);
    let ended = run(&client, commands.clone(), true).await;
    let results = ended["results"].as_array().unwrap();
    assert_eq!(results.len(), 7, "{ended}");
    assert_eq!(
        (&results[1]["output"], &results[1]["exitCode"]),
        (&json!("bye"), &json!(4))
    );
    assert!(
        results[3]["error"].as_str().unwrap().contains("KILL"),
        "{ended}"
    );
    for index in [2, 4, 6] {
        assert_eq!(results[index]["output"], "/usr/share", "{ended}");
    }
    assert_eq!(
        run(&client, commands, false).await["results"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn each_step_has_its_own_timeout_and_a_late_one_is_stopped() {
    let (sshd, client, _data) = on_sshd().await;
    let alive = sshd.home("alive");
    let forever = format!("echo begun; (while :; do date +%N >{alive}; sleep 0.05; done)");
    let commands = json!(["cd /usr/share", {"command": forever, "timeout": 1}, "pwd"]);
    let ended = run(&client, commands.clone(), true).await;
    let late = &ended["results"][1];
    assert_eq!(
        (&late["output"], &late["success"]),
        (&json!("begun"), &json!(false)),
        "{ended}"
    );
    assert!(
        late["error"]
            .as_str()
            .unwrap()
            .contains("stopped on the server"),
        "{late}"
    );
    assert_eq!(ended["results"][2]["output"], "/usr/share");
    let before = std::fs::read_to_string(&alive).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(std::fs::read_to_string(&alive).unwrap(), before);
    let arguments = json!({"alias": "web1", "commands": commands});
    let error = client
        .call("task_exec_sequence", arguments)
        .await
        .error("COMMAND_TIMEOUT");
    assert_eq!(error["details"]["process"], "stopped");
}

#[tokio::test]
async fn a_sequence_is_a_job_like_any_other() {
    let fixture = Fixture::embedded().await;
    let go = fixture.remote("go");
    let arguments = json!({
        "alias": "web1", "commands": ["seq 1 50000", format!("touch {go}; sleep 60"), "echo never"],
        "background": true, "detach": false,
    });
    let handed = fixture
        .client
        .call("task_exec_sequence", arguments)
        .await
        .ok();
    handed.has(&json!({"status": "running", "type": "ssh_sequence"}));
    eventually("the second step runs", || Path::new(&go).exists()).await;
    let id = json!({"id": handed.facts()["id"]});
    let cancelled = fixture.client.call("task_cancel", id.clone()).await.ok();
    cancelled.has(&json!({"status": "cancelled", "process": "stopped"}));
    assert_eq!(cancelled.facts()["results"].as_array().unwrap().len(), 2);
    let page = json!({"id": handed.facts()["id"], "tail": 1});
    let page = fixture.client.call("task_output", page).await.ok();
    assert_eq!(page.facts()["text"], "50000\n");
    let history = fixture.client.call("task_history", json!({})).await.ok();
    assert!(
        history.text().contains("seq 1 50000; touch"),
        "{}",
        history.text()
    );
}

#[tokio::test]
async fn no_step_begins_after_the_cancellation_even_in_a_shell_that_survives_the_signal() {
    let fixture = Fixture::start().await;
    let (go, never) = (fixture.remote("go"), fixture.remote("never"));
    let arguments = json!({
        "alias": "web1", "background": true, "detach": false, "continueOnError": true,
        "commands": ["trap 'echo trapped' TERM", format!("touch {go}; sleep 60"), format!("touch {never}")],
    });
    let handed = fixture
        .client
        .call("task_exec_sequence", arguments)
        .await
        .ok();
    eventually("the second step runs", || Path::new(&go).exists()).await;
    let id = json!({"id": handed.facts()["id"]});
    let cancelled = fixture.client.call("task_cancel", id).await.ok();
    let ended = cancelled.facts();
    assert_eq!(
        (&ended["status"], &ended["process"]),
        (&json!("cancelled"), &json!("stopped")),
        "{ended}"
    );
    let results = ended["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{ended}");
    assert_eq!(results[0]["success"], true, "{ended}");
    assert!(!Path::new(&never).exists());
}

#[tokio::test]
async fn a_step_that_fails_is_the_last_that_begins_unless_it_may_fail() {
    let fixture = Fixture::start().await;
    let (after, never) = (fixture.remote("after"), fixture.remote("never"));
    let commands = json!([
        {"command": "false", "continueOnError": true},
        format!("touch {after}"),
        "(exit 7)",
        format!("touch {never}"),
    ]);
    let ended = run(&fixture.client, commands, false).await;
    assert_eq!(
        (
            &ended["status"],
            &ended["exitCode"],
            ended["results"].as_array().map(Vec::len)
        ),
        (&json!("failed"), &json!(7), Some(3)),
        "{ended}"
    );
    // The shell has ended, and with it the sequence.
    assert!(Path::new(&after).exists() && !Path::new(&never).exists());
}

#[tokio::test]
async fn a_step_whose_time_is_short_is_followed_in_the_same_shell() {
    let (_sshd, client, _data) = on_sshd().await;
    let short = |command: &str| json!({"command": command, "timeout": 1});
    let commands = json!([
        short("cd /usr/share; X=kept"),
        short("echo $X; pwd"),
        "exit 3",
        short("pwd")
    ]);
    let ended = run(&client, commands, true).await;
    assert_eq!(ended["results"][1]["output"], "kept\n/usr/share", "{ended}");
    assert_eq!(ended["results"][2]["exitCode"], 3, "{ended}");
    assert_eq!(ended["results"][3]["output"], "/usr/share", "{ended}");
}

#[tokio::test]
async fn a_sequence_too_long_for_a_command_line_runs_as_a_short_one_does() {
    let (_sshd, client, _data) = on_sshd().await;
    let filler = "x".repeat(9000);
    let commands = json!([
        "cd /usr/share",
        format!(": {filler}; pwd"),
        "(exit 3)",
        "pwd"
    ]);
    let ended = run(&client, commands.clone(), true).await;
    assert_eq!(ended["results"][1]["output"], "/usr/share", "{ended}");
    assert_eq!(ended["results"][3]["output"], "/usr/share", "{ended}");
    let ended = run(&client, commands, false).await;
    assert_eq!(ended["results"].as_array().unwrap().len(), 3, "{ended}");
}

#[tokio::test]
async fn where_the_connection_is_lost_the_answer_says_that_later_steps_may_have_run() {
    let fixture = Fixture::embedded().await;
    let go = fixture.remote("go");
    let arguments = json!({
        "alias": "web1", "commands": ["echo done", format!("echo begun; touch {go}; sleep 60"), "true"],
        "background": true, "detach": false,
    });
    let handed = fixture
        .client
        .call("task_exec_sequence", arguments)
        .await
        .ok();
    eventually("the second step runs", || Path::new(&go).exists()).await;
    // The end of the first step has to be here, too, before the connection is cut.
    let begun = json!({"id": handed.facts()["id"], "until": "begun"});
    fixture.client.call("task_wait", begun).await.ok();
    fixture.server.cut();
    fixture.client.wait(&handed.facts()["id"]).await;
    let status = json!({"id": handed.facts()["id"]});
    let status = fixture.client.call("task_status", status).await.ok();
    let ended = status.facts();
    let error = ended["error"].as_str().unwrap();
    assert!(
        error.contains("step 2 of 3") && error.contains("may have run"),
        "{ended}"
    );
}

#[tokio::test]
async fn where_the_connection_is_lost_before_any_output_the_answer_says_that_steps_may_have_run() {
    let fixture = Fixture::embedded().await;
    fixture.exec("true").await.ok();
    fixture.server.set_fault(Fault::MuteAtCommand);
    let arguments =
        json!({"alias": "web1", "commands": ["true", "true"], "background": true, "detach": false});
    let handed = fixture.client.call("task_exec_sequence", arguments);
    let handed = handed.await.ok();
    let has_come = || fixture.server.take_events().contains(&Event::Muted);
    eventually("the shell is asked for", has_come).await;
    fixture.server.cut();
    let error = fixture.client.wait(&handed.facts()["id"]).await;
    let error = error.error("CONNECTION_FAILED");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("may have run"), "{message}");
}

#[tokio::test]
async fn a_step_that_would_print_for_ever_is_bounded_and_the_next_goes_on() {
    let (sshd, client, _data) = on_sshd().await;
    let log = sshd.home("growing");
    std::fs::write(&log, "line\n".repeat(500)).unwrap();
    let commands = json!([
        "cd /usr/share",
        format!("tail -n 500 -f {log}"),
        "pwd",
        "seq 1 200"
    ]);
    let arguments = json!({"alias": "web1", "commands": commands});
    let answer = client.call("task_exec_sequence", arguments).await.ok();
    let ended = answer.facts();
    assert_has(ended, &json!({"status": "completed", "exitCode": 0}));
    let step = &ended["results"][1];
    assert_has(
        step,
        &json!({"success": true, "bounded": true, "process": "stopped"}),
    );
    assert_eq!(
        (&step["lineCount"], step.get("exitCode")),
        (&json!(100), None),
        "{step}"
    );
    assert_eq!(ended["results"][2]["output"], "/usr/share", "{ended}");
    assert_eq!(ended["results"][3]["lineCount"], 200, "{ended}");
    assert!(
        answer
            .text()
            .contains("(bounded in lines or time: it was ended after 100 lines"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn every_posix_shell_does_it() {
    for shell in [
        "/bin/sh",
        "/bin/dash",
        "/bin/bash",
        "/usr/bin/zsh",
        "/usr/bin/busybox",
    ] {
        if !Path::new(shell).exists() {
            eprintln!("not run with {shell}: it is not there");
            continue;
        }
        // busybox finds by its name what it is.
        let folder = directory();
        let link = folder.path().join("sh");
        let shell = if shell.ends_with("busybox") {
            std::os::unix::fs::symlink(shell, &link).unwrap();
            crate::helper::text(&link)
        } else {
            shell.to_owned()
        };
        let (sshd, data) = (
            Sshd::start_with(&format!("SetEnv SHELL={shell}")),
            directory(),
        );
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        let commands = json!([
            "cd /usr/share; X='a b'",
            "echo \"$X\"; pwd; exit 3",
            "pwd",
            "readlink /proc/$$/exe",
            "set -x; (exit 5)",
            "echo traced",
            "set +x",
            "exec >$HOME/log 2>&1; echo into the log; exit_status() { return 6; }",
            "echo also; exit_status",
        ]);
        let ended = run(&client, commands, true).await;
        assert_eq!(
            ended["results"][1]["output"], "a b\n/usr/share",
            "{shell}: {ended}"
        );
        let program = std::fs::canonicalize(&shell).unwrap();
        assert_eq!(
            ended["results"][3]["output"],
            program.to_str().unwrap(),
            "{ended}"
        );
        assert_eq!(ended["results"][1]["exitCode"], 3, "{shell}: {ended}");
        assert_eq!(
            ended["results"][2]["output"], "/usr/share",
            "{shell}: {ended}"
        );
        assert_eq!(ended["results"][4]["exitCode"], 5, "{shell}: {ended}");
        let traced = &ended["results"][5];
        assert_eq!(traced["output"], "traced", "{shell}: {ended}");
        let trace = traced["stderr"].as_str().unwrap();
        assert!(
            trace.contains("echo traced") && !trace.contains("printf"),
            "{shell}: {ended}"
        );
        assert_eq!(ended["results"][6]["exitCode"], 0, "{shell}: {ended}");
        let logged = &ended["results"][8];
        assert_eq!(
            (&logged["output"], &logged["exitCode"]),
            (&json!(""), &json!(6)),
            "{shell}: {ended}"
        );
        let log = std::fs::read_to_string(sshd.home("log")).unwrap();
        assert!(log.ends_with("also\n"), "{shell}: {log}");
    }
}

#[tokio::test]
async fn where_the_login_shell_is_another_one_sh_does_it_and_the_answer_says_so() {
    for shell in ["fish", "csh"] {
        let there = |place: &&str| Path::new(place).join(shell).exists();
        if !["/bin", "/usr/bin", "/usr/local/bin"].iter().any(there) {
            eprintln!("not run with {shell}: it is not there");
            continue;
        }
        let login = format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\"");
        let (sshd, data) = (Sshd::start_with(&login), directory());
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        let commands = json!([
            "cd /usr/share; export X='a b'",
            "echo \"$X\"; pwd",
            "exit 3"
        ]);
        let arguments = json!({"alias": "web1", "commands": commands});
        let answer = client.call("task_exec_sequence", arguments).await.ok();
        let ended = answer.facts();
        assert_eq!(
            ended["results"][1]["output"], "a b\n/usr/share",
            "{shell}: {ended}"
        );
        assert_eq!(ended["results"][2]["exitCode"], 3, "{shell}: {ended}");
        assert_eq!(ended["shell"], "sh");
        assert!(answer.text().contains("run by sh"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_server_that_is_no_shell_is_refused_by_name() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut device = sshd.login("router");
    device["plain"] = true.into();
    client.register(device).await;
    let arguments = json!({"alias": "router", "commands": ["show version"]});
    let error = client
        .call("task_exec_sequence", arguments)
        .await
        .error("NO_SHELL");
    assert_eq!(error["details"]["alias"], "router");
    assert!(
        error["details"]["reason"]
            .as_str()
            .unwrap()
            .contains("plain"),
        "{error}"
    );
}
