//! An operator's session: it calls tools, and counts what it sends and receives.

use std::any::type_name_of_val;

use regex::Regex;
use serde_json::{Value, json};

use super::machines::Machines;
use crate::helper::{Fixture, RawProcess, Sshd};

/// The default, which the tests' programs of other kinds do not have.
const SETTINGS: [(&str, &str); 1] = [("MCP_STRUCTURED", "auto")];

/// A job that was done.
pub struct FinishedJob {
    pub name: String,
    pub calls: usize,
    /// The bytes of the calls' arguments.
    pub sent: usize,
    /// The bytes of the answers: texts and structured content, as JSON on the wire.
    pub received: usize,
}

/// A model at work.
pub struct Operator {
    pub fixture: Fixture<Machines, ()>,
    process: RawProcess,
    requests: u64,
    jobs: Vec<FinishedJob>,
}

impl Operator {
    pub async fn at(machines: Machines) -> Self {
        let fixture = Fixture::of(machines);
        Self {
            process: fixture.serve(&SETTINGS).await,
            fixture,
            requests: 0,
            jobs: Vec::new(),
        }
    }

    /// Does a job, whose name is that of its function.
    pub async fn job(&mut self, work: impl AsyncFnOnce(&mut Self)) {
        let path = type_name_of_val(&work);
        let (_, name) = path.rsplit_once("::").unwrap();
        self.jobs.push(FinishedJob {
            name: name.replace('_', " "),
            calls: 0,
            sent: 0,
            received: 0,
        });
        work(self).await;
    }

    /// Prints a line for each job, and returns the jobs.
    pub fn done(self) -> Vec<FinishedJob> {
        for job in &self.jobs {
            eprintln!(
                "{:32} {:2} calls {:6} bytes sent {:6} bytes of answers",
                job.name, job.calls, job.sent, job.received
            );
        }
        let sum = |part: fn(&FinishedJob) -> usize| self.jobs.iter().map(part).sum::<usize>();
        eprintln!(
            "{:32} {:2} calls {:6} bytes sent {:6} bytes of answers",
            "together",
            sum(|job| job.calls),
            sum(|job| job.sent),
            sum(|job| job.received)
        );
        self.jobs
    }

    /// Registers the servers that the first job left out. This counts for no job.
    pub async fn knows_every_server(&mut self) {
        for alias in ["web2", "db1"] {
            let login = self.fixture.server.named(alias).login(alias);
            self.request("server_add", login).await;
        }
    }

    /// Calls a tool that has to succeed, and returns the text of its answer.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> String {
        let (text, is_error) = self.counted(tool, arguments).await;
        assert!(!is_error, "{tool}: {text}");
        text
    }

    /// Calls a tool that has to fail with this code.
    pub async fn refused(&mut self, code: &str, tool: &str, arguments: Value) -> String {
        let (text, is_error) = self.counted(tool, arguments).await;
        assert!(is_error && text.contains(code), "{tool}: {text}");
        text
    }

    /// Runs a command on `web1`.
    pub async fn run(&mut self, cmd: &str) -> String {
        self.call("task_exec", json!({"alias": "web1", "cmd": cmd}))
            .await
    }

    /// Ends the client with its server, as at the end of a conversation, and begins a new one.
    pub async fn come_back_later(&mut self) {
        self.process.close_input();
        self.process.child.wait().await.unwrap();
        self.process = self.fixture.serve(&SETTINGS).await;
    }

    /// A server.
    pub fn server(&self, alias: &str) -> &Sshd {
        self.fixture.server.named(alias)
    }

    async fn counted(&mut self, tool: &str, arguments: Value) -> (String, bool) {
        let sent = arguments.to_string().len();
        let result = self.request(tool, arguments).await;
        let parts = ["content", "structuredContent"].map(|part| result.get(part));
        let received = parts.into_iter().flatten();
        let job = self.jobs.last_mut().unwrap();
        job.calls += 1;
        job.sent += sent;
        job.received += received.map(|part| part.to_string().len()).sum::<usize>();
        let blocks = result["content"].as_array().unwrap().iter();
        let texts: Vec<_> = blocks.filter_map(|block| block["text"].as_str()).collect();
        (texts.join("\n"), result["isError"] == true)
    }

    async fn request(&mut self, tool: &str, arguments: Value) -> Value {
        self.requests += 1;
        let mut answer = self.process.call(self.requests, tool, arguments).await;
        assert!(answer["result"].is_object(), "{tool}: {answer}");
        answer["result"].take()
    }
}

/// The task that an answer names first.
pub fn task(text: &str) -> &str {
    let id = Regex::new(r"\b[0-9a-f]{8}\b").unwrap();
    let found = id.find(text);
    found
        .unwrap_or_else(|| panic!("no task in: {text}"))
        .as_str()
}
