//! Measures the release binary beside OpenSSH's clients, and with `ORIGINAL=<command>` beside the Node
//! original, all over stdio, on one sshd on loopback, in turns. Prints one Markdown table.
//!
//! The original's package names no program: `ORIGINAL="node <package>/server.js"`.
//!
//! `RTT_MS=50` also measures a line with that round trip. `ROUNDS` is how often each is measured (5).

#![allow(clippy::print_stdout, missing_docs)]

mod line;
mod mcp;
mod sshd;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use mcp::Mcp;
use sshd::{Client, Sshd};

const MIB: usize = 1024 * 1024;
/// The Node original, measured once.
const ORIGINAL: &str = "original";

fn main() {
    // cargo runs benchmarks when it tests all targets: then there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path();
    let sshd = Sshd::start(place);
    let mut table = Table::default();
    near(&sshd, place, &mut table);
    if let Some(milliseconds) = setting("RTT_MS") {
        far(
            &sshd,
            place,
            Duration::from_millis(milliseconds),
            &mut table,
        );
    }
    table.print();
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn rounds() -> u64 {
    setting("ROUNDS").unwrap_or(5)
}

/// A server that is measured, with the sshd registered in it.
fn server(command: &str, sshd: &Sshd, port: u16, data: &Path) -> Mcp {
    let mut mcp = Mcp::start(command, data);
    let login = json!({
        "alias": "b", "host": "127.0.0.1", "port": port, "user": sshd::user(),
        "keyPath": sshd.place.join("user"),
    });
    mcp.call("server_add", &login);
    mcp.call("task_exec", &json!({"alias": "b", "cmd": "true"}));
    mcp
}

/// Files to move, made once.
struct Load {
    large: PathBuf,
    tree: PathBuf,
}

fn load(place: &Path, name: &str, large: usize, files: usize) -> Load {
    let base = place.join(name);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut noise = |length: usize| -> Vec<u8> {
        let words = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        words.flatten().take(length).collect()
    };
    std::fs::create_dir_all(&base).expect("a folder");
    std::fs::write(base.join("large"), noise(large)).expect("a file");
    for number in 0..files {
        let folder = base.join("tree").join((number % 20).to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(number.to_string()), noise(2048)).expect("a file");
    }
    Load {
        large: base.join("large"),
        tree: base.join("tree"),
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// Who does something, by name.
type Peer<'a> = (&'a str, Box<dyn FnMut(&Path) + 'a>);

/// One thing that all do in turns, each with a fresh target.
struct Course<'a> {
    what: String,
    place: &'a Path,
    rounds: u64,
    peers: Vec<Peer<'a>>,
}

impl Course<'_> {
    /// The median time of each, in the order of the peers.
    fn run(&mut self) -> Vec<Duration> {
        let mut times = vec![Vec::new(); self.peers.len()];
        let mut last = vec![PathBuf::new(); self.peers.len()];
        for round in 0..self.rounds {
            for (number, (name, work)) in self.peers.iter_mut().enumerate() {
                // It takes minutes.
                if *name == ORIGINAL && round > 0 {
                    continue;
                }
                // Trees stay until the end: a file system may be slow to make new files for a while
                // after many were deleted.
                let name = name.replace(' ', "-");
                let target = self.place.join(format!("{}-{name}-{round}", self.what));
                let _ = std::fs::remove_file(&last[number]);
                last[number].clone_from(&target);
                // What was written before must not be paid for here.
                let _ = Command::new("sync").status();
                times[number].push(timed(|| work(&target)));
            }
        }
        times.into_iter().map(median).collect()
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[derive(Default)]
struct Table(Vec<[String; 4]>);

impl Table {
    fn compare(&mut self, what: &str, ours: Duration, peer: &str, theirs: Duration) {
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        self.0.push([
            what.to_owned(),
            format!("{:.1} ms", ours.as_secs_f64() * 1000.0),
            format!("{peer}: {:.1} ms", theirs.as_secs_f64() * 1000.0),
            format!("{ratio:.2}"),
        ]);
    }

    fn note(&mut self, what: &str, figure: String) {
        let none = String::new;
        self.0.push([what.to_owned(), figure, none(), none()]);
    }

    fn print(&self) {
        let shown = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output();
            output.map_or_else(
                |_| String::new(),
                |output| {
                    let text = [output.stdout, output.stderr].concat();
                    String::from_utf8_lossy(&text).trim().to_owned()
                },
            )
        };
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!(
            "Measured {} with version {}: {cores} cores, {}, aes128-gcm, medians of {} rounds in turns.\n",
            shown("date", &["-u", "+%Y-%m-%d"]),
            env!("CARGO_PKG_VERSION"),
            shown("ssh", &["-V"]),
            rounds()
        );
        println!("| what | this | peer | ratio of time |\n|---|---|---|---|");
        for [what, ours, theirs, ratio] in &self.0 {
            println!("| {what} | {ours} | {theirs} | {ratio} |");
        }
    }
}

fn transfer(mcp: &mut Mcp, direction: &str, local: &Path, remote: &Path) {
    let arguments = json!({"alias": "b", "direction": direction, "local": local, "remote": remote});
    mcp.call("task_transfer", &arguments);
}

/// A file or a tree, up and down, by all who can.
fn moves(
    what: &str,
    source: &Path,
    place: &Path,
    (ours, original): (&mut Mcp, Option<&mut Mcp>),
    (client, cold, rounds): (&Client, bool, u64),
    table: &mut Table,
) {
    let servers = std::cell::RefCell::new((ours, original));
    let has_original = servers.borrow().1.is_some();
    let option = if source.is_dir() { " -r" } else { "" };
    for direction in ["up", "down"] {
        let is_up = direction == "up";
        let by_server = |original: bool, target: &Path| {
            let mut servers = servers.borrow_mut();
            let (ours, theirs) = &mut *servers;
            let mcp = match theirs {
                Some(theirs) if original => theirs,
                _ => ours,
            };
            if is_up {
                transfer(mcp, "upload", source, target);
            } else {
                transfer(mcp, "download", target, source);
            }
        };
        let by_sftp = |warm: bool, target: &Path| {
            let verb = if is_up { "put" } else { "get" };
            let line = format!("{verb}{option} {} {}", source.display(), target.display());
            client.sftp(&line, warm);
        };
        let mut peers: Vec<Peer<'_>> = vec![
            ("this", Box::new(|target| by_server(false, target))),
            ("sftp warm", Box::new(|target| by_sftp(true, target))),
        ];
        if cold {
            peers.push(("sftp cold", Box::new(|target| by_sftp(false, target))));
        }
        if has_original {
            peers.push((ORIGINAL, Box::new(|target| by_server(true, target))));
        }
        let names: Vec<_> = peers.iter().map(|(name, _)| *name).collect();
        let what = format!("{what} {direction}");
        let times = Course {
            what: what.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"),
            place,
            rounds,
            peers,
        }
        .run();
        for (name, time) in names.into_iter().zip(&times).skip(1) {
            table.compare(&what, times[0], name, *time);
        }
    }
}

fn near(sshd: &Sshd, place: &Path, table: &mut Table) {
    let binary = env!("CARGO_BIN_EXE_mcp-sftp-orchestrator");
    let client = sshd.client(sshd.port);
    let load = load(place, "near", 256 * MIB, 2000);
    let data = place.join("data");
    let mut ours = server(binary, sshd, sshd.port, &data);
    let original = std::env::var("ORIGINAL").ok();
    let mut original =
        original.map(|command| server(&command, sshd, sshd.port, &place.join("original")));
    let start = "start to `initialize`'s answer";
    match &original {
        Some(original) => table.compare(start, ours.started_in, ORIGINAL, original.started_in),
        None => table.note(
            start,
            format!("{:.1} ms", ours.started_in.as_secs_f64() * 1000.0),
        ),
    }
    let run = json!({"alias": "b", "cmd": "true"});
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..rounds() * 6 {
        times[0].push(timed(|| drop(ours.call("task_exec", &run))));
        times[1].push(timed(|| client.ssh(true)));
        if let Some(original) = &mut original {
            times[4].push(timed(|| drop(original.call("task_exec", &run))));
        }
    }
    for round in 0..rounds() {
        let data = place.join(format!("cold-{round}"));
        let mut mcp = Mcp::start(binary, &data);
        let login = json!({
            "alias": "b", "host": "127.0.0.1", "port": sshd.port, "user": sshd::user(),
            "keyPath": sshd.place.join("user"),
        });
        mcp.call("server_add", &login);
        times[2].push(timed(|| drop(mcp.call("task_exec", &run))));
        times[3].push(timed(|| client.ssh(false)));
    }
    let [warm, warm_ssh, cold, cold_ssh, warm_original] = times.map(median);
    table.compare("`true`, warm", warm, "ssh, ControlMaster", warm_ssh);
    if original.is_some() {
        table.compare("`true`, warm", warm, ORIGINAL, warm_original);
    }
    table.compare("`true`, first on a new connection", cold, "ssh", cold_ssh);
    let began = Instant::now();
    let done = ours.call_at_once("task_exec", &run, 200);
    let all = began.elapsed().as_secs_f64() * 1000.0;
    table.note(
        "200 calls of `true` at once",
        format!("{done} done in {all:.0} ms"),
    );
    moves(
        "256 MiB",
        &load.large,
        place,
        (&mut ours, original.as_mut()),
        (&client, true, rounds()),
        table,
    );
    moves(
        "2,000 files of 2 KiB in 20 directories",
        &load.tree,
        place,
        (&mut ours, original.as_mut()),
        (&client, false, rounds()),
        table,
    );
    for (name, server) in [("", Some(&ours)), (", original", original.as_ref())] {
        if let Some(memory) = server.and_then(Mcp::memory) {
            let what = format!("most memory of all this{name}");
            table.note(&what, format!("{memory:.0} MiB"));
        }
    }
}

/// Each once: a peer that waits for every answer takes minutes.
fn far(sshd: &Sshd, place: &Path, round_trip: Duration, table: &mut Table) {
    let port = line::start(sshd.port, round_trip);
    let client = sshd.client(port);
    let load = load(place, "far", 64 * MIB, 500);
    let binary = env!("CARGO_BIN_EXE_mcp-sftp-orchestrator");
    let mut ours = server(binary, sshd, port, &place.join("data-far"));
    let at = format!("at {} ms round trip", round_trip.as_millis());
    moves(
        &format!("64 MiB {at},"),
        &load.large,
        place,
        (&mut ours, None),
        (&client, false, 1),
        table,
    );
    moves(
        &format!("500 files of 2 KiB {at},"),
        &load.tree,
        place,
        (&mut ours, None),
        (&client, false, 1),
        table,
    );
    if let Some(memory) = ours.memory() {
        table.note(&format!("most memory {at}"), format!("{memory:.0} MiB"));
    }
}
