//! Measures the release binary beside OpenSSH's clients and other MCP servers, in turns, on one sshd on
//! loopback. Prints Markdown tables.
//!
//! `RTT_MS=50` adds a table for a line with that round trip. `ROUNDS` is the number of rounds (5); short
//! calls get a multiple of it. `LARGE_MIB` is the size of the large file (256).
//!
//! Words after `--` choose rows by a part of their name: `cargo bench -- "50 ms round trip: upload"`.
//!
//! Commands in the environment add programs: `ORIGINAL="node <package>/server.js"` the Node original or an
//! earlier build of this program, `RIVAL=fast-mcp-ssh` the server of that name from the crates registry.
//! `THIS` names another build of this program than cargo's.

#![allow(clippy::print_stdout, missing_docs)]

mod comparison;
mod fleet;
mod line;
mod mcp;
mod mirrors;
mod process;
mod server;
mod sshd;
mod table;
mod tunnels;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde_json::json;

use comparison::timed;
use process::ProcessMemory;
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
    near(&sshd, folder.path());
    if let Some(milliseconds) = setting("RTT_MS") {
        far(&sshd, folder.path(), milliseconds);
    }
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn rounds() -> u64 {
    setting("ROUNDS").unwrap_or(5)
}

/// The programs, connected, with files for them to move and a table for the figures.
struct Setup {
    /// A process of each MCP server, connected. This program is the first.
    servers: Vec<Server>,
    client: Client,
    load: Load,
    table: Table,
}

/// The files to move.
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

impl Setup {
    fn new(programs: &[Program], client: Client, load: Load, table: Table) -> Self {
        let mut servers: Vec<Server> = programs.iter().map(Program::start).collect();
        for server in &mut servers {
            server.exec("true");
        }
        Self {
            servers,
            client,
            load,
            table,
        }
    }

    /// Compares calls that take a few round trips.
    fn short_calls(&mut self, rounds: u64) {
        let Self {
            servers,
            client,
            load,
            table,
        } = self;

        let mut all = peers(servers.iter_mut(), |server, _| server.exec("echo ok"));
        all.push(client.peer("ssh, ControlMaster", |client, _| {
            client.ssh("echo ok", true);
        }));
        table.compare("`echo ok`, warm", rounds, all);

        let all = peers(servers.iter_mut(), |server, _| server.tail(&load.log));
        table.compare("the last lines of a file, warm", rounds, all);

        let ours = peers(servers.iter_mut().take(1), |server, _| {
            server.ours("get_services_status", json!({}));
        });
        table.compare("`get_services_status`, warm", rounds, ours);

        let ours = peers(servers.iter_mut().take(1), |server, _| {
            let commands = ["cd /", "true", "pwd"];
            server.ours("task_exec_sequence", json!({"commands": commands}));
        });
        table.compare("a sequence of 3, warm", rounds, ours);

        let mut all = peers(servers.iter_mut(), |server, target| {
            server.upload(&load.small, target);
        });
        all.push(client.peer("scp, ControlMaster", |client, target| {
            client.scp(&shown(&load.small), &format!("b:{}", target.display()));
        }));
        table.compare("upload of 1 KB, warm", rounds, all);

        let mut all = peers(servers.iter_mut(), |server, target| {
            server.download(&load.small, target);
        });
        all.push(client.peer("scp, ControlMaster", |client, target| {
            client.scp(&format!("b:{}", load.small.display()), &shown(target));
        }));
        table.compare("download of 1 KB, warm", rounds, all);
    }

    /// Compares reading 100 lines in the middle of a file of 500 MB.
    fn middle_of_a_file(&mut self, place: &Path, rounds: u64) {
        let (path, line) = (place.join("long"), format!("{}\n", "x".repeat(99)));
        std::fs::write(&path, line.repeat(5_000_000)).expect("a file");
        let command = format!("sed -n '2500000,2500099p;2500099q' {}", path.display());
        let mut all = peers(self.servers.iter_mut().take(1), |server, _| {
            let part = json!({"path": path, "from": 2_500_000, "lines": 100, "maxBytes": 20_000});
            server.ours("file_read", part);
        });
        all.push(self.client.peer("ssh sed -n, ControlMaster", |client, _| {
            client.ssh(&command, true);
        }));
        let what = "100 lines in the middle of 500 MB";
        self.table.compare(what, rounds, all);
        std::fs::remove_file(&path).expect("it was written");
    }

    /// Compares the first calls of new processes.
    fn first_calls(&mut self, programs: &[Program], rounds: u64) {
        let mut all = fresh(programs, |server| timed(|| server.exec("true")));
        all.push(
            self.client
                .peer("ssh", |client, _| client.ssh("true", false)),
        );
        let what = "`true`, first on a new connection";
        self.table.compare(what, rounds, all);
    }

    /// Compares uploads and downloads of a file or a directory.
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
            // `-f` flushes to disk, as this program does.
            for (name, option) in [("sftp", "-q"), ("sftp -f", "-f")] {
                all.push(self.client.peer(name, move |client, target| {
                    let verb = if is_up { "put" } else { "get" };
                    let line = format!("{verb}{flag} {} {}", source.display(), target.display());
                    client.sftp(option, &line);
                }));
            }
            let direction = if is_up { "up" } else { "down" };
            self.table
                .compare(&format!("{what} {direction}"), rounds, all);
        }
    }

    /// Compares mirrors of a large tree.
    fn mirrors(&mut self, place: &Path, rounds: u64) {
        let tree = mirrors::plant(place);
        let ours = &mut self.servers[0];
        mirrors::compare(ours, &self.client, &tree, place, rounds, &mut self.table);
    }

    /// Compares tunnels.
    fn tunnels(&mut self, rounds: u64) {
        tunnels::compare(&mut self.servers[0], &self.client, rounds, &mut self.table);
    }

    /// Compares copies of a file from one server to another.
    fn moves_between(&mut self, what: &str, source: &Path, rounds: u64) {
        let this = self.servers.iter_mut().take(1);
        let mut all = peers(this, |server, target| server.copy_between(source, target));
        let scp = |client: &Client, target: &Path| client.scp_between(source, target);
        all.push(self.client.peer("scp -3", scp));
        let what = format!("{what} from server to server");
        self.table.compare(&what, rounds, all);
    }

    /// The memory of each server.
    fn memory(&self) -> Vec<Option<ProcessMemory>> {
        let ids = self.servers.iter().map(|server| server.mcp.id());
        ids.map(process::memory).collect()
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
    let table = Table::new("On loopback", &place, None);
    let mut setup = Setup::new(&programs, sshd.client(sshd.port), load, table);

    let starts = fresh(&programs, |server| server.mcp.started_in);
    let start = "start to `initialize`'s answer";
    setup.table.compare(start, rounds() * 6, starts);
    setup.short_calls(rounds() * 40);
    setup.first_calls(&programs, rounds() * 6);
    let burst = peers(setup.servers.iter_mut(), |server, _| {
        let (tool, arguments) = server.run("true");
        server.mcp.call_at_once(tool, &arguments, 200);
    });
    let at_once = "200 calls of `true` at once";
    setup.table.compare(at_once, rounds(), burst);
    let after_calls = setup.memory();
    setup.middle_of_a_file(&place, rounds());
    let (large_file, tree) = (setup.load.large.clone(), setup.load.tree.clone());
    setup.moves(&format!("{large} MiB"), &large_file, rounds());
    setup.moves_between(&format!("{large} MiB"), &large_file, rounds());
    setup.moves("2,000 files of 2 KiB in 20 directories", &tree, rounds());
    setup.mirrors(&place, rounds());
    setup.tunnels(rounds());
    fleet::compare(&programs[0], &place, rounds(), &mut setup.table);
    setup.table.print();
    let in_all = setup.memory();
    let figures = setup.servers.iter().zip(after_calls).zip(in_all);
    table::print_memory(figures.map(|((server, after_calls), last)| {
        (
            server.program.name,
            [server.memory_at_rest, after_calls, last],
        )
    }));
}

/// Large transfers have one round: a program that waits for every answer takes minutes.
fn far(sshd: &Sshd, place: &Path, milliseconds: u64) {
    let place = folder(place, "far");
    let round_trip = Duration::from_millis(milliseconds);
    let port = line::start(sshd.port, round_trip);
    let programs = Program::all(sshd, port, &place);
    let load = Load::make(&place, 64 * MIB, 100);
    let title = format!("At {milliseconds} ms round trip");
    let table = Table::new(&title, &place, Some(round_trip));
    let mut setup = Setup::new(&programs, sshd.client(port), load, table);

    setup.short_calls(rounds() * 4);
    setup.first_calls(&programs, rounds() * 4);
    let (large, tree) = (setup.load.large.clone(), setup.load.tree.clone());
    setup.moves("64 MiB", &large, 1);
    setup.moves("100 files of 2 KiB in 20 directories", &tree, 1);
    setup.table.print();
}

fn folder(place: &Path, name: &str) -> PathBuf {
    let folder = place.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
