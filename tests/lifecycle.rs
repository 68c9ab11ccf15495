//! The process: how it starts, what it says, how it ends.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::helper::{Client, RawProcess, Sshd, binary, directory, eventually, read_json, terminal};

#[tokio::test]
async fn help_and_version_and_a_clear_word_for_anything_unknown() {
    let help = binary().arg("--help").output().await.unwrap();
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for setting in mcp_sftp_orchestrator::config::SETTINGS {
        assert!(text.contains(setting.name));
    }
    let version = binary().arg("--version").output().await.unwrap();
    assert_eq!(
        String::from_utf8(version.stdout).unwrap().trim(),
        concat!("mcp-sftp-orchestrator ", env!("CARGO_PKG_VERSION"))
    );
    for (argument, word) in [
        ("--frobnicate", "--frobnicate"),
        ("serve", "serve"),
        ("--sync-timeout=soon", "soon"),
        ("--sync-timeout=0", "above 0"),
    ] {
        let refused = binary()
            .arg(argument)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let complaint = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{argument}");
        assert!(
            complaint.contains(word) && complaint.contains("--help"),
            "{complaint}"
        );
        assert!(refused.stdout.is_empty());
    }
}

/// However it is told to end, it records its jobs, closes its connections and is gone.
#[cfg(unix)]
#[tokio::test]
async fn it_ends_in_good_order() {
    for (how, cause) in [
        ("end of input", "the client closed standard input"),
        ("end of output", "standard output cannot be written: "),
        ("INT", "it received SIGINT"),
        ("TERM", "it received SIGTERM"),
        ("HUP", "it received SIGHUP"),
    ] {
        let (sshd, data, said) = (Sshd::start(), directory(), directory());
        let said = said.path().join("stderr");
        let settings = [("MCP_SYNC_TIMEOUT_S", "0.2")];
        let mut process = RawProcess::serving(data.path(), &settings, &said).await;
        process.call(1, "server_add", sshd.login("web1")).await;
        // It ends with the test at the latest.
        let runs = sshd.home("runs");
        let cmd = format!("echo $$ >{runs}; while [ -e {runs} ]; do sleep 0.1; done");
        let run = json!({"alias": "web1", "cmd": cmd});
        let handed = process.call(2, "task_exec", run).await;
        eventually("the command runs", || Path::new(&runs).exists()).await;
        let id = handed["result"]["structuredContent"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        if how == "end of input" {
            process.close_input();
        } else if how == "end of output" {
            process.close_output();
            process
                .send(r#"{"jsonrpc": "2.0", "id": 3, "method": "ping"}"#)
                .await;
        } else {
            let pid = process.child.id().unwrap().to_string();
            let kill = std::process::Command::new("kill")
                .arg(format!("-{how}"))
                .arg(pid)
                .status()
                .unwrap();
            assert!(kill.success());
        }
        let status = tokio::time::timeout(Duration::from_secs(10), process.child.wait()).await;
        let status = status.expect("it ends").unwrap();
        assert!(status.success(), "{how}: {status}");
        let record = &read_json(&data.path().join("queue.json"))[&id];
        assert_eq!(
            (&record["status"], &record["canRetry"]),
            (&json!("crashed"), &json!(true)),
            "{how}"
        );
        let error = record["error"].as_str().unwrap();
        assert!(
            error.contains("was stopped at") && error.contains(cause),
            "{how}: {error}"
        );
        // It has taken the command with it, as it had said.
        assert!(
            error.ends_with("; the command was stopped on the server"),
            "{how}: {error}"
        );
        let shell = std::fs::read_to_string(&runs).unwrap();
        assert!(
            !Path::new(&format!("/proc/{}", shell.trim())).exists(),
            "{how}"
        );
        // The log tells the same story.
        let said = std::fs::read_to_string(said).unwrap();
        assert!(
            said.contains(cause) && !said.contains("was lost"),
            "{how}: {said}"
        );
        let log = || std::fs::read_to_string(sshd.directory.path().join("log")).unwrap();
        eventually("sshd sees the goodbye", || {
            log().contains("Received disconnect") || log().contains("Disconnected from")
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_it_begins_ends_it() {
    let data = directory();
    let mut command = binary();
    command.arg(format!("--data-dir={}", data.path().display()));
    let mut process = RawProcess::spawn(command);
    process.close_input();
    let status = tokio::time::timeout(Duration::from_secs(10), process.child.wait()).await;
    assert!(status.expect("it ends").unwrap().success());
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_is_said() {
    let data = directory();
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = binary()
        .arg(format!("--data-dir={}/below", file.display()))
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        complaint.contains("cannot create") && complaint.contains("below"),
        "{complaint}"
    );
}

#[tokio::test]
async fn the_log_is_kept_and_searched_and_holds_no_secret() {
    let data = directory();
    let mut command = binary();
    command
        .arg(format!("--data-dir={}", data.path().display()))
        .env("LOG_LEVEL", "debug");
    command.env("MAX_QUEUE_SIZE", "lots");
    let client = Client::over(command).await;
    let gone = crate::helper::closed_port();
    client.register(crate::helper::login("gone", gone)).await;
    client
        .call("task_exec", json!({"alias": "gone", "cmd": "true"}))
        .await
        .error("CONNECTION_FAILED");
    let all = client.call("task_logs", json!({"limit": 500})).await.ok();
    let lines = all.facts()["logs"].as_array().unwrap();
    assert!(
        lines
            .iter()
            .all(|line| line["level"].is_string() && line["timestamp"].is_string())
    );
    assert!(!all.text().contains(mcp_sftp_orchestrator::demo::PASSWORD));
    let found = client
        .call(
            "task_logs",
            json!({"level": "warn", "search": "econnrefused", "limit": 1}),
        )
        .await
        .ok();
    assert_eq!(found.facts()["logs"].as_array().unwrap().len(), 1);
    let none = client
        .call(
            "task_logs",
            json!({"level": "error", "search": "econnrefused"}),
        )
        .await
        .ok();
    assert_eq!(none.facts()["logs"], json!([]));

    let diagnosis = client
        .call("system_diagnostics", json!({"verbose": true}))
        .await
        .ok();
    let facts = diagnosis.facts();
    assert!(
        facts["warnings"][0]
            .as_str()
            .unwrap()
            .contains("MAX_QUEUE_SIZE")
    );
    assert_eq!(facts["settings"]["maxQueueSize"], 1000);
    assert_eq!(
        (
            &facts["queue"]["total"],
            &facts["servers"]["gone"]["password"]
        ),
        (&json!(1), &json!("***"))
    );
    assert!(facts["pool"]["byServer"].is_object() && facts["errors"].is_array());
    let brief = client.call("system_diagnostics", json!({})).await.ok();
    assert!(brief.facts().get("settings").is_none());
}

/// A person who starts it at a terminal is told what it is; a client never is.
#[cfg(unix)]
#[tokio::test]
async fn at_a_terminal_it_explains_itself() {
    use std::io::Write;

    let home = directory();
    let data = home.path().join("dâta of ünd");
    let (mut terminal, seat) = terminal();
    let argument = format!("--data-dir={}", data.display());
    let child = binary()
        .arg(&argument)
        .stdin(seat)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The terminal's end of input.
    terminal.write_all(&[4]).unwrap();
    let output = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await;
    let output = output.expect("it ends").unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{told}"
    );
    for word in [
        "is an MCP server",
        &format!("Its data lies in {}\n", data.display()),
        &format!("mcp-sftp-orchestrator install '{argument}'\n"),
        "waits for an MCP client",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let entry = told
        .lines()
        .find(|line| line.contains("mcpServers"))
        .unwrap();
    let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
    let entry = &entry["mcpServers"]["orchestrator"];
    assert_eq!(entry["args"], json!([argument]));
    assert!(Path::new(entry["command"].as_str().unwrap()).is_file());

    let piped = binary().arg(&argument).stdin(Stdio::null()).output().await;
    let told = String::from_utf8(piped.unwrap().stderr).unwrap();
    assert!(!told.contains("waits for an MCP client"), "{told}");
}
