//! Channels kept open ahead: a command costs one round trip, and a channel that the server closes costs nothing.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::helper::{Client, EmbeddedHost, Event, Fault, Fixture, Sshd, directory, eventually};

/// A fixture whose connection keeps a channel.
async fn warm() -> Fixture<EmbeddedHost> {
    let fixture = Fixture::embedded().await;
    fixture.exec("true").await.ok();
    keeps(&fixture, 1).await;
    fixture
}

async fn keeps(fixture: &Fixture<EmbeddedHost>, channels: usize) {
    eventually("the channels are kept", || {
        fixture.server.unused() == channels
    })
    .await;
}

/// Runs a command that leaves a mark, and asserts that it ran once.
async fn runs_once(fixture: &Fixture<EmbeddedHost>, name: &str) {
    let marker = fixture.remote(name);
    let ran = fixture
        .exec(&format!("echo run >> {marker}; echo ok"))
        .await;
    assert_eq!(ran.ok().facts()["output"], "ok", "{name}");
    assert_eq!(std::fs::read_to_string(&marker).unwrap(), "run\n", "{name}");
}

#[tokio::test]
async fn a_warm_command_waits_for_no_channel() {
    let fixture = warm().await;
    for round in 0..3 {
        fixture.server.take_events();
        fixture.exec("true").await.ok();
        keeps(&fixture, 1).await;
        let events = fixture.server.take_events();
        let [Event::Ran(used), Event::Opened(next)] = events[..] else {
            panic!("round {round}: {events:?}");
        };
        assert_ne!(used, next, "round {round}");
    }
    assert_eq!(fixture.server.accepted(), 1);
}

#[tokio::test]
async fn a_channel_that_the_server_closes_while_it_is_kept_costs_nothing() {
    for pause in [None, Some(Duration::from_millis(50))] {
        let fixture = warm().await;
        fixture.server.close_unused().await;
        // Without a pause, the command and the end of the channel may cross.
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        runs_once(&fixture, "idle").await;
        assert_eq!(fixture.server.accepted(), 1);
    }
}

#[tokio::test]
async fn a_command_on_a_channel_that_is_closed_under_it_runs_once_on_another() {
    let fixture = warm().await;
    fixture.server.set_fault(Fault::CloseAtRequest);
    runs_once(&fixture, "crossed").await;
    assert_eq!(fixture.server.accepted(), 1);
    // Its input goes along.
    let fixture = warm().await;
    fixture.server.set_fault(Fault::CloseAtRequest);
    let filler = "x".repeat(20_000);
    let ran = fixture.exec(&format!(": {filler}; echo long")).await.ok();
    assert_eq!(ran.facts()["output"], "long");
    // So does a file.
    let fixture = warm().await;
    fixture.server.set_fault(Fault::CloseAtRequest);
    std::fs::write(fixture.here("file"), "content").unwrap();
    fixture.transfer("upload", "file", "file").await.ok();
    assert_eq!(std::fs::read(fixture.there("file")).unwrap(), b"content");
}

#[tokio::test]
async fn a_server_that_closes_kept_channels_is_left_alone_with_them() {
    let fixture = warm().await;
    fixture.server.close_unused().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    for number in 0..3 {
        runs_once(&fixture, &number.to_string()).await;
    }
    assert_eq!(fixture.server.unused(), 0);
}

#[tokio::test]
async fn what_was_not_sent_before_a_connection_ended_is_sent_on_another() {
    let fixture = warm().await;
    // Channels are opened when they are needed from now on.
    fixture.server.close_unused().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    runs_once(&fixture, "first").await;
    for number in 1..=3 {
        fixture.server.set_fault(Fault::CutAtChannel);
        runs_once(&fixture, &number.to_string()).await;
        assert_eq!(fixture.server.accepted(), 1 + number);
    }
    std::fs::write(fixture.here("file"), "content").unwrap();
    fixture.server.set_fault(Fault::CutAtChannel);
    fixture.transfer("upload", "file", "file").await.ok();
    assert_eq!(std::fs::read(fixture.there("file")).unwrap(), b"content");
    fixture.server.set_fault(Fault::CutAtChannel);
    let (file, lines) = (fixture.remote("file"), 1);
    let arguments = json!({"alias": "web1", "filepath": file, "lines": lines});
    let tail = fixture.client.call("tail_file", arguments).await.ok();
    assert_eq!(tail.facts()["lines"], "content");
}

#[tokio::test]
async fn a_session_that_is_killed_costs_nothing() {
    let fixture = Fixture::start().await;
    let marker = fixture.remote("runs");
    for round in 1..=3 {
        fixture.exec("true").await.ok();
        fixture.server.cut();
        let cmd = format!("echo run >> {marker}; echo ok");
        let ran = fixture.exec(&cmd).await;
        assert_eq!(ran.ok().facts()["output"], "ok", "round {round}");
        let runs = std::fs::read_to_string(&marker).unwrap();
        assert_eq!(runs.lines().count(), round);
    }
}

#[tokio::test]
async fn servers_that_take_one_session_or_two_serve_as_before() {
    for limit in [1, 2] {
        let server = Sshd::start_with(&format!("MaxSessions {limit}"));
        let fixture = Fixture::with(server).await;
        std::fs::write(fixture.here("file"), "content").unwrap();
        for number in 0..3 {
            let ran = fixture.exec(&format!("echo {number}")).await.ok();
            assert_eq!(ran.facts()["output"], number.to_string());
            fixture.transfer("upload", "file", "copy").await.ok();
        }
        let together = (0..10).map(|_| fixture.exec("echo ok"));
        for ran in join_all(together).await {
            assert_eq!(ran.ok().facts()["output"], "ok");
        }
        assert!(fixture.server.accepted() <= 5, "MaxSessions {limit}");
    }
}

#[tokio::test]
async fn a_burst_keeps_some_channels_and_no_connection_more() {
    let fixture = warm().await;
    join_all((0..8).map(|_| fixture.exec("sleep 0.1"))).await;
    keeps(&fixture, 4).await;
    assert_eq!(fixture.server.accepted(), 1);
    join_all((0..4).map(|_| fixture.exec("true"))).await;
    let stats = fixture.client.call("pool_stats", json!({})).await.ok();
    let server = &stats.facts()["byServer"]["web1"];
    assert_eq!(server["inUse"], 0, "a kept channel is no use");
}

#[tokio::test]
async fn a_kept_channel_does_not_keep_a_connection() {
    let fixture = Fixture::embedded_with(|config| {
        config.idle_timeout = Duration::from_millis(300);
        config.min_connections = 0;
    })
    .await;
    fixture.exec("true").await.ok();
    eventually("the connection closes", || {
        fixture.server.connections() == 0
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_plain_gets_no_channel_but_those_of_its_commands() {
    let (server, data) = (EmbeddedHost::start().await, directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut login = crate::helper::login("web1", server.address().port());
    login["plain"] = json!(true);
    client.register(login).await;
    for _ in 0..3 {
        client.exec("web1", "true").await.ok();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let events = server.take_events();
    let opened = events
        .iter()
        .filter(|event| matches!(event, Event::Opened(_)));
    assert_eq!((server.unused(), opened.count()), (0, 3), "{events:?}");
}

#[tokio::test]
async fn a_server_that_runs_one_command_on_a_connection_is_tried_with_no_second_one() {
    for fault in [Fault::OneCommand, Fault::RefuseSecond] {
        let fixture = Fixture::embedded().await;
        fixture.server.set_fault(fault);
        for number in 0..3 {
            runs_once(&fixture, &format!("learnt{number}")).await;
        }
        for number in 0..3 {
            let before = fixture.server.accepted();
            fixture.server.take_events();
            runs_once(&fixture, &format!("known{number}")).await;
            let events = fixture.server.take_events();
            let [Event::Opened(opened), Event::Ran(ran)] = events[..] else {
                panic!("{fault:?} {number}: {events:?}");
            };
            assert_eq!((opened, fixture.server.accepted()), (ran, before + 1));
        }
        let names: Vec<_> = (0..8).map(|number| format!("together{number}")).collect();
        join_all(names.iter().map(|name| runs_once(&fixture, name))).await;
        assert!(!fixture.server.take_events().contains(&Event::Refused));
        assert!(fixture.server.most_connections() <= 5);
    }
}

#[tokio::test]
async fn a_burst_of_two_hundred_calls_gives_back_its_connections_and_channels() {
    let fixture = Fixture::embedded_with(|config| {
        config.burst_holds = Duration::from_secs(2);
        config.idle_timeout = Duration::from_secs(2);
        config.min_connections = 1;
    })
    .await;
    for answer in join_all((0..200).map(|_| fixture.exec("sleep 0.02; echo ok"))).await {
        assert_eq!(answer.ok().facts()["output"], "ok");
    }
    let most = fixture.server.most_connections();
    assert!((2..=5).contains(&most), "{most} connections");
    assert!(fixture.server.unused() > most, "the burst's channels");
    eventually("what the burst used is given back", || {
        fixture.server.connections() == 1 && fixture.server.unused() == 1
    })
    .await;
    fixture.exec("true").await.ok();
    keeps(&fixture, 1).await;
    assert_eq!(fixture.server.connections(), 1);
}
