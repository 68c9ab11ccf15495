//! Hundreds of servers at once, a tenth of which misbehave: every answer is right, in its time, and nothing is
//! left open.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::helper::{
    Client, EmbeddedServer, Fault, Folder, binary_of, closed_port, directory, eventually, if_slow,
    login, memory,
};

/// The time that a server has for each phase of connecting: all shake hands at once, in a build without
/// optimisations.
const CONNECT_TIMEOUT: u64 = 15;
/// The time that a command has.
const COMMAND_TIMEOUT: u64 = 20;
/// The most memory of the program, in bytes.
const MOST_MEMORY: u64 = 160 * 1024 * 1024;

/// A way in which a server answers a command, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Right,
    /// The login takes longer than all others.
    Slow,
    /// Nobody listens.
    Refuses,
    HangsUp,
    Silent,
    /// It runs nothing, and does not say so.
    SilentAtCommand,
    /// It shows another host key than that of the server it says it is.
    Lies,
}

impl Behaviour {
    /// The behaviour of a server by its number: one in ten misbehaves, each in the next way.
    fn of(number: usize) -> Self {
        use Behaviour::{HangsUp, Lies, Refuses, Silent, SilentAtCommand, Slow};
        let ways = [Slow, Refuses, HangsUp, Silent, SilentAtCommand, Lies];
        if number % 10 == 9 {
            ways[number / 10 % ways.len()]
        } else {
            Self::Right
        }
    }

    /// The code of the error that a command ends in.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Right | Self::Slow => None,
            Self::Refuses | Self::HangsUp | Self::Silent => Some("CONNECTION_FAILED"),
            Self::SilentAtCommand => Some("COMMAND_TIMEOUT"),
            Self::Lies => Some("HOST_KEY_MISMATCH"),
        }
    }
}

/// Servers on addresses of their own, and the data directory that knows them as `s0`, `s1` and so on.
struct Hundreds {
    behaviours: Vec<Behaviour>,
    _servers: Vec<EmbeddedServer>,
    _home: Folder,
    data: Folder,
    /// Cancelled, it lets the logins at slow servers go on.
    slow: CancellationToken,
}

impl Hundreds {
    async fn of(count: usize) -> Self {
        let (home, data) = (directory(), directory());
        let slow = CancellationToken::new();
        let behaviours: Vec<_> = (0..count).map(Behaviour::of).collect();
        let started = behaviours.iter().enumerate().map(|(number, behaviour)| {
            let [high, low] = u16::try_from(number + 1).unwrap().to_be_bytes();
            let address: SocketAddr = (Ipv4Addr::new(127, 7, high, low), 0).into();
            start(address, home.path().to_owned(), *behaviour, slow.clone())
        });
        let servers = join_all(started).await;
        let entries = servers.iter().zip(&behaviours).enumerate();
        let entries = entries.map(|(number, (server, behaviour))| {
            (format!("s{number}"), entry(server.address(), *behaviour))
        });
        let entries = Value::Object(entries.collect::<Map<_, _>>());
        std::fs::write(data.path().join("servers.json"), entries.to_string()).unwrap();
        Self {
            behaviours,
            _servers: servers,
            _home: home,
            data,
            slow,
        }
    }
}

async fn start(
    address: SocketAddr,
    home: PathBuf,
    behaviour: Behaviour,
    slow: CancellationToken,
) -> EmbeddedServer {
    let server = EmbeddedServer::start_on(address, &home, None)
        .await
        .unwrap();
    match behaviour {
        Behaviour::Slow => server.wait_for_approval(slow),
        Behaviour::HangsUp => server.set_fault(Fault::HangUp),
        Behaviour::Silent => server.set_fault(Fault::Mute),
        Behaviour::SilentAtCommand => server.set_fault(Fault::MuteAtCommand),
        Behaviour::Right | Behaviour::Refuses | Behaviour::Lies => {}
    }
    server
}

/// The entry of a server in `servers.json`.
fn entry(address: SocketAddr, behaviour: Behaviour) -> Value {
    let mut entry = login("", address.port());
    for name in ["alias", "verify"] {
        entry.as_object_mut().unwrap().remove(name);
    }
    entry["host"] = json!(address.ip());
    match behaviour {
        Behaviour::Refuses => {
            entry["host"] = json!("127.0.0.1");
            entry["port"] = json!(closed_port());
        }
        Behaviour::Lies => {
            entry["hostKeyFingerprint"] = json!(format!("SHA256:{}", "A".repeat(43)));
        }
        _ => {}
    }
    entry
}

/// The sockets that the process has open.
fn sockets(process: u32) -> usize {
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

fn uname() -> String {
    let ran = Command::new("uname").arg("-a").output().unwrap();
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// Refuses an answer that says something else of a server than what it does.
fn check(number: usize, behaviour: Behaviour, children: &[Value]) {
    let alias = format!("s{number}");
    let child = children
        .iter()
        .find(|child| child["alias"] == alias.as_str());
    let child = child.unwrap();
    match behaviour.code() {
        None => assert_eq!(child["status"], "completed", "{child}"),
        Some(code) => assert_eq!(child["errorCode"], code, "{child}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_hundreds_is_answered_for_and_nothing_is_left() {
    let fleet = Hundreds::of(if_slow(500, 120)).await;
    let home = directory();
    let mut command = binary_of(home.path(), fleet.data.path());
    let connect_timeout = CONNECT_TIMEOUT.to_string();
    for (name, value) in [
        ("MCP_CONNECT_TIMEOUT_S", connect_timeout.as_str()),
        ("MCP_SYNC_TIMEOUT_S", "120"),
        ("IDLE_TIMEOUT", "1000"),
        ("MIN_CONNECTIONS_PER_SERVER", "0"),
    ] {
        command.env(name, value);
    }
    let client = Client::over(command).await;
    client.call("server_list", json!({})).await.ok();
    let process = client.process_id();
    let before = sockets(process);
    let expected = uname();
    let arguments = json!({"alias": "all", "cmd": "uname -a", "timeout": COMMAND_TIMEOUT});
    let call = client.call("task_exec", arguments);
    let release = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        fleet.slow.cancel();
    };
    let (answer, ()) = tokio::join!(call, release);
    let answer = answer.ok();
    assert!(answer.text().len() <= 8 * 1024 + 256, "{}", answer.text());
    assert_eq!(
        answer.text().matches(&expected).count(),
        1,
        "{}",
        answer.text()
    );
    let children = answer.facts()["children"].as_array().unwrap();
    assert_eq!(children.len(), fleet.behaviours.len());
    for (number, behaviour) in fleet.behaviours.iter().enumerate() {
        check(number, *behaviour, children);
        if behaviour.code().is_none() {
            let id = &answer.facts()["id"];
            let shown = json!({"id": id, "alias": format!("s{number}"), "maxBytes": 1000});
            let shown = client.call("task_output", shown).await.ok();
            assert!(shown.text().contains(&expected), "{}", shown.text());
        }
    }
    let most = memory(process, "VmHWM");
    assert!(most <= MOST_MEMORY, "{most} bytes");
    eventually("every connection is closed", || sockets(process) <= before).await;
}
