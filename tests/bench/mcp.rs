//! A server under measurement, spoken to over its stdio.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub struct Mcp {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    next: u64,
    /// The time from the start of the process to its answer to `initialize`.
    pub started_in: Duration,
}

impl Mcp {
    /// Starts a command line as an MCP client does, with its data in `data`.
    pub fn start(command: &str, data: &Path) -> Self {
        let began = Instant::now();
        let mut words = command.split_whitespace();
        let mut process = Command::new(words.next().expect("a command is named"))
            .args(words)
            .env("MCP_DATA_DIR", data)
            .env("FAST_MCP_SSH_HOME", data)
            // Nothing of the user's is read or written.
            .env("HOME", data)
            .env_remove("SSH_AUTH_SOCK")
            // A long call is answered at its end, not with a task ID.
            .env("MCP_SYNC_TIMEOUT_S", "3600")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let stdin = process.stdin.take().expect("it is piped");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut mcp = Self {
            process,
            stdin,
            stdout,
            next: 0,
            started_in: Duration::ZERO,
        };
        let client = json!({"name": "bench", "version": "1"});
        let params =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let id = mcp.send("initialize", &params);
        mcp.answer(id);
        mcp.started_in = began.elapsed();
        mcp.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        mcp
    }

    fn write(&mut self, message: &Value) {
        writeln!(self.stdin, "{message}").expect("the server reads");
        self.stdin.flush().expect("the server reads");
    }

    fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("the server answers");
        serde_json::from_str(&line).expect("an answer is JSON")
    }

    fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.read();
            if message["id"] == id {
                return message["result"].clone();
            }
        }
    }

    /// Calls a tool, which has to do what it was asked.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let id = self.send("tools/call", &json!({"name": tool, "arguments": arguments}));
        let answer = self.answer(id);
        assert!(!has_failed(&answer), "{tool}: {answer}");
        answer
    }

    /// Makes so many calls at once, all of which have to come out well.
    pub fn call_at_once(&mut self, tool: &str, arguments: &Value, count: usize) {
        let params = json!({"name": tool, "arguments": arguments});
        let mut open: Vec<u64> = (0..count)
            .map(|_| self.send("tools/call", &params))
            .collect();
        while !open.is_empty() {
            let message = self.read();
            open.retain(|id| message["id"] != *id);
            assert!(!has_failed(&message["result"]), "{tool}: {message}");
        }
    }

    /// The process's ID.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

fn has_failed(answer: &Value) -> bool {
    // Both programs say in their texts how a task ended.
    let text = answer["content"][0]["text"].as_str().unwrap_or_default();
    let status = text.strip_prefix("exit ");
    answer.is_null()
        || answer["isError"] == true
        || status.is_some_and(|status| !status.starts_with("0 "))
        || ["running for ", "pending for "]
            .iter()
            .any(|begin| text.starts_with(begin))
        || text.contains("\"status\": \"failed\"")
}

impl Drop for Mcp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
