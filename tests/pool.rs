//! The pool: sharing, ceiling, replacement, idleness, and no leaks.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::helper::{Client, Fixture, Sshd, directory, eventually, eventually_so, login};

#[tokio::test]
async fn two_hundred_calls_at_once_on_sshd_stay_under_the_ceiling() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &["--sync-timeout=60"]).await;
    client.register(sshd.login("web1")).await;
    let calls = (0..200).map(|number| {
        let client = &client;
        async move {
            let arguments = json!({"alias": "web1", "cmd": format!("echo {number}; sleep 0.02")});
            let answer = client.call("task_exec", arguments).await.ok();
            answer.has(&json!({"output": number.to_string()}));
        }
    });
    join_all(calls).await;
    let accepted = sshd.accepted();
    assert!(
        (1..=5).contains(&accepted),
        "{accepted} connections, and none was closed"
    );
    let stats = client.call("pool_stats", json!({})).await.ok();
    let server = &stats.facts()["byServer"]["web1"];
    assert_eq!(
        (&server["inUse"], &server["waiting"]),
        (&json!(0), &json!(0)),
        "no channel leaks"
    );
    for connection in server["connections"].as_array().unwrap() {
        assert_eq!(connection["channels"], 0);
    }
}

#[tokio::test]
async fn calls_at_the_same_time_share_the_first_connection() {
    let fixture = Fixture::embedded().await;
    join_all((0..8).map(|_| fixture.exec("true"))).await;
    assert_eq!(fixture.server.accepted(), 1);
}

#[tokio::test]
async fn the_server_s_own_session_limit_is_learnt() {
    for limit in [1, 2] {
        let fixture = Fixture::embedded().await;
        fixture.server.set_max_sessions(limit);
        let answers = join_all((0..30).map(|_| fixture.exec("sleep 0.02; echo ok"))).await;
        for answer in answers {
            assert_eq!(answer.facts()["output"], "ok", "{}", answer.text());
        }
        assert!(fixture.server.most_connections() <= 5);
    }
}

#[tokio::test]
async fn sshd_s_session_limit_is_learnt() {
    let sshd = Sshd::start_with("MaxSessions 1");
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let calls =
        (0..20).map(|_| client.call("task_exec", json!({"alias": "web1", "cmd": "echo ok"})));
    let answers = join_all(calls).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.facts()["output"] == "ok")
    );
    assert!(sshd.accepted() <= 5);
}

#[tokio::test]
async fn a_dead_connection_is_replaced_without_a_word() {
    let fixture = Fixture::embedded().await;
    fixture.exec("true").await.ok();
    for round in 1..=3 {
        fixture.server.cut();
        let ran = fixture.exec("echo still here").await.ok();
        assert_eq!(ran.facts()["output"], "still here");
        assert_eq!(fixture.server.accepted(), 1 + round);
    }
}

#[tokio::test]
async fn a_command_whose_connection_is_cut_is_neither_done_nor_done_twice() {
    let fixture = Fixture::embedded().await;
    let marker = fixture.remote("runs");
    let cmd = format!("echo run >> {marker}; echo begun; sleep 5");
    let handed = fixture.background(&cmd).await;
    let id = json!({"id": handed.facts()["id"]});
    eventually_so("its output is here", async || {
        let page = fixture.client.call("task_output", id.clone()).await.ok();
        page.facts()["text"] == "begun\n"
    })
    .await;
    fixture.server.cut();
    let answer = fixture.client.wait(&handed.facts()["id"]).await;
    assert_eq!(answer.facts()["status"], "failed");
    assert_eq!(answer.facts()["output"], "begun");
    assert!(answer.facts().get("exitCode").is_none());
    let error = answer.error("CONNECTION_FAILED");
    assert!(error.to_string().contains("was lost"));
    assert_eq!(std::fs::read_to_string(&marker).unwrap(), "run\n");
}

#[tokio::test]
async fn idle_connections_close_down_to_the_minimum() {
    let fixture = Fixture::embedded_with(|config| {
        config.idle_timeout = Duration::from_millis(200);
        config.min_connections = 1;
    })
    .await;
    fixture.server.set_max_sessions(1);
    join_all((0..12).map(|_| fixture.exec("sleep 0.1"))).await;
    assert!(fixture.server.most_connections() > 1);
    eventually("the surplus connections close", || {
        fixture.server.connections() == 1
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(fixture.server.connections(), 1, "the minimum stays");
}

#[tokio::test]
async fn transfers_and_commands_keep_apart() {
    let fixture = Fixture::embedded().await;
    let file = fixture.files.path().join("big");
    std::fs::write(&file, crate::helper::noise(48 * 1024 * 1024)).unwrap();
    let upload = json!({
        "alias": "web1", "direction": "upload", "local": file, "remote": "big", "background": true,
    });
    let handed = fixture.client.call("task_transfer", upload).await.ok();
    eventually("the transfer is connected", || {
        fixture.server.accepted() == 1
    })
    .await;
    fixture.exec("true").await.ok();
    assert_eq!(
        fixture.server.accepted(),
        2,
        "the command has a connection of its own"
    );
    assert_eq!(
        fixture
            .client
            .wait(&handed.facts()["id"])
            .await
            .ok()
            .facts()["status"],
        "completed"
    );
}

#[tokio::test]
async fn one_connection_serves_both_where_no_more_are_allowed() {
    let fixture = Fixture::embedded_with(|config| config.max_connections = 1).await;
    let file = fixture.files.path().join("big");
    std::fs::write(&file, crate::helper::noise(16 * 1024 * 1024)).unwrap();
    let upload = json!({
        "alias": "web1", "direction": "upload", "local": file, "remote": "big", "background": true,
    });
    let handed = fixture.client.call("task_transfer", upload).await.ok();
    join_all((0..20).map(|_| fixture.exec("true"))).await;
    assert_eq!(
        fixture
            .client
            .wait(&handed.facts()["id"])
            .await
            .ok()
            .facts()["status"],
        "completed"
    );
    assert_eq!(fixture.server.most_connections(), 1);
}

#[tokio::test]
async fn removing_or_changing_an_alias_drops_its_connections() {
    let fixture = Fixture::embedded().await;
    fixture.exec("true").await.ok();
    assert_eq!(fixture.server.connections(), 1);
    let mut changed = login("web1", fixture.server.address().port());
    changed["host"] = json!("localhost");
    fixture.client.register(changed).await;
    eventually("the old configuration's connection closes", || {
        fixture.server.connections() == 0
    })
    .await;
    fixture.exec("true").await.ok();
    fixture
        .client
        .call("server_remove", json!({"alias": "web1"}))
        .await
        .ok();
    eventually("the removed server's connection closes", || {
        fixture.server.connections() == 0
    })
    .await;
    fixture.exec("true").await.error("UNKNOWN_ALIAS");
}

#[tokio::test]
async fn whoever_waits_gets_the_new_configuration() {
    let fixture = Fixture::embedded().await;
    let gone = crate::helper::closed_port();
    fixture.client.register(login("web1", gone)).await;
    // Refused, it is tried again for a second; meanwhile the port is corrected.
    let handed = fixture.background("echo arrived").await;
    let right = login("web1", fixture.server.address().port());
    fixture.client.register(right).await;
    let ended = fixture.client.wait(&handed.facts()["id"]).await.ok();
    assert_eq!(ended.facts()["output"], "arrived");
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_by_keep_alives() {
    let fixture =
        Fixture::embedded_with(|config| config.keep_alive = Duration::from_millis(100)).await;
    fixture.exec("true").await.ok();
    let handed = fixture.background("touch begun; sleep 30").await;
    eventually("the command runs", || fixture.there("begun").exists()).await;
    fixture.server.freeze();
    let error = fixture
        .client
        .wait(&handed.facts()["id"])
        .await
        .error("CONNECTION_FAILED");
    assert!(
        error["details"]["reason"]
            .as_str()
            .unwrap()
            .contains("Keepalive"),
        "{error}"
    );
    fixture.exec("true").await.ok();
}
