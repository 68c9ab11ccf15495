//! The tests' common parts: MCP clients, SSH servers, waiting.

mod agent;
mod asyncssh;
mod background;
mod calls;
mod client;
mod device;
mod disk;
mod embedded;
mod eras;
mod file_servers;
mod fixture;
mod fleet;
mod http;
mod keyring;
mod mcp_client;
mod person;
mod pm2;
mod ports;
mod proxy;
pub mod rogue;
mod round_trips;
pub mod search;
mod sshd;
mod sudo;
mod terminal;
mod tools;
mod user_home;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use regex::{Captures, Regex};
use serde_json::{Value, json};

pub use agent::Agent;
pub use asyncssh::AsyncSsh;
pub use background::BackgroundScene;
pub use calls::{Calls, Effect, PROGRAMS, access};
pub use client::{Answer, BINARY, Client, RawProcess, apart, binary, binary_of, request, type_in};
pub use device::{Device, DeviceFamily, ENABLE};
pub use disk::SmallDisk;
pub use embedded::{Dialogue, EmbeddedServer, Event, Fault, LoginTexts, Question, Turn};
pub use eras::{ERAS, Era, EraSession};
pub use file_servers::FileServers;
pub use fixture::{EmbeddedHost, Fixture, SshServer};
pub use fleet::{Fleet, login_of};
pub use http::Http;
pub use keyring::Keyring;
pub use mcp_client::{MCP_CLIENTS, McpClient};
pub use mcp_sftp_orchestrator::demo::{PASSWORD, USER};
pub use pm2::Pm2Daemon;
pub use ports::{PortServer, echo, exchange, exchange_over, is_listening};
pub use proxy::Proxy;
pub use round_trips::RoundTrips;
pub use sshd::{
    LOGIN_SHELLS, Sshd, bound, certify, fingerprint, keygen, keygen_rsa, login_shell, public, user,
};
pub use sudo::{
    Elevator, ROOT_PASSWORD, SUDO_PASSWORD, as_root, attempts, elevating_host, set_password,
    set_rules, sudo_host, sudoer,
};
pub use terminal::Terminal;
pub use tools::{printed, run_apart, script, test_tool};
pub use user_home::UserHome;

impl Client {
    /// Registers a server with these arguments; no login unless they ask for one.
    pub async fn register(&self, mut arguments: Value) -> Answer {
        let given = arguments.as_object_mut().unwrap();
        given.entry("verify").or_insert(json!(false));
        self.call("server_add", arguments).await.ok()
    }

    /// Runs a command.
    pub async fn exec(&self, alias: &str, cmd: &str) -> Answer {
        self.call("task_exec", json!({"alias": alias, "cmd": cmd}))
            .await
    }

    /// Registers an embedded server.
    pub async fn add(&self, alias: &str, server: &EmbeddedServer) {
        self.register(login(alias, server.address().port())).await;
    }
}

/// The arguments that register an embedded server, without a login.
pub fn login(alias: &str, port: u16) -> Value {
    json!({
        "alias": alias, "host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD,
        "verify": false,
    })
}

/// A port on which nobody listens.
pub fn closed_port() -> u16 {
    use socket2::{Domain, Socket, Type};

    // Bound for as long as the tests run, so that no other test is given it.
    static BOUND: Mutex<Vec<Socket>> = Mutex::new(Vec::new());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&loopback.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    BOUND.lock().unwrap().push(socket);
    address.port()
}

/// A temporary folder, gone with all it holds when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A server that is just ending may still write into it.
        for _ in 0..200 {
            if std::fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

pub fn directory() -> Folder {
    let directory = tempfile::Builder::new()
        .prefix("orchestrator-test-")
        .tempdir();
    Folder(directory.unwrap().keep())
}

/// Writes a file, and makes the directories above it.
pub fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Makes a program of that name, a shell script.
pub fn program(directory: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A terminal: the end where somebody sits, and the end that a program is given.
pub fn terminal() -> (std::fs::File, std::fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let name = ptsname(&near, Vec::new()).unwrap();
    let far = std::fs::File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap());
    (near.into(), far.unwrap())
}

pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

pub fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A file that a version wrote, as if its day had just ended: finished tasks go after 24 hours.
pub fn written_by(version: &str, name: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let text = std::fs::read_to_string(format!("{root}/tests/data/{version}/{name}")).unwrap();
    let end: DateTime<Utc> = "2026-11-23T00:00:00Z".parse().unwrap();
    let since = Utc::now() - end;
    let time = Regex::new("2026-11-22T[0-9:.]+Z").unwrap();
    let moved = time.replace_all(&text, |found: &Captures<'_>| {
        let time: DateTime<Utc> = found[0].parse().unwrap();
        (time + since).to_rfc3339_opts(SecondsFormat::Millis, true)
    });
    moved.into_owned()
}

/// Asserts that an object has these fields with these values, whatever else it has.
#[track_caller]
pub fn assert_has(object: &Value, fields: &Value) {
    let named = fields.as_object().unwrap().keys();
    let found: Value = named
        .map(|name| (name.clone(), object[name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    if &found != fields {
        let [wanted, got] =
            [fields, &found].map(|value| serde_json::to_string_pretty(value).unwrap());
        let diff = similar::TextDiff::from_lines(&wanted, &got);
        panic!("{}in {object}", diff.unified_diff().header("wanted", "got"));
    }
}

/// The time after which an event does not come about: a busy machine takes its own, Fail2Ban most of all.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds`, which a real event brings about; fails loudly if that does not happen.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "did not come about: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns whether nobody writes to a file any more, which is written to several times a second.
pub async fn is_still(path: impl AsRef<Path>) -> bool {
    let read = || std::fs::read_to_string(&path).unwrap();
    let before = read();
    tokio::time::sleep(Duration::from_millis(400)).await;
    read() == before
}

/// The output of `seq 1 last`.
pub fn numbers(last: usize) -> String {
    (1..=last).fold(String::new(), |text, number| {
        text + &number.to_string() + "\n"
    })
}

/// The same for an event that takes a call to find out.
pub async fn eventually_so(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "did not come about: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A figure of a process's memory in bytes: `VmRSS`, what it has now, or `VmHWM`, the most it has had.
pub fn memory(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mut figures = status.lines().filter_map(|line| line.split_once(':'));
    let (_, figure) = figures.find(|(figure, _)| *figure == name).unwrap();
    let number = figure.split_whitespace().next().unwrap();
    number.parse::<u64>().unwrap() * 1024
}

/// The rounds of a sweep: 100 where `SLOW_TESTS` is set, as `.ci/run` does.
pub fn slow_rounds(otherwise: usize) -> usize {
    if_slow(100, otherwise)
}

/// The first number where `SLOW_TESTS` is set, else the other.
pub fn if_slow(many: usize, otherwise: usize) -> usize {
    if std::env::var_os("SLOW_TESTS").is_some() {
        many
    } else {
        otherwise
    }
}

/// Bytes that do not repeat within a file, so that a misplaced block shows.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).to_vec()
}

/// The bytes of part files in a folder.
pub fn part_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let parts = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".part"));
    parts
        .map(|part| part.metadata().map_or(0, |facts| facts.len()))
        .sum()
}
