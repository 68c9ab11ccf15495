//! A user's home directory, with the configurations of MCP clients.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use super::{Folder, McpClient, PATIENCE, RawProcess, apart, binary, directory, terminal, write};

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
pub struct UserHome {
    pub path: PathBuf,
    _folder: Folder,
}

impl UserHome {
    pub fn create() -> Self {
        let folder = directory();
        let path = folder.path().join("hôme of ünd 家");
        std::fs::create_dir(&path).unwrap();
        Self {
            path,
            _folder: folder,
        }
    }

    pub fn file(&self, client: &McpClient) -> PathBuf {
        let config = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".config"
        };
        self.path.join(client.file.replace("CONFIG", config))
    }

    pub fn backup(&self, client: &McpClient) -> PathBuf {
        let file = self.file(client);
        let name = file.file_name().unwrap().to_str().unwrap();
        file.with_file_name(format!("{name}.before-mcp-sftp-orchestrator"))
    }

    pub fn write(&self, client: &McpClient, text: impl AsRef<[u8]>) {
        let file = self.file(client);
        write(file, text);
    }

    pub fn read(&self, client: &McpClient) -> String {
        std::fs::read_to_string(self.file(client)).unwrap()
    }

    /// The servers that a client's file has.
    pub fn servers(&self, client: &McpClient) -> Value {
        client.parse(&self.read(client))[client.servers].clone()
    }

    /// Every file below the home directory, with its inode, time of change and content.
    pub fn files(&self) -> Vec<(PathBuf, u64, i64, Vec<u8>)> {
        let mut files = Vec::new();
        let mut directories = vec![self.path.clone()];
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
        command.env("HOME", &self.path).current_dir(&self.path);
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
        is_asked.recv_timeout(PATIENCE).expect("it asks");
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
        // Tests read the facts of its answers.
        command.env("MCP_STRUCTURED", "always");
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
