//! The reach of sudo: monitoring, logs, transfers of several files, and several servers at once.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::helper::{
    Client, SUDO_PASSWORD, as_root, directory, eventually, sudo_host, sudoer, text,
};

const ALL: &str = "deploy ALL=(ALL:ALL) ALL";

#[tokio::test]
async fn monitoring_and_logs_see_what_root_sees() {
    let Some(sshd) = sudo_host(ALL) else { return };
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sudoer(&sshd, Some(SUDO_PASSWORD))).await;
    let log = sshd.directory.path().join("root/app.log");
    std::fs::write(&log, "one\ntwo\n").unwrap();
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o600)).unwrap();
    let tail = json!({"alias": "web1", "filepath": text(&log), "lines": 1});
    let refused = client.call("tail_file", tail.clone()).await;
    assert!(
        refused.is_error() || !refused.text().contains("two"),
        "{}",
        refused.text()
    );
    let seen = client.call("tail_file", as_root(tail)).await.ok();
    assert_eq!(seen.facts()["lines"], "two");
    for tool in [
        "server_overview",
        "get_system_resources",
        "get_services_status",
    ] {
        let asked = client.call(tool, as_root(json!({}))).await;
        asked.ok();
    }
    let queue = json!({"all": true});
    let queue = client.call("task_queue", queue).await.ok();
    assert!(!queue.text().contains(SUDO_PASSWORD), "{}", queue.text());
}

#[tokio::test]
async fn several_files_go_to_places_of_root_and_come_from_there() {
    let Some(sshd) = sudo_host(ALL) else { return };
    let (data, here) = (directory(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sudoer(&sshd, Some(SUDO_PASSWORD))).await;
    let root = sshd.directory.path().join("root");
    for name in ["a", "b"] {
        std::fs::write(here.path().join(name), name).unwrap();
    }
    let pair = |name: &str| json!({"local": text(&here.path().join(name)), "remote": text(&root.join("conf").join(name))});
    let up = json!({"direction": "upload", "files": [pair("a"), pair("b")]});
    let mut plain = up.clone();
    plain["alias"] = "web1".into();
    client
        .call("task_transfer_multi", plain)
        .await
        .error("TRANSFER_FAILED");
    client.call("task_transfer_multi", as_root(up)).await.ok();
    assert_eq!(std::fs::read_to_string(root.join("conf/b")).unwrap(), "b");
    let back = json!({"local": text(&here.path().join("back")) + "/", "remote": text(&root.join("conf/*"))});
    let down = json!({"direction": "download", "files": [back]});
    client.call("task_transfer_multi", as_root(down)).await.ok();
    let back = std::fs::read_to_string(here.path().join("back/a"));
    assert_eq!(back.unwrap(), "a");
}

#[tokio::test]
async fn several_servers_run_with_sudo_data_and_scripts() {
    let Some(sshd) = sudo_host(ALL) else { return };
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    for alias in ["web1", "web2"] {
        let mut login = sudoer(&sshd, Some(SUDO_PASSWORD));
        login["alias"] = alias.into();
        client.register(login).await;
    }
    let both = |work: serde_json::Value| {
        let mut call = as_root(work);
        call["alias"] = "web1,web2".into();
        call
    };
    let script = json!({"script": "#!/bin/sh\nid -un; echo \"$1\"; cat; pwd", "args": ["it's"], "stdin": "data\n", "cwd": "/usr"});
    for (tool, work) in [
        ("task_exec", script.clone()),
        (
            "task_exec_sequence",
            json!({"commands": ["cd /usr", {"command": "id -un; echo \"it's\"; cat; pwd", "stdin": "data\n"}]}),
        ),
    ] {
        for background in [false, true] {
            let mut call = both(work.clone());
            call["background"] = background.into();
            let mut ran = client.call(tool, call).await.ok();
            if background {
                ran = client.wait(&ran.facts()["id"]).await.ok();
            }
            let children = ran.facts()["children"].as_array().unwrap().clone();
            assert_eq!(children.len(), 2);
            for child in children {
                let output = json!({"id": child["task"]});
                let output = client.call("task_output", output).await.ok();
                let text = output.facts()["text"].as_str().unwrap();
                // A record keeps a short output without the end of its last line.
                assert_eq!(
                    text.trim_end(),
                    "root\nit's\ndata\n/usr",
                    "{tool}: {background}"
                );
            }
        }
    }
    let left = sshd.directory.path().join("root/.mcp-sftp-orchestrator");
    eventually("all is cleared away", || {
        std::fs::read_dir(&left).unwrap().count() == 0
    })
    .await;
}
