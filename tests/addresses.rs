//! Hosts with several addresses, some of which do not answer.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tokio::process::Command;
use tokio::time::timeout;

use crate::helper::{BINARY, Client, Folder, Sshd, apart, directory};

/// An address that does not answer: its queue is full.
struct SilentAddress {
    _listener: Socket,
    _queue: Vec<Socket>,
}

impl SilentAddress {
    fn at(address: &str, port: u16) -> Self {
        let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let queue = (0..4).map(|_| {
            let waiting = socket();
            waiting.set_nonblocking(true).unwrap();
            // It goes on in the background, or waits there for ever.
            let _ = waiting.connect(&address.into());
            waiting
        });
        Self {
            _queue: queue.collect(),
            _listener: listener,
        }
    }
}

/// The binary on a machine that knows `many.test` by these addresses.
async fn client_where(addresses: &[&str], folder: &Path, data: &Folder) -> Client {
    let hosts = folder.join("hosts");
    let lines = addresses
        .iter()
        .map(|address| format!("{address} many.test\n"));
    std::fs::write(&hosts, lines.collect::<String>()).unwrap();
    let mut command = apart(Command::new("unshare"));
    command
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg("mount --bind \"$0\" /etc/hosts && exec \"$@\"")
        .arg(&hosts)
        .arg(BINARY)
        .arg(format!("--data-dir={}", data.path().display()));
    Client::over(command).await
}

/// The arguments that register sshd by the name with several addresses.
fn many(sshd: &Sshd, seconds: u32) -> Value {
    let mut server = sshd.login("web1");
    server["host"] = json!("many.test");
    server["connectTimeout"] = json!(seconds);
    server
}

#[tokio::test]
async fn silent_addresses_do_not_keep_the_others_from_being_tried() {
    let (sshd, data) = (Sshd::start_with("ListenAddress 127.0.0.4"), directory());
    let _silent = ["127.0.0.2", "127.0.0.3"].map(|address| SilentAddress::at(address, sshd.port));
    let addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
    let client = client_where(&addresses, sshd.directory.path(), &data).await;
    client.register(many(&sshd, 600)).await;
    let ran = timeout(Duration::from_secs(60), client.exec("web1", "echo here")).await;
    let ran = ran.expect("no address has the time of all").ok();
    assert!(ran.text().contains("here"), "{}", ran.text());
}

#[tokio::test]
async fn an_address_that_refuses_is_followed_by_the_next() {
    let (sshd, data) = (Sshd::start_with("ListenAddress 127.0.0.4"), directory());
    let addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
    let client = client_where(&addresses, sshd.directory.path(), &data).await;
    client.register(many(&sshd, 600)).await;
    client.exec("web1", "true").await.ok();
    assert_eq!(sshd.accepted(), 1);
}

#[tokio::test]
async fn what_became_of_each_address_is_told_within_the_limit() {
    let (sshd, data) = (Sshd::start(), directory());
    let _silent = SilentAddress::at("127.0.0.2", sshd.port);
    let addresses = ["127.0.0.2", "127.0.0.3"];
    let client = client_where(&addresses, sshd.directory.path(), &data).await;
    client.register(many(&sshd, 2)).await;
    let error = client.exec("web1", "true").await.error("CONNECTION_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    for words in [
        "ECONNREFUSED at 127.0.0.3",
        "ETIMEDOUT: no connection within 2 s (connectTimeout) at 127.0.0.2",
    ] {
        assert!(reason.contains(words), "{reason}");
    }
    let hint = error["details"]["hint"].as_str().unwrap();
    assert!(hint.contains("longer connectTimeout"), "{hint}");
}
