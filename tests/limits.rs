//! Odd surroundings: a limit on the size of files, a clock before 1970.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::helper::{BINARY, Fixture, Http, RawProcess, apart, directory, login, numbers, text};

/// The binary, started by a shell after these commands.
fn after(commands: &str, data: &Path) -> RawProcess {
    let mut command = apart(Command::new("sh"));
    command
        .args(["-c", &format!("{commands}\nexec \"$0\" --data-dir=\"$1\"")])
        .args([BINARY, &text(data)]);
    RawProcess::spawn(command)
}

#[tokio::test]
async fn a_limit_on_the_size_of_files_ends_nothing_and_is_told() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    let mut process = after("ulimit -f 8", data.path());
    process.initialize("2025-06-18").await;
    let server = login("web1", fixture.server.address().port());
    process.tool("server_add", server).await.ok();
    // A result is given even where it cannot be recorded.
    let mut told = json!({"alias": "web1", "cmd": "seq 1 5000"});
    for _ in 0..5 {
        let answer = process.tool("task_exec", told.clone()).await;
        if answer.is_error() {
            answer.error("STORAGE_ERROR");
        } else {
            assert!(answer.text().contains("\n4999\n5000"), "{}", answer.text());
        }
    }
    // A task that would be lost with this process is not handed off in silence.
    told["background"] = json!(true);
    let answer = process.tool("task_exec", told).await;
    answer.error("STORAGE_ERROR");
    let mut refused = 0;
    for number in 0..60 {
        let alias = format!("further{number}");
        let server = json!({
            "alias": alias, "host": "192.0.2.1", "user": "u", "password": "p", "verify": false,
        });
        let answer = process.tool("server_add", server).await;
        if answer.is_error() {
            answer.error("STORAGE_ERROR");
            refused += 1;
        }
    }
    assert!(refused > 0, "the limit was never met");
    process.tool("server_list", json!({})).await.ok();
    assert!(process.child.try_wait().unwrap().is_none(), "it lives");
}

#[tokio::test]
async fn an_output_beyond_the_limit_is_still_given_from_memory() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    // More than the records take, less than the output.
    let mut process = after("ulimit -f 256", data.path());
    process.initialize("2025-06-18").await;
    let server = login("web1", fixture.server.address().port());
    process.tool("server_add", server).await.ok();
    let cmd = "seq 1 100000; sleep 1; seq 1 100000; echo done";
    let answer = process.tool("task_exec", json!({"alias": "web1", "cmd": cmd}));
    let answer = answer.await.ok();
    let output = answer.facts()["output"].as_str().unwrap();
    assert!(output.starts_with(&numbers(100)) && output.ends_with("\n100000\ndone"));
    let answer = process.tool("task_exec", json!({"alias": "web1", "cmd": "echo further"}));
    assert!(answer.await.ok().text().contains("further"));
}

#[tokio::test]
async fn a_download_beyond_the_limit_fails_by_name() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    std::fs::write(fixture.server.home.path().join("large"), vec![1; 3_000_000]).unwrap();
    let mut process = after("ulimit -f 256", data.path());
    process.initialize("2025-06-18").await;
    let server = login("web1", fixture.server.address().port());
    process.tool("server_add", server).await.ok();
    let arguments = json!({
        "alias": "web1", "direction": "download", "local": fixture.files.path().join("large"), "remote": "large",
    });
    let error = process.tool("task_transfer", arguments).await;
    let error = error.error("TRANSFER_FAILED");
    assert!(error.to_string().contains("File too large"), "{error}");
    process.tool("server_list", json!({})).await.ok();
}

/// Needs libfaketime, which `tests/run` installs where there is Debian.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_clock_before_1970_ends_nothing() {
    let found = std::process::Command::new("faketime")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_err() {
        eprintln!("not run: faketime is not there");
        return;
    }
    let (fixture, data) = (Fixture::embedded().await, directory());
    let mut command = apart(Command::new("faketime"));
    command
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .args(["-f", "@1969-07-20 20:17:40", BINARY])
        .arg(format!("--data-dir={}", data.path().display()));
    let mut process = RawProcess::spawn(command);
    process.initialize("2025-06-18").await;
    let server = login("web1", fixture.server.address().port());
    process.tool("server_add", server).await.ok();
    let arguments = json!({"alias": "web1", "cmd": "echo still here"});
    let ran = process.tool("task_exec", arguments).await.ok();
    assert!(ran.text().contains("still here"), "{}", ran.text());
    let created = ran.facts()["createdAt"].as_str().unwrap();
    assert!(created.starts_with("1969-07-20T"), "{created}");
    std::fs::write(fixture.files.path().join("file"), "content").unwrap();
    let arguments = json!({
        "alias": "web1", "direction": "upload", "local": fixture.files.path().join("file"), "remote": "file",
    });
    process.tool("task_transfer", arguments).await.ok();
    // Certificates cannot be judged at such a time, which is said.
    let http = Http::start(None).await;
    let api = json!({"alias": "api", "url": format!("https://127.0.0.1:{}/", http.port)});
    process.tool("api_add", api).await.ok();
    let checked = process
        .tool("api_check", json!({"alias": "api"}))
        .await
        .ok();
    assert!(checked.text().contains("before 1970"), "{}", checked.text());
    for tool in [
        "queue_stats",
        "task_logs",
        "task_history",
        "system_diagnostics",
    ] {
        process.tool(tool, json!({})).await.ok();
    }
    let status = process.tool("task_status", json!({"id": ran.facts()["id"]}));
    assert_eq!(status.await.ok().facts()["status"], "completed");
    drop(process);
    // A process with a right clock reads the files.
    let mut command = crate::helper::binary();
    command.arg(format!("--data-dir={}", data.path().display()));
    let mut process = RawProcess::spawn(command);
    process.initialize("2025-06-18").await;
    let status = process.tool("task_status", json!({"id": ran.facts()["id"]}));
    assert_eq!(status.await.ok().facts()["status"], "completed");
}

/// A pattern that is too long to be compiled is refused, and is no fault of this program.
#[tokio::test]
async fn patterns_have_a_bound() {
    let fixture = Fixture::embedded().await;
    for pattern in ["A*".repeat(500_000), "[𝒳-𝒴]".repeat(100_000)] {
        let import = json!({ "pattern": pattern });
        let refused = fixture.client.call("server_import", import).await;
        let error = refused.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "pattern", "{error}");
        let files = json!([{"local": pattern, "remote": "there/"}]);
        let upload = json!({"alias": "web1", "direction": "upload", "files": files});
        let refused = fixture.client.call("task_transfer_multi", upload).await;
        refused.error("TRANSFER_FAILED");
    }
}
