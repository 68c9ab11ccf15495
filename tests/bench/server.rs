//! The MCP servers that are compared, and their names for tools and parameters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::comparison::{Peer, timed};
use crate::mcp::Mcp;
use crate::process::{self, ProcessMemory};
use crate::sshd::{self, Sshd};

/// A set of names for tools and parameters.
#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    /// Those of this program and of the Node original.
    Orchestrator,
    /// Those of fast-mcp-ssh: <https://crates.io/crates/fast-mcp-ssh>.
    Fast,
}

/// A command line that starts an MCP server, and its data directory, in which the sshd is registered.
#[derive(Clone)]
pub struct Program {
    pub name: &'static str,
    command: String,
    data: PathBuf,
    dialect: Dialect,
}

impl Program {
    /// This program, and those that the environment names.
    pub fn all(sshd: &Sshd, port: u16, place: &Path) -> Vec<Self> {
        let built = env!("CARGO_BIN_EXE_mcp-sftp-orchestrator").to_owned();
        let command = |variable| std::env::var(variable).ok();
        let ours = command("THIS").or(Some(built));
        let named = [
            ("this", ours, Dialect::Orchestrator),
            ("original", command("ORIGINAL"), Dialect::Orchestrator),
            ("rival", command("RIVAL"), Dialect::Fast),
        ];
        let programs = named.into_iter().filter_map(|(name, command, dialect)| {
            let program = Self {
                name,
                command: command?,
                data: place.join(format!("{name}-{port}")),
                dialect,
            };
            program.register(sshd, port);
            Some(program)
        });
        programs.collect()
    }

    fn register(&self, sshd: &Sshd, port: u16) {
        std::fs::create_dir_all(&self.data).expect("a folder");
        let (user, key) = (sshd::user(), sshd.place.join("user"));
        if self.dialect == Dialect::Fast {
            let hosts = format!(
                "[host.b]\naddr = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nauth = \"key\"\nkey = \"{}\"\n",
                key.display()
            );
            std::fs::write(self.data.join("hosts.toml"), hosts).expect("a file");
            return;
        }
        for alias in sshd::HOSTS {
            let login = json!({
                "alias": alias, "host": "127.0.0.1", "port": port, "user": user, "keyPath": key,
            });
            Mcp::start(&self.command, &self.data).call("server_add", &login);
        }
    }

    /// The same program with other servers, which these arguments of `server_add` describe.
    pub fn with_servers(&self, data: PathBuf, logins: impl Iterator<Item = Value>) -> Self {
        std::fs::create_dir_all(&data).expect("a folder");
        let mut mcp = Mcp::start(&self.command, &data);
        for login in logins {
            mcp.call("server_add", &login);
        }
        Self {
            data,
            ..self.clone()
        }
    }

    /// Starts a process. It has no connection yet.
    pub fn start(&self) -> Server {
        let mcp = Mcp::start(&self.command, &self.data);
        let memory_at_rest = process::memory(mcp.id());
        Server {
            program: self.clone(),
            mcp,
            memory_at_rest,
        }
    }
}

/// A running MCP server.
pub struct Server {
    pub program: Program,
    pub mcp: Mcp,
    /// The memory before the first call.
    pub memory_at_rest: Option<ProcessMemory>,
}

impl Server {
    pub fn moves_trees(&self) -> bool {
        self.program.dialect != Dialect::Fast
    }

    /// Returns the tool and the arguments that run a command.
    pub fn run(&self, command: &str) -> (&'static str, Value) {
        let tool = match self.program.dialect {
            Dialect::Orchestrator => "task_exec",
            Dialect::Fast => "exec",
        };
        (tool, json!({self.host(): "b", "cmd": command}))
    }

    fn host(&self) -> &'static str {
        match self.program.dialect {
            Dialect::Orchestrator => "alias",
            Dialect::Fast => "host",
        }
    }

    pub fn exec(&mut self, command: &str) {
        let (tool, arguments) = self.run(command);
        self.mcp.call(tool, &arguments);
    }

    pub fn tail(&mut self, file: &Path) {
        let (tool, path) = match self.program.dialect {
            Dialect::Orchestrator => ("tail_file", "filepath"),
            Dialect::Fast => ("tail", "path"),
        };
        let arguments = json!({self.host(): "b", path: file, "lines": 10});
        self.mcp.call(tool, &arguments);
    }

    pub fn upload(&mut self, local: &Path, remote: &Path) {
        self.transfer("upload", "up", local, remote);
    }

    pub fn download(&mut self, remote: &Path, local: &Path) {
        self.transfer("download", "dn", local, remote);
    }

    fn transfer(&mut self, direction: &str, fast: &str, local: &Path, remote: &Path) {
        let mut arguments = json!({self.host(): "b", "local": local, "remote": remote});
        if self.program.dialect == Dialect::Fast {
            self.mcp.call(fast, &arguments);
            return;
        }
        arguments["direction"] = direction.into();
        self.mcp.call("task_transfer", &arguments);
    }

    /// Copies a file from one server to the other.
    pub fn copy_between(&mut self, from: &Path, to: &Path) {
        let arguments = json!({
            "alias": "b2", "source_alias": "b", "direction": "upload", "local": from, "remote": to,
        });
        self.mcp.call("task_transfer", &arguments);
    }

    /// Calls a tool that only this program has.
    pub fn ours(&mut self, tool: &str, mut arguments: Value) {
        arguments["alias"] = "b".into();
        self.mcp.call(tool, &arguments);
    }
}

/// Makes peers of servers.
pub fn peers<'a>(
    servers: impl Iterator<Item = &'a mut Server>,
    work: impl Fn(&mut Server, &Path) + Clone + 'a,
) -> Vec<Peer<'a>> {
    let peers = servers.map(|server| {
        let work = work.clone();
        Peer {
            name: server.program.name.to_owned(),
            process: server.mcp.id(),
            work: Box::new(move |target| timed(|| work(server, target))),
        }
    });
    peers.collect()
}

/// Makes peers of programs, with a new process in each round.
pub fn fresh<'a>(
    programs: &'a [Program],
    work: impl Fn(&mut Server) -> Duration + Clone + 'a,
) -> Vec<Peer<'a>> {
    let peers = programs.iter().map(|program| {
        let work = work.clone();
        Peer {
            name: program.name.to_owned(),
            process: 0,
            work: Box::new(move |_| work(&mut program.start())),
        }
    });
    peers.collect()
}
