//! Errors: each gives the contract's object, and the server goes on.

use serde_json::{Value, json};

use crate::helper::{Client, EmbeddedServer, Fault, Fixture, Sshd, directory, login, text};

async fn run(client: &Client, alias: &str) -> crate::helper::Answer {
    client
        .call("task_exec", json!({"alias": alias, "cmd": "true"}))
        .await
}

/// A record of the failed job is in the queue as well.
async fn recorded(client: &Client, error: &Value) -> Value {
    let id = error["details"]["taskId"]
        .as_str()
        .expect("a job that failed is named");
    let status = client.call("task_status", json!({"id": id})).await.ok();
    assert_eq!(status.facts()["status"], "failed");
    // The answer has the reason among its details.
    let message = error["message"].as_str().unwrap();
    let recorded = status.facts()["error"].as_str().unwrap();
    assert!(recorded.starts_with(message), "{recorded}");
    status.facts().clone()
}

#[tokio::test]
async fn a_refused_connection() {
    let fixture = Fixture::embedded().await;
    let gone = crate::helper::closed_port();
    fixture.client.register(login("gone", gone)).await;
    let error = run(&fixture.client, "gone")
        .await
        .error("CONNECTION_FAILED");
    assert_eq!(error["details"]["reason"], "ECONNREFUSED");
    assert_eq!(error["details"]["host"], "127.0.0.1");
    assert_eq!(error["details"]["port"], gone);
    let record = recorded(&fixture.client, &error).await;
    assert_eq!(record["canRetry"], true);
    run(&fixture.client, "web1").await.ok();
}

/// In a network namespace of its own even the loopback interface is down.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_network_that_cannot_be_reached() {
    let data = directory();
    let mut command = tokio::process::Command::new("unshare");
    command
        .kill_on_drop(true)
        .args(["--map-root-user", "--net"]);
    command.arg(crate::helper::binary().as_std().get_program());
    command.arg(format!("--data-dir={}", data.path().display()));
    let client = Client::over(command).await;
    client.register(login("far", 22)).await;
    let error = run(&client, "far").await.error("CONNECTION_FAILED");
    assert_eq!(error["details"]["reason"], "ENETUNREACH");
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    let fixture = Fixture::embedded().await;
    let mut server = login("nowhere", 22);
    server["host"] = json!("no-such-host.invalid");
    fixture.client.register(server).await;
    let error = run(&fixture.client, "nowhere")
        .await
        .error("CONNECTION_FAILED");
    assert!(
        error["details"]["reason"]
            .as_str()
            .unwrap()
            .starts_with("ENOTFOUND")
    );
}

#[tokio::test]
async fn a_wrong_password() {
    let fixture = Fixture::embedded().await;
    let mut server = login("web2", fixture.server.address().port());
    server["password"] = json!("hunter2");
    fixture.client.register(server).await;
    let before = fixture.server.accepted();
    let error = run(&fixture.client, "web2").await.error("AUTH_FAILED");
    assert_eq!(error["details"]["tried"], json!(["password"]));
    assert!(!error.to_string().contains("hunter2"));
    assert_eq!(
        fixture.server.accepted(),
        before + 1,
        "a refused login is not tried again"
    );
    recorded(&fixture.client, &error).await;
}

#[tokio::test]
async fn keys_that_cannot_be_used() {
    let fixture = Fixture::embedded().await;
    let sshd = Sshd::start();
    let folder = directory();
    let missing = folder.path().join("missing");
    let nonsense = folder.path().join("nonsense");
    std::fs::write(&nonsense, "not a key").unwrap();
    let locked = folder.path().join("locked");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "secret phrase", "-f"])
        .arg(&locked)
        .status()
        .unwrap();
    assert!(made.success());
    for (path, words) in [
        (missing, "cannot be read"),
        (nonsense, "not a private key"),
        (locked, "passphrase"),
    ] {
        let mut server = sshd.login("keyed");
        server["keyPath"] = json!(text(&path));
        fixture.client.register(server).await;
        let error = run(&fixture.client, "keyed").await.error("AUTH_FAILED");
        let reason = error["details"]["reason"].as_str().unwrap();
        assert!(
            reason.contains(words) && reason.contains(&text(&path)),
            "{reason}"
        );
    }
    run(&fixture.client, "web1").await.ok();
}

#[tokio::test]
async fn a_server_that_hangs_up_before_the_handshake() {
    let fixture = Fixture::embedded().await;
    fixture.server.set_fault(Fault::HangUp);
    let before = fixture.server.accepted();
    let error = run(&fixture.client, "web1")
        .await
        .error("CONNECTION_FAILED");
    assert_eq!(error["details"]["alias"], "web1");
    assert!(
        fixture.server.accepted() > before + 1,
        "a busy server is tried again"
    );
    fixture.server.set_fault(Fault::None);
    run(&fixture.client, "web1").await.ok();
}

#[tokio::test]
async fn a_connection_that_breaks_at_login_is_no_refusal() {
    let fixture = Fixture::embedded().await;
    fixture.server.set_fault(Fault::CutAtLogin);
    let before = fixture.server.accepted();
    run(&fixture.client, "web1")
        .await
        .error("CONNECTION_FAILED");
    assert!(fixture.server.accepted() > before + 1, "it is tried again");
}

#[tokio::test]
async fn an_unknown_alias_and_an_unknown_task() {
    let fixture = Fixture::embedded().await;
    let error = run(&fixture.client, "nope").await.error("UNKNOWN_ALIAS");
    assert!(
        error["details"]["hint"]
            .as_str()
            .unwrap()
            .contains("server_list")
    );
    for tool in ["task_status", "task_wait", "task_retry"] {
        let error = fixture
            .client
            .call(tool, json!({"id": "zz"}))
            .await
            .error("UNKNOWN_TASK");
        assert_eq!(error["details"]["taskId"], "zz");
    }
}

#[tokio::test]
async fn a_password_of_the_wrong_type_is_not_quoted() {
    let fixture = Fixture::embedded().await;
    let mut server = login("web2", 22);
    server["password"] = json!(918_273);
    let error = fixture
        .client
        .call("server_add", server)
        .await
        .error("INVALID_ARGUMENT");
    assert_eq!(error["details"]["parameter"], "password");
    assert!(!error.to_string().contains("918273"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_task_that_cannot_be_recorded_is_named_all_the_same() {
    let fixture = Fixture::embedded().await;
    // A directory in the file's place makes the write fail for real.
    let blocked = fixture.data.path().join("queue.json");
    let _ = std::fs::remove_file(&blocked);
    std::fs::create_dir(&blocked).unwrap();
    let arguments =
        json!({"alias": "web1", "cmd": "sleep 0.2; echo ran", "background": true, "detach": false});
    let error = fixture
        .client
        .call("task_exec", arguments)
        .await
        .error("STORAGE_ERROR");
    assert!(error.to_string().contains("is running"), "{error}");
    let id = &error["details"]["taskId"];
    std::fs::remove_dir(&blocked).unwrap();
    assert_eq!(fixture.client.wait(id).await.ok().facts()["output"], "ran");
}

#[tokio::test]
async fn a_changed_host_key_is_refused() {
    let fixture = Fixture::embedded().await;
    run(&fixture.client, "web1").await.ok();
    let known = std::fs::read_to_string(fixture.data.path().join("known_hosts")).unwrap();
    assert!(known.starts_with(&format!(
        "[127.0.0.1]:{} ssh-ed25519 ",
        fixture.server.address().port()
    )));
    let address = fixture.server.address();
    let Fixture {
        client,
        server,
        data,
        ..
    } = fixture;
    let home = server.stop();
    let mut impostor = EmbeddedServer::start_on(address, home.path(), None).await;
    // The port stays busy until the first server's task has really gone.
    while impostor.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        impostor = EmbeddedServer::start_on(address, home.path(), None).await;
    }
    let error = run(&client, "web1").await.error("HOST_KEY_MISMATCH");
    let details = &error["details"];
    assert!(
        details["presented"]
            .as_str()
            .unwrap()
            .starts_with("SHA256:")
    );
    assert!(details["known"][0].as_str().unwrap().starts_with("SHA256:"));
    assert_ne!(details["presented"], details["known"][0]);
    assert!(
        details["knownAt"]
            .as_str()
            .unwrap()
            .ends_with("known_hosts:1")
    );
    assert_eq!(
        std::fs::read_to_string(data.path().join("known_hosts")).unwrap(),
        known
    );
}
