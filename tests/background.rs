//! Processes that a command leaves in the background: the answer warns that they do not last.

use std::path::Path;

use serde_json::json;

use crate::helper::{Client, Fixture, Sshd, directory, eventually};

#[tokio::test]
async fn a_child_whose_output_ends_with_the_call_is_said_and_the_advice_holds() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let (go, on, process) = (sshd.home("go"), sshd.home("on"), sshd.home("process"));
    let child = format!("until [ -e {go} ]; do sleep 0.1; done; echo tick; echo tick; touch {on}");
    let cmd = format!("bash -c 'echo $$ >{process}; {child}' & echo started");
    let left = client.exec("web1", &cmd).await.ok();
    left.has(&json!({"status": "completed", "leftRunning": true}));
    assert!(
        left.text().contains("detach: true") && left.text().contains("started"),
        "{}",
        left.text()
    );
    let process = std::fs::read_to_string(process).unwrap();
    let process = Path::new("/proc").join(process.trim());
    assert!(process.exists());
    std::fs::write(&go, "").unwrap();
    eventually("its next line kills it", || !process.exists()).await;
    assert!(!Path::new(&on).exists());

    // As the answer advises.
    let own = format!(
        "bash -c '{child}' >{} 2>&1 </dev/null & echo started",
        sshd.home("log")
    );
    let own = client.exec("web1", &own).await.ok();
    assert_eq!(own.facts().get("leftRunning"), None, "{}", own.facts());
    eventually("it goes on with an output of its own", || {
        Path::new(&on).exists()
    })
    .await;
    std::fs::remove_file(&on).unwrap();
    let arguments = json!({"alias": "web1", "cmd": child, "detach": true});
    let detached = client.call("task_exec", arguments).await.ok();
    let ended = client.wait(&detached.facts()["id"]).await.ok();
    assert_eq!(ended.facts()["output"], "tick\ntick");
    assert!(Path::new(&on).exists());
    let arguments = json!({"alias": "web1", "cmd": "sleep 1 & echo started", "detach": true});
    let detached = client.call("task_exec", arguments).await.ok();
    let ended = client.wait(&detached.facts()["id"]).await.ok();
    assert_eq!(ended.facts()["leftRunning"], true);
    assert!(
        ended.text().contains("a detached command needs no &"),
        "{}",
        ended.text()
    );
}

#[tokio::test]
async fn a_step_that_leaves_a_child_says_so_as_well() {
    let fixture = Fixture::embedded().await;
    let sequence = async |commands: serde_json::Value| {
        let arguments = json!({"alias": "web1", "commands": commands});
        fixture
            .client
            .call("task_exec_sequence", arguments)
            .await
            .ok()
    };
    for commands in [
        json!(["sleep 30 & echo started", "echo next"]),
        json!(["sleep 30 &", "echo next; exit 0"]),
    ] {
        let left = sequence(commands).await;
        assert_eq!(left.facts()["leftRunning"], true, "{}", left.facts());
        assert!(left.text().contains("detach: true"), "{}", left.text());
    }
    let none = sequence(json!(["sleep 30 >/dev/null 2>&1 &", "echo next"])).await;
    assert_eq!(none.facts().get("leftRunning"), None, "{}", none.facts());
}

#[tokio::test]
async fn what_is_left_at_a_terminal_ends_with_it_and_that_is_said() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let process = sshd.home("process");
    let run = async |cmd: &str| {
        let arguments = json!({"alias": "web1", "cmd": cmd});
        client.call("task_exec_interactive", arguments).await.ok()
    };
    let left = run(&format!("sleep 60 & echo $! >{process}")).await;
    assert_eq!(left.facts()["leftRunning"], true, "{}", left.facts());
    assert!(
        left.text().contains("ended with its terminal"),
        "{}",
        left.text()
    );
    let process = std::fs::read_to_string(process).unwrap();
    let process = Path::new("/proc").join(process.trim());
    eventually("it ends", || !process.exists()).await;
    let waited = run("sleep 0.1 & wait").await;
    assert_eq!(
        waited.facts().get("leftRunning"),
        None,
        "{}",
        waited.facts()
    );
}
