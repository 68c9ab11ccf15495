//! Measures the release binary beside OpenSSH's clients and other servers, all over stdio, on one sshd on
//! loopback, in turns. Prints Markdown tables.
//!
//! `RTT_MS=50` also measures a line with that round trip. `ROUNDS` is how often each is measured (5), short
//! calls more often. `LARGE_MIB` is the size of the large file (256).
//!
//! `ORIGINAL="node <package>/server.js"` is the Node original, whose package names no program, or an earlier
//! build of this one. `RIVAL=fast-mcp-ssh` is the server of that name from the crates registry.
//! `THIS=<command>` measures another build than cargo's.

#![allow(clippy::print_stdout, missing_docs)]

mod course;
mod line;
mod mcp;
mod process;
mod server;
mod sshd;
mod table;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde_json::json;

use course::{Peer, timed};
use server::{Program, Server, fresh, peers};
use sshd::{Client, Sshd};
use table::Table;

const MIB: usize = 1024 * 1024;
const LINES_OF_LOG: usize = 1000;

fn main() {
    // cargo runs benchmarks when it tests all targets: then there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sshd = Sshd::start(folder.path());
    table::print_circumstances(rounds());
    println!("\nOn loopback:");
    near(&sshd, folder.path());
    if let Some(milliseconds) = setting("RTT_MS") {
        println!("\nAt a round trip of {milliseconds} ms:");
        far(&sshd, folder.path(), Duration::from_millis(milliseconds));
    }
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn rounds() -> u64 {
    setting("ROUNDS").unwrap_or(5)
}

/// Those who are measured, and what they move.
struct Scene {
    place: PathBuf,
    /// A process of each program, with a connection. Ours is the first.
    servers: Vec<Server>,
    client: Client,
    load: Load,
    table: Table,
}

/// Files to move, made once.
struct Load {
    small: PathBuf,
    large: PathBuf,
    tree: PathBuf,
    log: PathBuf,
}

impl Load {
    fn make(base: &Path, large: usize, files: usize) -> Self {
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
        let load = Self {
            small: base.join("small"),
            large: base.join("large"),
            tree: base.join("tree"),
            log: base.join("log"),
        };
        for number in 0..files {
            let folder = load.tree.join((number % 20).to_string());
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join(number.to_string()), noise(2048)).expect("a file");
        }
        std::fs::write(&load.small, noise(1024)).expect("a file");
        std::fs::write(&load.large, noise(large)).expect("a file");
        std::fs::write(&load.log, "a line of a log\n".repeat(LINES_OF_LOG)).expect("a file");
        load
    }
}

impl Scene {
    fn new(place: &Path, programs: &[Program], client: Client, load: Load, table: Table) -> Self {
        let mut servers: Vec<Server> = programs.iter().map(Program::start).collect();
        for server in &mut servers {
            server.exec("true");
        }
        Self {
            place: place.to_owned(),
            servers,
            client,
            load,
            table,
        }
    }

    fn compare(&mut self, what: &str, rounds: u64, peers: Vec<Peer<'_>>) {
        let figures = course::run(&self.place, rounds, peers);
        self.table.add(what, &figures);
    }

    /// What takes a round trip or a few.
    fn short_calls(&mut self, rounds: u64) {
        let Self {
            place,
            servers,
            client,
            load,
            table,
        } = self;
        let mut compare = |what: &str, peers: Vec<Peer<'_>>| {
            table.add(what, &course::run(place, rounds, peers));
        };

        let mut all = peers(servers.iter_mut(), |server, _| server.exec("echo ok"));
        all.push(client.peer("ssh, ControlMaster", |client, _| {
            client.ssh("echo ok", true);
        }));
        compare("`echo ok`, warm", all);

        let all = peers(servers.iter_mut(), |server, _| server.tail(&load.log));
        compare("the last lines of a file, warm", all);

        let ours = peers(servers.iter_mut().take(1), |server, _| {
            server.ours("get_services_status", json!({}));
        });
        compare("`get_services_status`, warm", ours);

        let ours = peers(servers.iter_mut().take(1), |server, _| {
            let commands = ["cd /", "true", "pwd"];
            server.ours("task_exec_sequence", json!({"commands": commands}));
        });
        compare("a sequence of 3, warm", ours);

        let mut all = peers(servers.iter_mut(), |server, target| {
            server.upload(&load.small, target);
        });
        all.push(client.peer("scp, ControlMaster", |client, target| {
            client.scp(&shown(&load.small), &format!("b:{}", target.display()));
        }));
        compare("upload of 1 KB, warm", all);

        let mut all = peers(servers.iter_mut(), |server, target| {
            server.download(&load.small, target);
        });
        all.push(client.peer("scp, ControlMaster", |client, target| {
            client.scp(&format!("b:{}", load.small.display()), &shown(target));
        }));
        compare("download of 1 KB, warm", all);
    }

    /// The first call of new processes.
    fn first_calls(&mut self, programs: &[Program], rounds: u64) {
        let mut all = fresh(programs, |server| timed(|| server.exec("true")));
        all.push(
            self.client
                .peer("ssh", |client, _| client.ssh("true", false)),
        );
        let figures = course::run(&self.place, rounds, all);
        self.table
            .add("`true`, first on a new connection", &figures);
    }

    /// A file or a tree, up and down, by all who can.
    fn moves(&mut self, what: &str, source: &Path, rounds: u64) {
        let is_tree = source.is_dir();
        let flag = if is_tree { " -r" } else { "" };
        let servers = &mut self.servers;
        let able = |server: &&mut Server| !is_tree || server.moves_trees();
        for is_up in [true, false] {
            let mut all = peers(servers.iter_mut().filter(able), |server, target| {
                if is_up {
                    server.upload(source, target);
                } else {
                    server.download(source, target);
                }
            });
            // Only the first leaves what it moved to the memory of the machine that gets it.
            for (name, option) in [("sftp", "-q"), ("sftp -f", "-f")] {
                all.push(self.client.peer(name, move |client, target| {
                    let verb = if is_up { "put" } else { "get" };
                    let line = format!("{verb}{flag} {} {}", source.display(), target.display());
                    client.sftp(option, &line);
                }));
            }
            let direction = if is_up { "up" } else { "down" };
            let figures = course::run(&self.place, rounds, all);
            self.table.add(&format!("{what} {direction}"), &figures);
        }
    }

    /// Prints how much memory each server has, in MiB.
    fn print_memory(&self) {
        println!("\n| memory | at rest | after work | most |\n|---|---|---|---|");
        for server in &self.servers {
            let figures = [
                server.memory_at_rest,
                process::memory(server.mcp.id(), "VmRSS"),
                process::memory(server.mcp.id(), "VmHWM"),
            ];
            let [rest, after, most] = figures.map(|mib| {
                let shown = mib.map(|mib| format!("{mib:.0} MiB"));
                shown.unwrap_or_default()
            });
            println!("| {} | {rest} | {after} | {most} |", server.program.name);
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn near(sshd: &Sshd, place: &Path) {
    let place = folder(place, "near");
    let programs = Program::all(sshd, sshd.port, &place);
    let large = setting("LARGE_MIB").unwrap_or(256);
    let load = Load::make(&place, large * MIB, 2000);
    let client = sshd.client(sshd.port);
    let mut scene = Scene::new(&place, &programs, client, load, Table::new(None));

    let starts = fresh(&programs, |server| server.mcp.started_in);
    scene.compare("start to `initialize`'s answer", rounds() * 6, starts);
    scene.short_calls(rounds() * 40);
    scene.first_calls(&programs, rounds() * 6);
    let burst = peers(scene.servers.iter_mut(), |server, _| {
        let (tool, arguments) = server.run("true");
        server.mcp.call_at_once(tool, &arguments, 200);
    });
    let figures = course::run(&place, rounds(), burst);
    scene.table.add("200 calls of `true` at once", &figures);
    let (large_file, tree) = (scene.load.large.clone(), scene.load.tree.clone());
    scene.moves(&format!("{large} MiB"), &large_file, rounds());
    scene.moves("2,000 files of 2 KiB in 20 directories", &tree, rounds());
    scene.table.print();
    scene.print_memory();
}

/// The moving of much each once: a peer that waits for every answer takes minutes.
fn far(sshd: &Sshd, place: &Path, round_trip: Duration) {
    let place = folder(place, "far");
    let port = line::start(sshd.port, round_trip);
    let programs = Program::all(sshd, port, &place);
    let load = Load::make(&place, 64 * MIB, 100);
    let table = Table::new(Some(round_trip));
    let mut scene = Scene::new(&place, &programs, sshd.client(port), load, table);

    scene.short_calls(rounds() * 4);
    scene.first_calls(&programs, rounds() * 4);
    let (large, tree) = (scene.load.large.clone(), scene.load.tree.clone());
    scene.moves("64 MiB", &large, 1);
    scene.moves("100 files of 2 KiB in 20 directories", &tree, 1);
    scene.table.print();
}

fn folder(place: &Path, name: &str) -> PathBuf {
    let folder = place.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
