//! A user's machine, as far as MCP clients and their configurations go.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use super::{BINARY, Folder, RawProcess, apart, binary, directory, terminal};

/// A client, and where and how it keeps its servers.
pub struct McpClient {
    pub name: &'static str,
    /// Its file, below the home directory.
    file: &'static str,
    /// The key of its servers.
    pub servers: &'static str,
    /// True if its entries say that they speak over stdio.
    names_transport: bool,
    /// A realistic content of its file.
    pub realistic: &'static str,
}

pub const MCP_CLIENTS: [McpClient; 8] = [
    McpClient {
        name: "claude-desktop",
        file: "CONFIG/Claude/claude_desktop_config.json",
        servers: "mcpServers",
        names_transport: false,
        realistic: include_str!("../data/clients/claude-desktop.json"),
    },
    McpClient {
        name: "claude-code",
        file: ".claude.json",
        servers: "mcpServers",
        names_transport: true,
        realistic: include_str!("../data/clients/claude-code.json"),
    },
    McpClient {
        name: "cursor",
        file: ".cursor/mcp.json",
        servers: "mcpServers",
        names_transport: false,
        realistic: include_str!("../data/clients/cursor.json"),
    },
    McpClient {
        name: "vscode",
        file: "CONFIG/Code/User/mcp.json",
        servers: "servers",
        names_transport: true,
        realistic: include_str!("../data/clients/vscode.json"),
    },
    McpClient {
        name: "windsurf",
        file: ".codeium/windsurf/mcp_config.json",
        servers: "mcpServers",
        names_transport: false,
        realistic: include_str!("../data/clients/windsurf.json"),
    },
    McpClient {
        name: "zed",
        file: ".config/zed/settings.json",
        servers: "context_servers",
        names_transport: false,
        realistic: include_str!("../data/clients/zed.json"),
    },
    McpClient {
        name: "gemini-cli",
        file: ".gemini/settings.json",
        servers: "mcpServers",
        names_transport: false,
        realistic: include_str!("../data/clients/gemini-cli.json"),
    },
    McpClient {
        name: "codex",
        file: ".codex/config.toml",
        servers: "mcp_servers",
        names_transport: false,
        realistic: include_str!("../data/clients/codex.toml"),
    },
];

impl McpClient {
    pub fn named(name: &str) -> &'static Self {
        let mut all = MCP_CLIENTS.iter();
        all.find(|client| client.name == name).unwrap()
    }

    /// The value of a text, read by a parser that knows nothing of this program.
    pub fn parse(&self, text: &str) -> Value {
        let text = text.trim_start_matches('\u{feff}');
        if self.name == "codex" {
            return toml_edit::de::from_str(text).unwrap();
        }
        let lenient = jsonc_parser::ParseOptions::default();
        let root = jsonc_parser::cst::CstRootNode::parse(text, &lenient).unwrap();
        root.to_serde_value().unwrap()
    }

    /// The entry that it gets where nothing else is asked for.
    pub fn plain_entry(&self) -> Value {
        let env = json!({"MCP_DATA_DIR": "~/.config/mcp-orchestrator"});
        let mut entry = json!({"command": BINARY, "args": [], "env": env});
        if self.names_transport {
            entry["type"] = "stdio".into();
        }
        self.with_session(entry)
    }

    /// The entry with what has the client pass the login session's variables on.
    pub fn with_session(&self, mut entry: Value) -> Value {
        let names: &[&str] = if cfg!(target_os = "macos") {
            &["SSH_AUTH_SOCK"]
        } else {
            &[
                "SSH_AUTH_SOCK",
                "DBUS_SESSION_BUS_ADDRESS",
                "XDG_RUNTIME_DIR",
            ]
        };
        for name in names {
            match self.name {
                "codex" => entry["env_vars"] = json!(names),
                "cursor" => entry["env"][name] = format!("${{env:{name}}}").into(),
                "gemini-cli" => entry["env"][name] = format!("${name}").into(),
                _ => {}
            }
        }
        entry
    }

    /// The same of its variables alone.
    pub fn env_with_session(&self, env: &Value) -> Value {
        self.with_session(json!({"env": env}))["env"].clone()
    }

    /// The text of a file that has only this server.
    pub fn only(&self, name: &str, entry: &Value) -> String {
        let whole = json!({self.servers: {name: entry}});
        if self.name == "codex" {
            return toml_edit::ser::to_string_pretty(&whole).unwrap();
        }
        serde_json::to_string_pretty(&whole).unwrap()
    }
}

/// The exit status and output of a command.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// The standard output of a command that has to succeed.
    pub fn ok(self) -> String {
        assert!(self.code == Some(0) && self.stderr.is_empty(), "{self:?}");
        self.stdout
    }

    /// The reason for a refusal, with nothing on standard output.
    pub fn refusal(self) -> String {
        assert!(self.code == Some(1) && self.stdout.is_empty(), "{self:?}");
        self.stderr
    }
}

/// A home directory with an awkward name.
pub struct Desk {
    _folder: Folder,
    pub home: PathBuf,
}

impl Desk {
    pub fn set() -> Self {
        let folder = directory();
        let home = folder.path().join("hôme of ünd 家");
        std::fs::create_dir(&home).unwrap();
        Self {
            _folder: folder,
            home,
        }
    }

    pub fn file(&self, client: &McpClient) -> PathBuf {
        let config = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".config"
        };
        self.home.join(client.file.replace("CONFIG", config))
    }

    pub fn backup(&self, client: &McpClient) -> PathBuf {
        let file = self.file(client);
        let name = file.file_name().unwrap().to_str().unwrap();
        file.with_file_name(format!("{name}.before-mcp-sftp-orchestrator"))
    }

    pub fn write(&self, client: &McpClient, text: impl AsRef<[u8]>) {
        let file = self.file(client);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    pub fn read(&self, client: &McpClient) -> String {
        std::fs::read_to_string(self.file(client)).unwrap()
    }

    /// The servers that a client's file has.
    pub fn servers(&self, client: &McpClient) -> Value {
        client.parse(&self.read(client))[client.servers].clone()
    }

    /// Every file below the home directory, with what tells whether it has been touched.
    pub fn files(&self) -> Vec<(PathBuf, u64, i64, Vec<u8>)> {
        let mut files = Vec::new();
        let mut directories = vec![self.home.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let metadata = path.symlink_metadata().unwrap();
                if metadata.is_dir() {
                    directories.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    files.push((path, metadata.ino(), metadata.mtime_nsec(), bytes));
                }
            }
        }
        files.sort();
        files
    }

    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = binary();
        command.args(arguments);
        self.settle(&mut command);
        command
    }

    /// Makes this the home of what a command starts.
    pub fn settle(&self, command: &mut Command) {
        for name in [
            "XDG_CONFIG_HOME",
            "CLAUDE_CONFIG_DIR",
            "CODEX_HOME",
            "GEMINI_CLI_HOME",
        ] {
            command.env_remove(name);
        }
        command.env("HOME", &self.home).current_dir(&self.home);
    }

    /// Runs the program with the words of a line, with nobody there to be asked.
    pub async fn run(&self, line: impl AsRef<str>) -> Said {
        self.run_with(line.as_ref().split(' ')).await
    }

    /// The same with arguments that may have spaces in them.
    pub async fn run_with(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Said {
        let mut command = self.command(arguments);
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the program at a terminal, where `answer` is typed once `prompt` has come, and
    /// `meanwhile` has been done.
    pub async fn ask(
        &self,
        line: &str,
        prompt: &str,
        meanwhile: impl FnOnce(),
        answer: &str,
    ) -> (Option<i32>, String) {
        let (mut keyboard, seat) = terminal();
        let mut command = self.command(line.split(' '));
        let mut child = command
            .stdin(seat.try_clone().unwrap())
            .stdout(seat.try_clone().unwrap())
            .stderr(seat)
            .spawn()
            .unwrap();
        // It holds the seat too.
        drop(command);
        let mut screen = keyboard.try_clone().unwrap();
        let (prompt, wanted) = (prompt.to_owned(), answer.to_owned());
        let (asked, is_asked) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            use std::io::Read;
            let mut shown = Vec::new();
            let mut part = [0; 1024];
            // Its end is an error where the other side was closed.
            while let Ok(read @ 1..) = screen.read(&mut part) {
                shown.extend_from_slice(&part[..read]);
                if String::from_utf8_lossy(&shown).contains(&prompt) {
                    let _ = asked.send(());
                }
            }
            String::from_utf8(shown).unwrap()
        });
        is_asked
            .recv_timeout(std::time::Duration::from_secs(60))
            .expect("it asks");
        meanwhile();
        std::io::Write::write_all(&mut keyboard, format!("{wanted}\n").as_bytes()).unwrap();
        let status = child.wait().await.unwrap();
        (status.code(), reader.join().unwrap())
    }

    /// Starts a server by the entry that a client has for it, as that client would.
    pub async fn start(&self, entry: &Value) -> RawProcess {
        let mut command = apart(Command::new(entry["command"].as_str().unwrap()));
        self.settle(&mut command);
        let arguments = entry["args"].as_array().unwrap();
        command.args(arguments.iter().map(|argument| argument.as_str().unwrap()));
        for (name, value) in entry["env"].as_object().into_iter().flatten() {
            command.env(name, value.as_str().unwrap());
        }
        let mut process = RawProcess::spawn(command);
        process.initialize("2025-06-18").await;
        process
    }

    /// The data directory of the server that such an entry starts.
    pub async fn data_directory(&self, entry: &Value) -> PathBuf {
        let mut process = self.start(entry).await;
        let told = process.tool("system_diagnostics", json!({"verbose": true}));
        let told = told.await.ok();
        Path::new(told.facts()["dataDir"].as_str().unwrap()).to_owned()
    }
}
