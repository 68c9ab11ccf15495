//! Tunnels beside `ssh -L`: many bytes one way, small messages to and fro, and new connections.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::json;

use crate::comparison::{Peer, timed};
use crate::server::Server;
use crate::sshd::Client;
use crate::table::Table;

/// Bytes that go one way.
const LENGTH: usize = 256 * 1024 * 1024;

/// Messages that go to and fro, one after the other.
const MESSAGES: usize = 1000;

/// Connections that are made one after the other.
const CONNECTIONS: usize = 100;

/// Compares a tunnel of this program with one of the client's.
pub fn compare(server: &mut Server, client: &Client, rounds: u64, table: &mut Table) {
    let content = Arc::new(vec![7; 1024 * 1024]);
    let flood = serve(move |mut stream| {
        for _ in 0..LENGTH / content.len() {
            if stream.write_all(&content).is_err() {
                return;
            }
        }
    });
    let echo = serve(|mut stream| {
        let _ = stream.set_nodelay(true);
        let mut message = [0; 64];
        while stream.read_exact(&mut message).is_ok() && stream.write_all(&message).is_ok() {}
    });
    let [floods, echoes] = [flood, echo].map(|port| [open(server, port), client.forward(port)]);
    let process = server.mcp.id();
    let peers = |ports: [u16; 2], work: fn(u16)| {
        let tunnels = [(server.program.name, process), ("ssh -L", client.master)];
        let tunnels = tunnels.into_iter().zip(ports);
        tunnels
            .map(|((name, process), port)| Peer {
                name: name.to_owned(),
                process,
                work: Box::new(move |_| timed(|| work(port))),
            })
            .collect()
    };
    table.compare("256 MiB through a tunnel", rounds, peers(floods, take_all));
    let what = "1,000 messages to and fro through a tunnel";
    table.compare(what, rounds * 3, peers(echoes, exchange));
    let what = "100 connections through a tunnel";
    table.compare(what, rounds * 3, peers(echoes, connect));
}

/// Opens a tunnel of this program, and returns its port.
fn open(server: &mut Server, port: u16) -> u16 {
    let arguments = json!({"alias": "b", "to": port});
    let opened = server.mcp.call("tunnel_open", &arguments);
    let place = opened["structuredContent"]["listen"].as_str();
    let port = place.and_then(|place| place.rsplit_once(':')?.1.parse().ok());
    port.expect("the tunnel listens at a port")
}

/// Serves each connection to a port in a thread of its own.
fn serve(work: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let work = Arc::new(work);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let work = Arc::clone(&work);
            std::thread::spawn(move || work(stream));
        }
    });
    port
}

fn connected(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the tunnel is open");
    stream.set_nodelay(true).expect("it is a TCP connection");
    stream
}

fn take_all(port: u16) {
    let taken = io::copy(&mut connected(port), &mut io::sink()).expect("bytes come");
    assert_eq!(usize::try_from(taken), Ok(LENGTH));
}

fn send_message(stream: &mut TcpStream) {
    let mut message = [7; 64];
    stream.write_all(&message).expect("it is taken");
    stream.read_exact(&mut message).expect("it comes back");
}

fn exchange(port: u16) {
    let mut stream = connected(port);
    for _ in 0..MESSAGES {
        send_message(&mut stream);
    }
}

fn connect(port: u16) {
    for _ in 0..CONNECTIONS {
        send_message(&mut connected(port));
    }
}
