//! Tunnels: the bytes that they carry, in every direction.

use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::process::Command;

use crate::helper::{
    Client, Fixture, Http, PortServer, Sshd, assert_has, echo, eventually_so, exchange,
    exchange_over, noise,
};

/// Opens a tunnel of `web1` and returns its facts.
async fn open(client: &Client, arguments: Value) -> Value {
    let mut given = json!({"alias": "web1"});
    let given_fields = given.as_object_mut().unwrap();
    given_fields.extend(arguments.as_object().unwrap().clone());
    client.call("tunnel_open", given).await.ok().facts().clone()
}

fn listens(tunnel: &Value) -> &str {
    tunnel["listen"].as_str().unwrap()
}

/// The tunnel as it is listed now.
async fn listed(client: &Client, tunnel: &Value) -> Value {
    let list = client.call("tunnel_list", json!({})).await.ok();
    let tunnels = list.facts()["tunnels"].as_array().unwrap().clone();
    let mut tunnels = tunnels.into_iter();
    tunnels.find(|one| one["id"] == tunnel["id"]).unwrap()
}

#[tokio::test]
async fn a_side_that_has_ended_still_gets_its_answer() {
    let fixture = Fixture::start().await;
    let server = PortServer::counting().await;
    let tunnel = open(&fixture.client, json!({"to": server.place()})).await;
    let sent = noise(5_000_000);
    let answer = exchange(listens(&tunnel), &sent).await.unwrap();
    assert_eq!(answer, b"5000000");
    let counted = listed(&fixture.client, &tunnel).await;
    assert_has(
        &counted,
        &json!({"connections": 1, "failed": 0, "bytesSent": 5_000_000, "bytesReceived": 7, "state": "open"}),
    );
}

#[tokio::test]
async fn a_thousand_connections_share_one_ssh_connection() {
    let fixture = Fixture::start().await;
    let server = PortServer::echo().await;
    let tunnel = open(&fixture.client, json!({"to": server.place()})).await;
    let place = listens(&tunnel);
    let all = stream::iter(0..1000_usize).map(|number| async move {
        let sent = noise(40_000 + number);
        let back = exchange(place, &sent).await.unwrap();
        assert!(back == sent, "connection {number}");
    });
    all.buffer_unordered(50).collect::<Vec<()>>().await;
    assert_eq!(fixture.server.accepted(), 1);
    let client = &fixture.client;
    eventually_so("all have ended", async || {
        listed(client, &tunnel).await["open"] == 0
    })
    .await;
    let counted = listed(client, &tunnel).await;
    assert_has(
        &counted,
        &json!({"connections": 1000, "failed": 0, "reconnects": 0, "bytesSent": 40_499_500, "bytesReceived": 40_499_500}),
    );
}

/// The memory that a process has in use, in bytes (proc(5)).
fn memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn a_reader_that_takes_nothing_holds_up_only_itself() {
    const LENGTH: usize = 200_000_000;
    let fixture = Fixture::of(Sshd::start());
    let client = Client::spawned(fixture.data.path(), &[]).await;
    client.register(fixture.server.login("web1")).await;
    let content = noise(LENGTH);
    let flood = PortServer::sending(content.clone()).await;
    let server = PortServer::echo().await;
    let through = open(&client, json!({"direction": "socks"})).await;
    let at_rest = memory(client.process_id());
    let mut stuck = proxied(listens(&through), flood.port).await;
    eventually_so("the flood waits here", async || {
        let facts = listed(&client, &through).await;
        facts["bytesReceived"].as_u64().unwrap() > 150_000_000
    })
    .await;
    // On the same SSH connection, for it began before the other had an end.
    let beside = proxied(listens(&through), server.port).await;
    let sent = noise(1_000_000);
    assert!(exchange_over(beside, &sent).await.unwrap() == sent);
    assert_eq!(fixture.server.accepted(), 1);
    let used = memory(client.process_id()).saturating_sub(at_rest);
    assert!(used < 32_000_000, "{used} bytes");
    let mut came = Vec::with_capacity(LENGTH);
    stuck.read_to_end(&mut came).await.unwrap();
    assert!(came == content, "{} bytes", came.len());
}

/// Connects to a port of the server's loopback through a SOCKS5 proxy (RFC 1928).
async fn proxied(proxy: &str, port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    stream.write_all(&[5, 1, 0]).await.unwrap();
    let mut method = [0; 2];
    stream.read_exact(&mut method).await.unwrap();
    assert_eq!(method, [5, 0]);
    let [high, low] = port.to_be_bytes();
    let request = [5, 1, 0, 1, 127, 0, 0, 1, high, low];
    stream.write_all(&request).await.unwrap();
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[1], 0, "{reply:?}");
    stream
}

#[tokio::test]
async fn curl_goes_through_the_proxy_by_name_and_is_told_of_refusals() {
    let fixture = Fixture::start().await;
    let http = Http::start(None).await;
    let tunnel = open(&fixture.client, json!({"direction": "socks"})).await;
    let ask = async |place: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
        curl.args(["--socks5-hostname", listens(&tunnel), place]);
        let output = curl.output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap()
    };
    let there = format!("http://localhost:{}/200", http.port);
    assert_eq!(ask(&there).await, "200");
    let refused = ask("http://169.254.169.254/").await;
    assert!(refused.contains("(2)"), "connection not allowed: {refused}");
    let closed = crate::helper::closed_port();
    let refused = ask(&format!("http://127.0.0.1:{closed}/")).await;
    assert!(refused.contains("(4)"), "host unreachable: {refused}");
    let counted = listed(&fixture.client, &tunnel).await;
    assert_has(&counted, &json!({"connections": 3, "failed": 2}));
}

#[tokio::test]
async fn a_socket_of_the_server_is_reached() {
    let fixture = Fixture::start().await;
    let socket = fixture.there("x.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    });
    let tunnel = open(&fixture.client, json!({"to": fixture.remote("x.sock")})).await;
    let back = exchange(listens(&tunnel), b"through a socket").await;
    assert_eq!(back.unwrap(), b"through a socket");
}

#[tokio::test]
async fn the_server_reaches_a_port_and_a_socket_of_this_machine() {
    let fixture = Fixture::start().await;
    let server = PortServer::echo().await;
    let remote = |listen: Option<String>| json!({"direction": "remote", "to": server.port, "listen": listen});
    let tunnel = open(&fixture.client, remote(None)).await;
    // The server's loopback is this machine's.
    let sent = noise(3_000_000);
    assert!(exchange(listens(&tunnel), &sent).await.unwrap() == sent);
    let path = fixture.remote("back.sock");
    let tunnel = open(&fixture.client, remote(Some(path.clone()))).await;
    assert_eq!(tunnel["listen"], path);
    let stream = UnixStream::connect(&path).await.unwrap();
    let back = exchange_over(stream, b"back").await.unwrap();
    assert_eq!(back, b"back");
}

#[tokio::test]
async fn a_tunnel_leads_through_a_jump_host() {
    let fixture = Fixture::start().await;
    let behind = Sshd::start();
    let mut login = behind.login("inner");
    login["jump"] = "web1".into();
    fixture.client.register(login).await;
    let server = PortServer::echo().await;
    let tunnel = json!({"alias": "inner", "to": server.place()});
    let tunnel = fixture.client.call("tunnel_open", tunnel).await.ok();
    let back = exchange(listens(tunnel.facts()), b"far").await.unwrap();
    assert_eq!(back, b"far");
    assert_eq!([behind.accepted(), fixture.server.accepted()], [1, 1]);
}

/// OpenSSH does not bound the connections that it forwards; others do.
#[tokio::test]
async fn a_tunnel_has_more_ssh_connections_where_each_carries_few() {
    let fixture = Fixture::embedded().await;
    fixture.server.set_max_forwards(2);
    let server = PortServer::echo().await;
    let client = &fixture.client;
    let tunnel = open(client, json!({"to": server.place()})).await;
    let before = fixture.server.accepted();
    // All are open at once: each has had an answer.
    let mut streams = Vec::new();
    for number in 0..6_u8 {
        let mut stream = TcpStream::connect(listens(&tunnel)).await.unwrap();
        stream.write_all(&[number]).await.unwrap();
        let mut back = [0];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(back, [number]);
        streams.push(stream);
    }
    assert_eq!(fixture.server.accepted() - before, 2);
    for (number, stream) in streams.into_iter().enumerate() {
        let sent = noise(50_000 + number);
        assert!(exchange_over(stream, &sent).await.unwrap() == sent);
    }
    let counted = listed(client, &tunnel).await;
    assert_has(&counted, &json!({"connections": 6, "failed": 0}));
}
