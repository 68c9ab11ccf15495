//! One command on many servers, beside programs that are made for it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::comparison::{Peer, timed};
use crate::server::{Program, Server, fresh, peers};
use crate::sshd::{self, Sshd};
use crate::table::Table;

const SERVERS: usize = 50;
const COMMAND: &str = "uname -a";

/// Servers, each an sshd of its own, with configurations of OpenSSH's client for them.
struct Fleet {
    servers: Vec<Sshd>,
    /// A file with their names.
    names: PathBuf,
    /// The configuration without connections, and with those that are there.
    cold: PathBuf,
    warm: PathBuf,
}

/// A program that runs a command everywhere.
struct Other {
    name: &'static str,
    program: &'static str,
    /// Adds the arguments for these servers and this configuration.
    prepare: fn(&mut Command, &Fleet, &Path),
}

const OTHERS: [Other; 3] = [
    Other {
        name: "ansible -m raw -f 50",
        program: "ansible",
        prepare: ansible,
    },
    Other {
        name: "clush -f 50",
        program: "clush",
        prepare: clush,
    },
    Other {
        name: "parallel-ssh -p 50",
        program: "parallel-ssh",
        prepare: parallel_ssh,
    },
];

/// Compares a command on all servers, over new connections and over those that are there.
pub fn compare(program: &Program, place: &Path, rounds: u64, table: &mut Table) {
    let what = format!("`{COMMAND}` on {SERVERS} servers");
    let (cold_row, warm_row) = (format!("{what}, new connections"), format!("{what}, warm"));
    if !table.has_to_show(&cold_row) && !table.has_to_show(&warm_row) {
        return;
    }
    let place = place.join("fleet");
    let fleet = Fleet::start(&place);
    let program = program.with_servers(place.join("data"), fleet.logins());

    let run = |server: &mut Server| {
        server
            .mcp
            .call("task_exec", &json!({"alias": "h*", "cmd": COMMAND}));
    };
    let programs = [program.clone()];
    let mut cold = fresh(&programs, move |server| timed(|| run(server)));
    cold.extend(fleet.others(&fleet.cold));
    table.compare(&cold_row, rounds, cold);

    let mut server = [program.start()];
    run(&mut server[0]);
    let mut warm = peers(server.iter_mut(), move |server, _| run(server));
    let mut others = fleet.others(&fleet.warm);
    for peer in &mut others {
        (peer.work)(&place);
    }
    warm.extend(others);
    table.compare(&warm_row, rounds, warm);
}

impl Fleet {
    fn start(place: &Path) -> Self {
        let start = |number| {
            let place = place.join(format!("h{number}"));
            std::fs::create_dir_all(&place).expect("a folder");
            Sshd::start(&place)
        };
        let fleet = Self {
            servers: (0..SERVERS).map(start).collect(),
            names: place.join("names"),
            cold: place.join("cold"),
            warm: place.join("warm"),
        };
        let names: String = fleet.hosts().map(|(name, _)| name + "\n").collect();
        std::fs::write(&fleet.names, names).expect("a file");
        let hosts = fleet.configuration();
        std::fs::write(&fleet.cold, &hosts).expect("a file");
        let kept = format!(
            "ControlMaster auto\nControlPersist yes\nControlPath {}/%n.socket\n{hosts}",
            place.display()
        );
        std::fs::write(&fleet.warm, kept).expect("a file");
        fleet
    }

    fn hosts(&self) -> impl Iterator<Item = (String, &Sshd)> {
        let numbered = self.servers.iter().enumerate();
        numbered.map(|(number, sshd)| (format!("h{number}"), sshd))
    }

    fn configuration(&self) -> String {
        let mut text = String::new();
        for (name, sshd) in self.hosts() {
            let (port, place, user) = (sshd.port, sshd.place.display(), sshd::user());
            let _ = write!(
                text,
                "Host {name}\n HostName 127.0.0.1\n Port {port}\n User {user}\n IdentityFile {place}/user\n\
                 \x20UserKnownHostsFile {place}/known\n StrictHostKeyChecking no\n LogLevel ERROR\n"
            );
        }
        text
    }

    fn logins(&self) -> impl Iterator<Item = serde_json::Value> {
        self.hosts().map(|(alias, sshd)| {
            json!({
                "alias": alias, "host": "127.0.0.1", "port": sshd.port, "user": sshd::user(),
                "keyPath": sshd.place.join("user"),
            })
        })
    }

    /// The other programs that are installed.
    fn others(&self, config: &Path) -> Vec<Peer<'_>> {
        let installed = OTHERS.iter().filter(|other| other.is_installed());
        let peers = installed.map(|other| {
            let config = config.to_owned();
            Peer {
                name: other.name.to_owned(),
                process: 0,
                work: Box::new(move |_| {
                    let mut command = other.command();
                    (other.prepare)(&mut command, self, &config);
                    timed(|| assert!(command.status().expect("it is there").success()))
                }),
            }
        });
        peers.collect()
    }
}

impl Other {
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn is_installed(&self) -> bool {
        let is_there = self.command().arg("--version").status().is_ok();
        if !is_there {
            println!("{} is not installed: it is not compared", self.program);
        }
        is_there
    }
}

fn ansible(command: &mut Command, fleet: &Fleet, config: &Path) {
    command
        .env("ANSIBLE_SSH_ARGS", format!("-F {}", config.display()))
        .env("HOME", fleet.names.with_extension("home"))
        .args(["all", "-m", "raw", "-f", "50", "-a", COMMAND, "-i"])
        .arg(&fleet.names);
}

fn clush(command: &mut Command, fleet: &Fleet, config: &Path) {
    command
        .args(["-f", "50", "-o"])
        .arg(format!("-F {}", config.display()))
        .arg("--hostfile")
        .arg(&fleet.names)
        .arg(COMMAND);
}

fn parallel_ssh(command: &mut Command, fleet: &Fleet, config: &Path) {
    command
        .args(["-i", "-p", "50", "-x"])
        .arg(format!("-F {}", config.display()))
        .arg("-h")
        .arg(&fleet.names)
        .arg(COMMAND);
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for (name, _) in self.hosts() {
            let mut leave = Command::new("ssh");
            leave.arg("-F").arg(&self.warm);
            leave.args(["-O", "exit", &name]).stderr(Stdio::null());
            let _ = leave.status();
        }
    }
}
