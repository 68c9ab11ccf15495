//! The ends of tunnels: by a call, by time, with the program, and with a connection that is lost.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::helper::{
    Client, Fixture, PortServer, Sshd, assert_has, eventually_so, exchange, is_listening,
};

struct Tunnelled {
    server: PortServer,
    id: Value,
    place: String,
}

async fn tunnelled(client: &Client, more: Value) -> Tunnelled {
    let server = PortServer::echo().await;
    let mut arguments = json!({"alias": "web1", "to": server.place()});
    let given = arguments.as_object_mut().unwrap();
    given.extend(more.as_object().unwrap().clone());
    let opened = client.call("tunnel_open", arguments).await.ok();
    let facts = opened.facts();
    Tunnelled {
        server,
        id: facts["id"].clone(),
        place: facts["listen"].as_str().unwrap().to_owned(),
    }
}

async fn first_listed(client: &Client) -> Value {
    let list = client.call("tunnel_list", json!({})).await.ok();
    list.facts()["tunnels"][0].clone()
}

/// The lines of a tunnel's life in the audit trail.
fn audited(fixture: &Fixture<Sshd, impl Sized>) -> Vec<Value> {
    let trail = std::fs::read_to_string(fixture.stored("audit.jsonl")).unwrap();
    let lines = trail
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["tool"] == "tunnel")
        .collect()
}

#[tokio::test]
async fn closing_ends_all_that_a_tunnel_carries() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let tunnel = tunnelled(client, json!({})).await;
    let mut stream = TcpStream::connect(&tunnel.place).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    let close = json!({"id": tunnel.id});
    let closed = client.call("tunnel_close", close.clone()).await.ok();
    closed.has(&json!({"state": "ended", "ended": "it was closed", "bytesSent": 5}));
    assert_eq!(stream.read(&mut back).await.unwrap_or(0), 0);
    assert!(!is_listening(&tunnel.place).await);
    eventually_so("sshd has no session left", async || {
        fixture.server.logged("Disconnected from") == 1
    })
    .await;
    let again = client.call("tunnel_close", close).await;
    let again = again.error("INVALID_ARGUMENT");
    assert!(again.to_string().contains("it was closed"), "{again}");
    let [begun, ended] = audited(&fixture).try_into().unwrap();
    assert_has(
        &begun["arguments"],
        &json!({"alias": "web1", "to": tunnel.server.place()}),
    );
    assert_has(
        &ended,
        &json!({"outcome": "ended", "cause": "it was closed", "connections": 1, "bytesSent": 5, "bytesReceived": 5}),
    );
}

#[tokio::test]
async fn a_tunnel_ends_when_its_time_is_over() {
    let fixture = Fixture::start().await;
    let tunnel = tunnelled(&fixture.client, json!({"ttl": 0.5})).await;
    eventually_so("its time is over", async || {
        first_listed(&fixture.client).await["ended"] == "its time is over"
    })
    .await;
    assert!(!is_listening(&tunnel.place).await);
}

#[tokio::test]
async fn the_end_of_the_program_ends_its_tunnels() {
    let fixture = Fixture::of(Sshd::start());
    let client = Client::spawned(fixture.data.path(), &[]).await;
    client.register(fixture.server.login("web1")).await;
    let local = tunnelled(&client, json!({})).await;
    let port = local.server.port;
    let remote = tunnelled(&client, json!({"direction": "remote", "to": port})).await;
    for tunnel in [&local, &remote] {
        assert_eq!(exchange(&tunnel.place, b"x").await.unwrap(), b"x");
    }
    assert!(client.leave().await.success());
    for tunnel in [local, remote] {
        eventually_so("its port is free", async || {
            !is_listening(&tunnel.place).await
        })
        .await;
    }
    let ended = audited(&fixture).into_iter();
    let ended: Vec<_> = ended.filter(|line| line["event"] == "ended").collect();
    assert_eq!(ended.len(), 2);
    for line in ended {
        assert_has(
            &line,
            &json!({"outcome": "ended", "connections": 1, "bytesSent": 1}),
        );
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_again_at_the_next_use_and_that_is_said() {
    let mut fixture = Fixture::start().await;
    let tunnel = tunnelled(&fixture.client, json!({})).await;
    assert_eq!(exchange(&tunnel.place, b"one").await.unwrap(), b"one");
    fixture.server.kill();
    eventually_so("the loss is listed", async || {
        first_listed(&fixture.client).await["state"] == "disconnected"
    })
    .await;
    assert_ne!(
        exchange(&tunnel.place, b"two").await.unwrap_or_default(),
        b"two"
    );
    let down = first_listed(&fixture.client).await;
    let problem = down["problem"].as_str().unwrap();
    assert!(problem.contains("cannot connect"), "{down}");
    fixture.server.restart();
    assert_eq!(exchange(&tunnel.place, b"three").await.unwrap(), b"three");
    let up = first_listed(&fixture.client).await;
    assert_has(
        &up,
        &json!({"state": "open", "reconnects": 1, "problem": null}),
    );
}

#[tokio::test]
async fn a_server_that_comes_back_listens_again() {
    let mut fixture = Fixture::start().await;
    let server = PortServer::echo().await;
    let remote = json!({"direction": "remote", "to": server.port});
    let tunnel = tunnelled(&fixture.client, remote).await;
    assert_eq!(exchange(&tunnel.place, b"one").await.unwrap(), b"one");
    fixture.server.kill();
    fixture.server.restart();
    eventually_so("it listens there again", async || {
        exchange(&tunnel.place, b"two").await.unwrap_or_default() == b"two"
    })
    .await;
    assert_eq!(first_listed(&fixture.client).await["reconnects"], 1);
}
