//! The MCP servers that are measured, and what each calls the same thing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::course::{Peer, timed};
use crate::mcp::Mcp;
use crate::process;
use crate::sshd::{self, Sshd};

/// The names of tools and parameters.
#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    /// This program's, and the Node original's.
    Orchestrator,
    /// fast-mcp-ssh's: <https://crates.io/crates/fast-mcp-ssh>.
    Fast,
}

/// A command line that starts a server, with a folder that holds its data: the sshd is registered there.
#[derive(Clone)]
pub struct Program {
    pub name: &'static str,
    command: String,
    data: PathBuf,
    dialect: Dialect,
}

impl Program {
    /// This program; the original and the rival, if their variables say how to start them.
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
        let login =
            json!({"alias": "b", "host": "127.0.0.1", "port": port, "user": user, "keyPath": key});
        Mcp::start(&self.command, &self.data).call("server_add", &login);
    }

    /// A new process, that has not asked the sshd for anything.
    pub fn start(&self) -> Server {
        let mcp = Mcp::start(&self.command, &self.data);
        let memory_at_rest = process::memory(mcp.id(), "VmRSS");
        Server {
            program: self.clone(),
            mcp,
            memory_at_rest,
        }
    }
}

/// A running one.
pub struct Server {
    pub program: Program,
    pub mcp: Mcp,
    /// What it had before it did anything.
    pub memory_at_rest: Option<f64>,
}

impl Server {
    pub fn moves_trees(&self) -> bool {
        self.program.dialect != Dialect::Fast
    }

    /// The call of a tool that runs a command.
    pub fn run(&self, command: &str) -> (&'static str, Value) {
        let tool = match self.program.dialect {
            Dialect::Orchestrator => "task_exec",
            Dialect::Fast => "exec",
        };
        // Each takes the parameters of its own dialect.
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

    /// A tool that no other server has.
    pub fn ours(&mut self, tool: &str, mut arguments: Value) {
        arguments["alias"] = "b".into();
        self.mcp.call(tool, &arguments);
    }
}

/// The servers as those who take part in a course.
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

/// The programs as those who take part in a course, each round in a new process.
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
