//! Connections that fail, in every phase: a right answer within its time, and nothing run twice.

use std::collections::HashMap;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Client, Fault, Fixture, Sshd, directory, eventually, eventually_so};

/// A server that goes silent in one phase, and what a call to it is answered.
async fn stalled_in(fault: Fault, code: &str, reason: &str) {
    let fixture =
        Fixture::embedded_with(|config| config.sync_timeout = Duration::from_secs(100)).await;
    fixture.server.set_fault(fault);
    let arguments = json!({"alias": "web1", "cmd": "touch ran", "timeout": 1});
    let error = fixture
        .client
        .call("task_exec", arguments)
        .await
        .error(code);
    let said = error["details"].to_string();
    assert!(said.contains(reason), "{fault:?}: {error}");
    let pool = fixture.client.call("pool_stats", json!({})).await.ok();
    let web1 = &pool.facts()["byServer"]["web1"];
    assert_eq!(
        (&web1["inUse"], &web1["waiting"]),
        (&json!(0), &json!(0)),
        "{fault:?}: {web1}"
    );
    fixture.server.set_fault(Fault::None);
    fixture.server.cut();
    fixture.exec("true").await.ok();
    assert!(
        !fixture.server.home.path().join("ran").exists(),
        "{fault:?}"
    );
    assert!(
        fixture.server.connections() <= 1,
        "{fault:?}: a connection is left over"
    );
}

#[tokio::test]
async fn a_server_that_goes_silent_is_given_up_whatever_the_phase() {
    tokio::join!(
        stalled_in(Fault::Mute, "CONNECTION_FAILED", "no greeting within 20 s"),
        stalled_in(
            Fault::MuteInKeyExchange,
            "CONNECTION_FAILED",
            "no end of the key exchange within 20 s"
        ),
        stalled_in(
            Fault::MuteAtLogin,
            "CONNECTION_FAILED",
            "no answer to the login within 20 s"
        ),
        stalled_in(Fault::MuteAtChannel, "CONNECTION_FAILED", "ETIMEDOUT"),
        stalled_in(Fault::MuteAtCommand, "COMMAND_TIMEOUT", "unknown"),
        silent_in_the_middle_of_an_output(),
    );
}

/// The connection stays open, and nothing comes any more: the timeout notices before the keep-alives do,
/// and the command is ended over another connection.
async fn silent_in_the_middle_of_an_output() {
    let fixture = Fixture::embedded().await;
    fixture.exec("true").await.ok();
    let arguments = json!({
        "alias": "web1", "cmd": "echo begun; sleep 30", "timeout": 3, "background": true, "detach": false,
    });
    let id = fixture
        .client
        .call("task_exec", arguments)
        .await
        .ok()
        .facts()["id"]
        .clone();
    let begun = json!({"id": id});
    eventually_so("it has begun", async || {
        let page = fixture.client.call("task_output", begun.clone()).await.ok();
        page.facts()["text"] == "begun\n"
    })
    .await;
    fixture.server.freeze();
    let error = fixture.client.wait(&id).await.error("COMMAND_TIMEOUT");
    assert_eq!(error["details"]["process"], "stopped", "{error}");
    let record = fixture
        .client
        .call("task_status", json!({"id": id}))
        .await
        .ok();
    assert_eq!(record.facts()["output"], "begun");
}

#[tokio::test]
async fn an_sshd_without_a_place_for_logins_is_tried_again() {
    let (sshd, data) = (Sshd::start_with("MaxStartups 1"), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let arguments = json!({"alias": "web1", "cmd": "true"});
    let taken = TcpStream::connect(("127.0.0.1", sshd.port)).unwrap();
    let mut hello = [0; 4];
    std::io::Read::read_exact(&mut &taken, &mut hello).unwrap();
    client
        .call("task_exec", arguments.clone())
        .await
        .error("CONNECTION_FAILED");
    let call = client.call("task_exec", arguments);
    let release = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(taken);
    };
    tokio::join!(call, release).0.ok();
}

#[tokio::test]
async fn a_server_that_keeps_closing_connections_runs_nothing_twice() {
    // Ten at a time, so that some are under way at each cut and some have not begun.
    let fixture = Fixture::embedded_with(|config| config.max_connections = 1).await;
    let log = fixture.remote("log");
    // All at once, or the first are over before the last are asked for.
    let ids = (0..60).map(async |number| {
        let cmd = format!("echo {number} >>{log}; sleep 0.3; echo {number}");
        fixture.background(&cmd).await.facts()["id"].clone()
    });
    let ids = futures_util::future::join_all(ids).await;
    let begun = || {
        std::fs::read_to_string(&log)
            .unwrap_or_default()
            .lines()
            .count()
    };
    for _ in 0..4 {
        let before = begun();
        eventually("further commands are under way", || begun() > before).await;
        fixture.server.cut();
    }
    let mut ran: HashMap<String, usize> = HashMap::new();
    let mut ended = Vec::new();
    for id in &ids {
        let answer = fixture.client.wait(id).await;
        ended.push(
            fixture
                .client
                .call("task_status", json!({"id": id}))
                .await
                .ok()
                .facts()
                .clone(),
        );
        assert_eq!(
            answer.is_error(),
            ended.last().unwrap()["status"] == "failed"
        );
    }
    for line in std::fs::read_to_string(&log).unwrap().lines() {
        *ran.entry(line.to_owned()).or_default() += 1;
    }
    for (number, record) in ended.iter().enumerate() {
        let times = ran.get(&number.to_string()).copied().unwrap_or(0);
        match record["status"].as_str().unwrap() {
            "completed" => {
                assert_eq!((times, &record["output"]), (1, &json!(number.to_string())));
            }
            "failed" => {
                assert!(times <= 1, "{number} ran {times} times");
                assert_eq!(record["errorCode"], "CONNECTION_FAILED", "{record}");
                assert_eq!(record["exitCode"], Value::Null);
            }
            other => panic!("{other}: {record}"),
        }
    }
    for status in ["completed", "failed"] {
        assert!(
            ended.iter().any(|record| record["status"] == status),
            "none {status}"
        );
    }
    let pool = fixture.client.call("pool_stats", json!({})).await.ok();
    assert_eq!(pool.facts()["byServer"]["web1"]["inUse"], 0);
    fixture.exec("true").await.ok();
}

#[tokio::test]
async fn a_transfer_is_cancelled_also_where_the_server_is_silent() {
    let fixture = Fixture::embedded().await;
    let id = json!({"id": fixture.begin_large_upload().await});
    fixture.server.freeze();
    let cancelled = fixture.client.call("task_cancel", id).await.ok();
    cancelled.has(&json!({"status": "cancelled", "process": "unknown"}));
    assert!(!fixture.server.home.path().join("target").exists());
}
