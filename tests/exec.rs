//! Commands: output, exit status, signals, timeouts, hand-off.

use std::time::Duration;

use mcp_sftp_orchestrator::config::Config;
use serde_json::json;

use crate::helper::{Client, Fixture, Sshd, assert_has, directory};

#[tokio::test]
async fn the_binary_against_sshd_tells_output_status_and_signal_apart() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let exec = |cmd: &'static str| client.call("task_exec", json!({"alias": "web1", "cmd": cmd}));

    let ran = exec("printf 'a\\nb\\n'; echo warning >&2").await.ok();
    assert_eq!(ran.facts()["output"], "a\nb");
    assert_eq!(ran.facts()["stderr"], "warning");
    assert_eq!(ran.facts()["exitCode"], 0);
    assert_eq!(ran.facts()["lineCount"], 2);
    assert_eq!(ran.facts()["status"], "completed");
    let id = ran.facts()["id"].as_str().unwrap().to_owned();
    assert!(
        ran.text().ends_with(&format!(
            " s (task {id})\na\nb\n--- stderr of task {id} ---\nwarning"
        )),
        "{}",
        ran.text()
    );

    let failed = exec("echo out; echo err >&2; exit 3").await.ok();
    failed.has(&json!({"status": "failed", "exitCode": 3}));
    assert_eq!(failed.facts()["error"], "Exit code: 3");
    for part in ["exit 3 in ", "out", "err"] {
        assert!(failed.text().contains(part), "{}", failed.text());
    }

    let killed = exec("kill -KILL $$").await.ok();
    killed.has(&json!({"status": "failed", "signal": "KILL"}));
    assert!(killed.facts().get("exitCode").is_none());

    let odd = exec("printf 'a\\377b'").await.ok();
    assert_eq!(odd.facts()["output"], "a\u{FFFD}b");
}

#[tokio::test]
async fn fifty_megabytes_of_output_keep_head_and_tail() {
    let patient = |config: &mut Config| config.sync_timeout = Duration::from_secs(100);
    let fixture = Fixture::embedded_with(patient).await;
    let ran = fixture
        .exec("echo first; yes 0123456789 | head -n 4500000; echo last")
        .await
        .ok();
    let output = ran.facts()["output"].as_str().unwrap();
    assert!(output.starts_with("first\n") && output.ends_with("\nlast"));
    assert!(output.contains("bytes left out") && output.len() < 40_000);
    assert_eq!(ran.facts()["truncated"], true);
    assert_eq!(ran.facts()["lineCount"], 4_500_002);
}

#[tokio::test]
async fn a_long_command_goes_to_the_background_and_is_found_again() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &["--sync-timeout=1"]).await;
    client.register(sshd.login("web1")).await;
    let handed = client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": "sleep 3; echo late"}),
        )
        .await
        .ok();
    assert_eq!(handed.facts()["status"], "running");
    let id = &handed.facts()["id"];
    assert!(handed.text().contains(id.as_str().unwrap()) && handed.text().contains("task_wait"));
    let status = client.call("task_status", json!({"id": id})).await.ok();
    assert_eq!(status.facts()["status"], "running");
    let waited = client.wait(id).await.ok();
    waited.has(&json!({"status": "completed", "output": "late"}));
}

#[tokio::test]
async fn background_hands_off_at_once() {
    let fixture = Fixture::embedded().await;
    let handed = fixture.background("sleep 0.3; echo late").await;
    assert!(["pending", "running"].contains(&handed.facts()["status"].as_str().unwrap()));
    let waited = fixture.client.wait(&handed.facts()["id"]).await.ok();
    assert_eq!(waited.facts()["output"], "late");
}

#[tokio::test]
async fn waiting_in_vain_answers_with_the_running_task() {
    let fixture = Fixture::embedded().await;
    let handed = fixture.background("sleep 1").await;
    let id = &handed.facts()["id"];
    let waited = fixture
        .client
        .call("task_wait", json!({"id": id, "timeout": 0.1}))
        .await
        .ok();
    assert_eq!(waited.facts()["status"], "running");
    assert_eq!(
        fixture.client.wait(id).await.ok().facts()["status"],
        "completed"
    );
}

#[tokio::test]
async fn a_timeout_keeps_the_output_and_stops_the_command() {
    let fixture = Fixture::embedded().await;
    let file = fixture.remote("survived");
    let cmd = format!("echo begun; sleep 2; touch {file}");
    let arguments = json!({"alias": "web1", "cmd": cmd, "timeout": 0.3});
    let answer = fixture.client.call("task_exec", arguments).await;
    assert_eq!(answer.facts()["output"], "begun");
    assert_eq!(answer.facts()["timedOut"], true);
    assert_eq!(answer.facts()["process"], "stopped");
    let error = answer.error("COMMAND_TIMEOUT");
    assert_eq!(error["details"]["timeout"], 0.3);
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert!(!std::path::Path::new(&file).exists(), "the command went on");
}

#[tokio::test]
async fn a_program_that_draws_on_a_screen_is_sent_to_a_shell() {
    let fixture = Fixture::embedded().await;
    crate::helper::program(fixture.there("").as_path(), "vim", "sleep 20");
    let cmd = format!("PATH={}:$PATH vim /etc/hosts", fixture.remote(""));
    let arguments = json!({"alias": "web1", "cmd": cmd, "timeout": 0.3});
    let late = fixture.client.call("task_exec", arguments).await;
    let hint = late.error("COMMAND_TIMEOUT")["details"]["hint"].to_string();
    assert!(
        hint.contains("`vim` waits for keys") && hint.contains("shell_open"),
        "{hint}"
    );
    let arguments = json!({"alias": "web1", "cmd": "sleep 20", "timeout": 0.3});
    let late = fixture.client.call("task_exec", arguments).await;
    let hint = late.error("COMMAND_TIMEOUT")["details"]["hint"].to_string();
    assert!(!hint.contains("shell_open"), "{hint}");
}

#[tokio::test]
async fn a_running_task_shows_as_many_last_lines_as_are_wanted() {
    let fixture = Fixture::embedded().await;
    let handed = fixture.background("seq 12; sleep 20").await;
    let id = handed.facts()["id"].clone();
    let seen = json!({"id": id, "until": "^12$", "timeout": 20, "tail": 8});
    let waited = fixture.client.call("task_wait", seen).await.ok();
    let text = waited.text();
    assert!(text.ends_with("---\n5\n6\n7\n8\n9\n10\n11\n12"), "{text}");
    let few = json!({"id": id, "timeout": 0.1});
    let waited = fixture.client.call("task_wait", few).await.ok();
    assert!(
        waited.text().ends_with("---\n8\n9\n10\n11\n12"),
        "{}",
        waited.text()
    );
    fixture
        .client
        .call("task_cancel", json!({"id": id}))
        .await
        .ok();
}

#[tokio::test]
async fn an_upload_among_the_kernel_s_files_says_what_sets_them() {
    let sshd = Sshd::start();
    let (data, local) = (directory(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let file = local.path().join("file");
    std::fs::write(&file, "1").unwrap();
    let remote = "/proc/no-such-file";
    let upload = json!({"alias": "web1", "direction": "upload", "local": file.to_str().unwrap(), "remote": remote});
    let failed = client.call("task_transfer", upload).await;
    let failed = failed.error("TRANSFER_FAILED");
    let hint = failed["details"]["hint"].as_str().unwrap();
    assert!(
        hint.contains("/proc") && hint.contains("task_exec"),
        "{failed}"
    );
    let write = json!({"alias": "web1", "path": remote, "content": "1"});
    let failed = client.call("file_write", write).await;
    assert!(
        failed.is_error() && failed.text().contains("/sys and /dev"),
        "{}",
        failed.text()
    );
}

#[tokio::test]
async fn a_child_left_in_the_background_does_not_hold_the_call() {
    let sshd = Sshd::start();
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    // The child keeps the channel's pipes open for far longer than the call may take.
    let ran = client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": "sleep 15 & echo $!"}),
        )
        .await
        .ok();
    assert_eq!(ran.facts()["status"], "completed");
    let child = ran.facts()["output"].as_str().unwrap().to_owned();
    let alive = client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": format!("kill {child}")}),
        )
        .await
        .ok();
    assert_eq!(
        alive.facts()["exitCode"],
        0,
        "the child was still there to be ended"
    );
}

#[tokio::test]
async fn a_child_that_prints_for_ever_does_not_hold_the_call_either() {
    let fixture = Fixture::embedded().await;
    let cmd = "(for n in $(seq 1 200); do echo child; sleep 0.1; done) & echo parent";
    let ran = fixture.exec(cmd).await.ok();
    assert_eq!(ran.facts()["status"], "completed", "{}", ran.text());
    assert!(ran.facts()["output"].as_str().unwrap().contains("parent"));
}

#[tokio::test]
async fn a_command_that_reads_its_input_finds_the_end_of_it() {
    let sshd = Sshd::start();
    let fixture = Fixture::embedded().await;
    for server in [None, Some(&sshd)] {
        if let Some(sshd) = server {
            fixture.client.register(sshd.login("web1")).await;
        }
        let ran = fixture.exec("cat; echo read").await.ok();
        assert_eq!(ran.facts()["output"], "read");
    }
}

#[tokio::test]
async fn a_timeout_beyond_all_clocks_is_none() {
    let fixture = Fixture::embedded().await;
    let arguments = json!({"alias": "web1", "cmd": "echo fine", "timeout": 1e19});
    assert_eq!(
        fixture
            .client
            .call("task_exec", arguments)
            .await
            .ok()
            .facts()["output"],
        "fine"
    );
}

#[tokio::test]
async fn the_client_s_cancellation_stops_the_command_and_its_timeout_does_not() {
    use rmcp::model::{CancelledNotification, CancelledNotificationParam, ClientRequest, Request};
    use rmcp::service::PeerRequestOptions;

    let fixture = Fixture::embedded().await;
    for (reason, expected) in [
        (Some("Request timed out"), "completed"),
        (Some("the user stopped it"), "cancelled"),
    ] {
        let params = crate::helper::request(
            "task_exec",
            json!({"alias": "web1", "cmd": "sleep 1; echo through"}),
        );
        let request = ClientRequest::CallToolRequest(Request::new(params));
        let peer = fixture.client.peer();
        let sent = peer
            .send_cancellable_request(request, PeerRequestOptions::no_options())
            .await
            .unwrap();
        let running = async || {
            let queue = fixture
                .client
                .call("task_queue", json!({"status": "running"}))
                .await
                .ok();
            queue.facts()["tasks"].get(0).map(|task| task["id"].clone())
        };
        let mut found = running().await;
        while found.is_none() {
            found = running().await;
        }
        let id = found.unwrap();
        let params = CancelledNotificationParam::new(Some(sent.id.clone()), reason.map(Into::into));
        peer.send_notification(CancelledNotification::new(params).into())
            .await
            .unwrap();
        let ended = fixture.client.wait(&id).await.ok();
        assert_eq!(ended.facts()["status"], expected, "{}", ended.text());
    }
}

#[tokio::test]
async fn commands_that_would_print_for_ever_are_bounded_and_stopped() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let log = sshd.home("growing");
    std::fs::write(&log, "line\n".repeat(500)).unwrap();
    let follow = json!({"alias": "web1", "cmd": format!("LANG=C tail -n 500 -f {log}")});
    let ended = client.call("task_exec", follow).await.ok();
    let facts = ended.facts();
    assert_has(facts, &json!({"status": "completed", "lineCount": 100}));
    assert_has(facts, &json!({"bounded": true, "process": "stopped"}));
    assert!(
        ended.text().contains("bounded in lines or time"),
        "{}",
        ended.text()
    );
    // The answer says which bound was reached, after how many lines, and that it was no end of its own.
    assert!(
        ended.text().starts_with("bounded after ")
            && ended.text().contains("ended after 100 lines;"),
        "{}",
        ended.text()
    );
    assert_eq!(facts["boundedBy"], "100 lines", "{facts}");
    let few = json!({"alias": "web1", "cmd": format!("tail -n 2 -f {log}"), "streamTimeout": 0.5});
    let ended = client.call("task_exec", few).await.ok();
    assert_eq!(ended.facts()["output"], "line\nline", "{}", ended.text());
    let silent =
        json!({"alias": "web1", "cmd": format!("tail -n 0 -f {log}"), "streamTimeout": 0.2});
    let ended = client.call("task_exec", silent).await.ok();
    assert!(
        ended.text().contains(", no output (task "),
        "{}",
        ended.text()
    );
    assert!(
        ended.text().contains("ended after 0.2 s;"),
        "{}",
        ended.text()
    );
    assert_eq!(ended.facts()["boundedBy"], "0.2 s");
}

#[tokio::test]
async fn a_bound_that_is_given_alone_brings_no_other() {
    let fixture = Fixture::embedded().await;
    let run = |arguments: serde_json::Value| {
        let mut all = json!({"alias": "web1"});
        all.as_object_mut()
            .unwrap()
            .extend(arguments.as_object().unwrap().clone());
        fixture.client.call("task_exec", all)
    };
    let lines = run(json!({"cmd": "seq 1 5", "maxLines": 200})).await.ok();
    assert_eq!(lines.facts()["maxLines"], 200);
    for absent in ["streamTimeout", "bounded"] {
        assert!(
            lines.facts().get(absent).is_none(),
            "{absent} in {}",
            lines.facts()
        );
    }
    let time = run(json!({"cmd": "seq 1 150", "streamTimeout": 60}))
        .await
        .ok();
    time.has(&json!({"lineCount": 150, "exitCode": 0}));
    assert!(time.facts().get("maxLines").is_none(), "{}", time.facts());
    let endless = run(json!({"cmd": "tail -f /dev/null", "streamTimeout": 0.1}))
        .await
        .ok();
    assert_eq!(endless.facts()["maxLines"], 100, "{}", endless.facts());
    let long = run(json!({"cmd": "echo fine", "streamTimeout": 1e19}))
        .await
        .ok();
    assert_eq!(long.facts()["output"], "fine");

    for (parameter, arguments) in [
        ("maxLines", json!({"cmd": "true", "maxLines": 0})),
        ("streamTimeout", json!({"cmd": "true", "streamTimeout": 0})),
        (
            "maxLines",
            json!({"cmd": "true", "maxLines": 1, "detach": true}),
        ),
        (
            "streamTimeout",
            json!({"cmd": "true", "streamTimeout": 1, "detach": true}),
        ),
    ] {
        let error = run(arguments).await.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], parameter, "{error}");
    }
}

#[tokio::test]
async fn a_bounded_command_that_ends_by_itself_keeps_its_exit_status() {
    let fixture = Fixture::embedded().await;
    let run = async |cmd: &str| {
        let arguments = json!({"alias": "web1", "cmd": cmd, "maxLines": 3});
        fixture.client.call("task_exec", arguments).await.ok()
    };
    let exact = run("seq 1 3").await;
    exact.has(&json!({"output": "1\n2\n3", "exitCode": 0}));
    assert!(exact.facts().get("bounded").is_none(), "{}", exact.facts());
    let cut = run("seq 1 50; exit 4").await;
    cut.has(&json!({"output": "1\n2\n3", "exitCode": 4}));
    assert_eq!(
        (&cut.facts()["bounded"], cut.facts().get("process")),
        (&json!(true), None)
    );
    assert!(
        cut.text()
            .contains("what came after 3 lines was left out; the command ended by itself")
            && cut.text().starts_with("exit 4 in "),
        "{}",
        cut.text()
    );
    // A retry is bounded as the first call was.
    let id = json!({"id": cut.facts()["id"]});
    let again = fixture.client.call("task_retry", id).await.ok();
    again.has(&json!({"maxLines": 3, "output": "1\n2\n3"}));
    assert!(again.facts().get("streamTimeout").is_none());
}

#[tokio::test]
async fn what_comes_before_an_endless_command_is_done_first() {
    let fixture = Fixture::embedded().await;
    let cmd = "for n in $(seq 1 150); do echo $n; done; exit 3; tail -f /dev/null";
    let ended = fixture.exec(cmd).await.ok();
    ended.has(&json!({"lineCount": 150, "exitCode": 3}));
    let cmd = "seq 1 150; cat <<EOF\ntail -f x\nEOF";
    let ended = fixture.exec(cmd).await.ok();
    assert_eq!(ended.facts()["lineCount"], 151, "{}", ended.facts());
}
