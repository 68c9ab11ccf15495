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
    /// From the start of the process to its answer.
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
            // What takes long is waited for in its call, by whatever server.
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
        let text = answer["content"][0]["text"].as_str().unwrap_or_default();
        // The original says in its text alone how a task ended.
        let status = answer["structuredContent"]["status"].as_str();
        let failed = answer["isError"] == true
            || status.is_some_and(|status| status != "completed")
            || text.contains("\"status\": \"failed\"");
        assert!(!failed, "{tool}: {text}");
        answer
    }

    /// So many calls at once; how many of them came out well.
    pub fn call_at_once(&mut self, tool: &str, arguments: &Value, count: usize) -> usize {
        let params = json!({"name": tool, "arguments": arguments});
        let mut open: Vec<u64> = (0..count)
            .map(|_| self.send("tools/call", &params))
            .collect();
        let mut done = 0;
        while !open.is_empty() {
            let message = self.read();
            let before = open.len();
            open.retain(|id| message["id"] != *id);
            if open.len() < before {
                done += usize::from(message["result"]["structuredContent"]["exitCode"] == 0);
            }
        }
        done
    }

    /// The most memory that it has had, in MiB.
    pub fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Mcp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
