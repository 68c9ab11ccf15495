//! Detached tasks: they outlive the connection, the server's restart and this program.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, Fixture, Sshd, assert_has, closed_port, directory, eventually, is_still,
    numbers,
};

async fn detach(client: &Client, cmd: &str) -> Answer {
    client
        .call(
            "task_exec",
            json!({"alias": "web1", "cmd": cmd, "detach": true}),
        )
        .await
        .ok()
}

/// The files that detached tasks have left on a server.
fn left_in(home: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home.join(".mcp-sftp-orchestrator"));
    entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

#[tokio::test]
async fn a_detached_task_survives_kill_9_and_a_restart_of_sshd() {
    let (mut sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let go = sshd.home("go");
    let cmd = format!(
        "seq 1 50000; echo bad >&2; until [ -e {go} ]; do sleep 0.1; done; seq 50001 100000; exit 7"
    );
    let begun = detach(&client, &cmd).await;
    assert_eq!(begun.facts()["status"], "running");
    assert!(begun.text().contains("detached"), "{}", begun.text());
    let id = begun.facts()["id"].clone();
    let page = client
        .call("task_output", json!({"id": id, "tail": 1}))
        .await
        .ok();
    assert_eq!(page.facts()["text"], "50000\n");

    client.kill().await;
    sshd.kill();
    std::fs::write(&go, "").unwrap();
    sshd.restart();

    let client = Client::spawned(data.path(), &[]).await;
    let found = client.wait(&id).await.ok();
    let facts = found.facts();
    assert_eq!(
        (&facts["status"], &facts["exitCode"], &facts["stderr"]),
        (&json!("failed"), &json!(7), &json!("bad")),
        "{}",
        found.text()
    );
    assert_has(
        facts,
        &json!({"lineCount": 100_000, "outputBytes": 588_895}),
    );
    let expected = numbers(100_000);
    let whole = json!({"id": id, "limit": 1_000_000});
    let whole = client.call("task_output", whole).await.ok();
    assert_eq!(whole.facts()["text"], expected);
    eventually("it is cleared away", || {
        left_in(sshd.directory.path()).is_empty()
    })
    .await;
    let later = client.call("task_status", json!({"id": id})).await.ok();
    assert_eq!(later.facts()["exitCode"], 7);
}

#[tokio::test]
async fn a_detached_task_is_private_and_followed_while_it_runs() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::embedded().await;
    let go = fixture.remote("go");
    let cmd = format!("echo one; until [ -e {go} ]; do sleep 0.1; done; echo two");
    let begun = detach(&fixture.client, &cmd).await;
    let id = begun.facts()["id"].clone();
    let left = left_in(fixture.server.home.path());
    let mode = std::fs::metadata(&left[0]).unwrap().permissions().mode();
    assert_eq!((left.len(), mode & 0o777), (1, 0o700));
    let name = left[0].file_name().unwrap().to_str().unwrap();
    begun.has(&json!({"remoteDirectory": format!("~/.mcp-sftp-orchestrator/{name}")}));
    let look_on = format!("tail -f ~/.mcp-sftp-orchestrator/{name}/stdout");
    assert!(begun.text().contains(&look_on), "{}", begun.text());
    // The connection may go: it is not what the command lives on.
    fixture.server.cut();
    let status = fixture
        .client
        .call("task_status", json!({"id": id}))
        .await
        .ok();
    assert_eq!(status.facts()["status"], "running");
    std::fs::write(go, "").unwrap();
    let done = fixture.client.wait(&id).await.ok();
    done.has(&json!({"status": "completed", "output": "one\ntwo"}));
    eventually("it is cleared away", || {
        left_in(fixture.server.home.path()).is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_detached_task_is_cancelled_with_its_children_by_a_later_process() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let alive = sshd.home("alive");
    // A child in a group of its own, and one that does not heed TERM.
    let cmd = format!(
        "timeout 600 sh -c 'while :; do date +%N >{alive}; sleep 0.1; done' & \
         sh -c \"trap '' TERM; while :; do sleep 0.1; done\" & wait"
    );
    let id = detach(&client, &cmd).await.facts()["id"].clone();
    client.leave().await;
    let client = Client::spawned(data.path(), &[]).await;
    eventually("it runs", || Path::new(&alive).exists()).await;
    let cancelled = client.call("task_cancel", json!({"id": id})).await.ok();
    cancelled.has(&json!({"status": "cancelled", "process": "stopped"}));
    assert!(is_still(&alive).await, "a child goes on");
    eventually("it is cleared away", || {
        left_in(sshd.directory.path()).is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_detached_task_ends_at_its_own_timeout_without_anybody_watching() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let arguments =
        json!({"alias": "web1", "cmd": "echo begun; sleep 600", "detach": true, "timeout": 1});
    let id = client.call("task_exec", arguments).await.ok().facts()["id"].clone();
    client.kill().await;
    let base = sshd.directory.path().to_owned();
    eventually("the server ends it", || {
        left_in(&base)
            .iter()
            .any(|place| place.join("status").exists())
    })
    .await;
    let client = Client::spawned(data.path(), &[]).await;
    let error = client.wait(&id).await.error("COMMAND_TIMEOUT");
    assert_eq!(error["details"]["process"], "stopped");
    let record = client.call("task_status", json!({"id": id})).await.ok();
    record.has(&json!({"output": "begun", "timedOut": true}));
}

#[tokio::test]
async fn a_detached_task_whose_process_is_gone_is_not_called_done() {
    let fixture = Fixture::embedded().await;
    let id = detach(&fixture.client, "echo begun; sleep 600")
        .await
        .facts()["id"]
        .clone();
    let place = left_in(fixture.server.home.path()).remove(0);
    let process = std::fs::read_to_string(place.join("process")).unwrap();
    let session = process.split(' ').next().unwrap();
    let group = format!("-{session}");
    let killed = std::process::Command::new("kill")
        .args(["-KILL", "--", &group])
        .status();
    assert!(killed.unwrap().success());
    let gone = fixture.client.wait(&id).await.ok();
    gone.has(&json!({"status": "crashed", "output": "begun", "canRetry": true}));
}

#[tokio::test]
async fn what_a_command_does_to_its_process_group_does_not_hide_its_end() {
    let fixture = Fixture::embedded().await;
    let id = detach(&fixture.client, "trap 'kill 0' EXIT; echo done; exit 3")
        .await
        .facts()["id"]
        .clone();
    let ended = fixture.client.wait(&id).await.ok();
    assert_eq!(ended.facts()["status"], "failed", "{}", ended.text());
    assert_eq!(ended.facts()["output"], "done");
}

#[tokio::test]
async fn a_detached_task_is_not_looked_for_on_another_server() {
    let (fixture, other) = (Fixture::embedded().await, Fixture::embedded().await);
    let go = fixture.remote("go");
    let cmd = format!("until [ -e {go} ]; do sleep 0.1; done; echo here");
    let id = detach(&fixture.client, &cmd).await.facts()["id"].clone();
    fixture.client.add("web1", &other.server).await;
    let status = fixture
        .client
        .call("task_status", json!({"id": id}))
        .await
        .ok();
    assert_eq!(status.facts()["status"], "running");
    let unreachable = status.facts()["unreachable"].as_str().unwrap();
    assert!(unreachable.contains("the alias names"), "{unreachable}");
    assert!(left_in(other.server.home.path()).is_empty());
    std::fs::write(go, "").unwrap();
    fixture.client.add("web1", &fixture.server).await;
    assert_eq!(
        fixture.client.wait(&id).await.ok().facts()["output"],
        "here"
    );
}

#[tokio::test]
async fn a_detached_task_begins_once_or_not_at_all() {
    let fixture = Fixture::embedded().await;
    let unreachable = json!({
        "alias": "gone", "host": "127.0.0.1", "port": closed_port(), "user": "x", "password": "x",
    });
    fixture.client.register(unreachable).await;
    let arguments = json!({"alias": "gone", "cmd": "true", "detach": true});
    fixture
        .client
        .call("task_exec", arguments)
        .await
        .error("CONNECTION_FAILED");

    // No home that can be written: nothing begins, and that is said.
    std::fs::write(
        fixture.server.home.path().join(".mcp-sftp-orchestrator"),
        "in the way",
    )
    .unwrap();
    let arguments = json!({"alias": "web1", "cmd": "touch begun", "detach": true});
    let error = fixture
        .client
        .call("task_exec", arguments)
        .await
        .error("DETACH_FAILED");
    assert!(
        error.to_string().contains("mcp-sftp-orchestrator"),
        "{error}"
    );
    assert!(!fixture.server.home.path().join("begun").exists());
}

#[tokio::test]
async fn a_task_that_had_not_begun_when_its_process_died_never_begins() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    client.leave().await;
    let begun = sshd.home("begun");
    // As a process leaves it that is killed between recording and starting.
    let job = json!({
        "id": "0a0a0a0a", "type": "ssh", "alias": "web1", "cmd": format!("touch {begun}"), "detach": true,
        "remoteDirectory": "~/.mcp-sftp-orchestrator/0a0a0a0a-0123456789abcdef", "status": "pending",
        "createdAt": mcp_sftp_orchestrator::time::Timestamp::now().to_string(), "owner": "1-dead",
    });
    std::fs::write(
        data.path().join("queue.json"),
        json!({"0a0a0a0a": job}).to_string(),
    )
    .unwrap();
    let client = Client::spawned(data.path(), &[]).await;
    let found = client.wait(&Value::from("0a0a0a0a")).await.ok();
    found.has(&json!({"status": "crashed", "canRetry": true}));
    let again = client
        .call("task_retry", json!({"id": "0a0a0a0a"}))
        .await
        .ok();
    assert_eq!(again.facts()["detach"], true);
    assert_eq!(
        client.wait(&again.facts()["id"]).await.ok().facts()["status"],
        "completed"
    );
    assert!(Path::new(&begun).exists());
}
