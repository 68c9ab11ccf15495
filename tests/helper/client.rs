//! MCP clients: in this process over a duplex pipe, and over the spawned binary's stdio.

use std::borrow::Cow;
use std::path::Path;
use std::process::Stdio;

use mcp_sftp_orchestrator::app::App;
use mcp_sftp_orchestrator::config::{Config, Structured};
use mcp_sftp_orchestrator::logging::MemoryLog;
use mcp_sftp_orchestrator::server::Handler;
use mcp_sftp_orchestrator::transport::LineTransport;
use rmcp::model::{CallToolRequestParams, CallToolResult, Tool};
use rmcp::service::{Peer, RunningService, ServiceError};
use rmcp::{RoleClient, RoleServer, ServiceExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines as TextLines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::person::AgreeablePerson;
use super::{PATIENCE, assert_has};

/// The path of the binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_mcp-sftp-orchestrator");

/// The binary under test.
pub fn binary() -> Command {
    apart(Command::new(BINARY))
}

/// A command that ends with its test, and starts servers which the tests' own surroundings do not configure.
pub fn apart(mut command: Command) -> Command {
    command.kill_on_drop(true);
    for setting in mcp_sftp_orchestrator::config::SETTINGS {
        command.env_remove(setting.name);
    }
    command
        .env("MCP_KEYRING", "false")
        // The tests are programs, and look at the facts.
        .env("MCP_STRUCTURED", "always")
        // A directory in which no agent and no bus of this user's are found.
        .env("XDG_RUNTIME_DIR", "/nowhere")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env_remove("SSH_AUTH_SOCK");
    command
}

/// The same for a user with this home directory, and with this data directory.
pub fn binary_of(home: &Path, data_dir: &Path) -> Command {
    let mut command = binary();
    command
        .env("HOME", home)
        .arg(format!("--data-dir={}", data_dir.display()));
    command
}

/// A real MCP client with its server.
pub struct Client {
    session: RunningService<RoleClient, AgreeablePerson>,
    /// The server's side, where it is in this process; it serves for as long as it is kept.
    _serving: Option<RunningService<RoleServer, Handler>>,
    process: Option<Child>,
    person: AgreeablePerson,
}

impl Client {
    /// A server in this process, with defaults that `change` may alter.
    pub async fn in_process(data_dir: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::with_defaults(data_dir.to_owned());
        config.structured = Structured::Always;
        change(&mut config);
        let app = App::open(config, MemoryLog::default()).unwrap();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(far);
        let serving = tokio::spawn(Handler::new(app).serve(LineTransport::new(reader, writer)));
        let person = AgreeablePerson::default();
        let session = person.clone().serve(near).await.unwrap();
        let running = serving.await.unwrap().unwrap();
        Self {
            session,
            _serving: Some(running),
            process: None,
            person,
        }
    }

    /// The spawned binary, as an MCP client starts it.
    pub async fn spawned(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut command = binary();
        command
            .arg(format!("--data-dir={}", data_dir.display()))
            .args(arguments);
        Self::over(command).await
    }

    /// The spawned binary with a command line of the test's own.
    pub async fn over(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let (stdout, stdin) = (
            process.stdout.take().unwrap(),
            process.stdin.take().unwrap(),
        );
        let person = AgreeablePerson::default();
        let session = person.clone().serve((stdout, stdin)).await.unwrap();
        Self {
            session,
            _serving: None,
            process: Some(process),
            person,
        }
    }

    /// Has the person answer no question from now on.
    pub fn person_goes_away(&self) {
        self.person.go_away();
    }

    /// Calls a tool; a protocol error fails the test.
    pub async fn call(&self, name: impl Into<Cow<'static, str>>, arguments: Value) -> Answer {
        Answer(self.try_call(name, arguments).await.unwrap())
    }

    pub async fn try_call(
        &self,
        name: impl Into<Cow<'static, str>>,
        arguments: Value,
    ) -> Result<CallToolResult, ServiceError> {
        self.session.call_tool(request(name, arguments)).await
    }

    /// The MCP session's handle, for requests of other kinds.
    pub fn peer(&self) -> &Peer<RoleClient> {
        self.session.peer()
    }

    pub async fn tools(&self) -> Vec<Tool> {
        self.session.list_all_tools().await.unwrap()
    }

    /// Waits for the end of a background task.
    pub async fn wait(&self, id: &Value) -> Answer {
        self.call("task_wait", json!({"id": id})).await
    }

    /// The spawned process.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().id().unwrap()
    }

    /// Kills the process as `kill -9` does.
    pub async fn kill(mut self) {
        self.process.as_mut().unwrap().kill().await.unwrap();
    }

    /// Closes the process's input, as a client that ends does, and waits for its end.
    pub async fn leave(mut self) -> std::process::ExitStatus {
        let mut process = self.process.take().unwrap();
        self.session.cancel().await.unwrap();
        tokio::time::timeout(PATIENCE, process.wait())
            .await
            .expect("it ends")
            .unwrap()
    }
}

pub fn request(name: impl Into<Cow<'static, str>>, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    CallToolRequestParams::new(name).with_arguments(arguments)
}

/// A tool's answer.
#[derive(Debug)]
pub struct Answer(pub CallToolResult);

impl Answer {
    /// The structured content.
    pub fn facts(&self) -> &Value {
        self.0
            .structured_content
            .as_ref()
            .expect("every answer has structured content")
    }

    /// The output of each step of a sequence.
    pub fn step_outputs(&self) -> Vec<&str> {
        let steps = self.facts()["results"].as_array().unwrap();
        let outputs = steps.iter().map(|step| step["output"].as_str().unwrap());
        outputs.collect()
    }

    /// The names of the fields of the structured content.
    pub fn fact_names(&self) -> Vec<String> {
        let facts = self.facts().as_object().expect("facts are an object");
        facts.keys().cloned().collect()
    }

    pub fn text(&self) -> &str {
        &self.0.content[0]
            .as_text()
            .expect("every answer begins with text")
            .text
    }

    pub fn is_error(&self) -> bool {
        self.0.is_error == Some(true)
    }

    /// Asserts that the structured content has these fields with these values, whatever else it has.
    #[track_caller]
    pub fn has(&self, fields: &Value) {
        assert_has(self.facts(), fields);
    }

    /// The answer of a call that has to succeed.
    pub fn ok(self) -> Self {
        assert!(!self.is_error(), "{}", self.text());
        self
    }

    /// The error object of a call that has to fail with `code`.
    pub fn error(self, code: &str) -> Value {
        assert!(self.is_error(), "expected {code}, got: {}", self.text());
        let object: Value =
            serde_json::from_str(self.text()).expect("an error's text is one JSON object");
        assert_eq!(object["code"], code, "{object}");
        assert_eq!(object["error"], true);
        assert!(object["message"].is_string() && object["timestamp"].is_string());
        object
    }

    /// The reason of a transfer's first failed file; no file may have arrived.
    pub fn failed_file(self) -> String {
        let error = self.error("TRANSFER_FAILED");
        let reason = &error["details"]["failedFiles"][0]["error"];
        reason
            .as_str()
            .expect("each failed file has a reason")
            .to_owned()
    }
}

/// The spawned binary, spoken to line by line.
pub struct RawProcess {
    pub child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<TextLines<BufReader<ChildStdout>>>,
    /// Every line that has come over standard output.
    pub heard: String,
    calls: u64,
}

impl RawProcess {
    pub fn spawn(command: Command) -> Self {
        Self::spawn_with(command, Stdio::null())
    }

    /// A server of that data directory that has been introduced to, what it says on standard error
    /// added to a file.
    pub async fn serving(data_dir: &Path, settings: &[(&str, &str)], log: &Path) -> Self {
        let mut command = binary();
        command
            .arg(format!("--data-dir={}", data_dir.display()))
            .envs(settings.iter().copied());
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log);
        let mut process = Self::spawn_with(command, log.unwrap().into());
        process.initialize("2025-06-18").await;
        process
    }

    fn spawn_with(mut command: Command, stderr: Stdio) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        Self::of(command.spawn().unwrap())
    }

    /// A process whose standard input and output are pipes.
    pub fn of(mut child: Child) -> Self {
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            stdin: child.stdin.take(),
            child,
            stdout: Some(stdout),
            heard: String::new(),
            calls: 0,
        }
    }

    pub async fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).await.unwrap();
        stdin.write_all(b"\n").await.unwrap();
        stdin.flush().await.unwrap();
    }

    /// The next line of standard output, which has to be JSON.
    pub async fn receive(&mut self) -> Value {
        let line = self.receive_text().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in: {line}"))
    }

    /// The next line of standard output as it stands.
    pub async fn receive_text(&mut self) -> String {
        let stdout = self.stdout.as_mut().unwrap();
        let line = tokio::time::timeout(PATIENCE, stdout.next_line()).await;
        let line = line
            .expect("an answer comes")
            .unwrap()
            .expect("standard output is open");
        self.heard.push_str(&line);
        self.heard.push('\n');
        line
    }

    /// The answer to request `id`, whatever comes before it.
    pub async fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.receive().await;
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Introduces itself with a protocol version, and gives the answer.
    pub async fn initialize(&mut self, version: &str) -> Value {
        let params = json!({
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        });
        self.send(
            &json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
                .to_string(),
        )
        .await;
        let answer = self.answer(0).await;
        self.send(r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#)
            .await;
        answer
    }

    pub async fn call(&mut self, id: u64, name: &str, arguments: Value) -> Value {
        let params = json!({"name": name, "arguments": arguments});
        self.send(
            &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
                .to_string(),
        )
        .await;
        self.answer(id).await
    }

    /// Calls a tool; a protocol error fails the test.
    pub async fn tool(&mut self, name: &str, arguments: Value) -> Answer {
        self.calls += 1;
        let mut answer = self.call(self.calls, name, arguments).await;
        let result = serde_json::from_value(answer["result"].take());
        Answer(result.unwrap_or_else(|error| panic!("{name}: {error} in {answer}")))
    }

    /// The tools, as the server lists them.
    pub async fn tools(&mut self) -> Vec<Tool> {
        self.calls += 1;
        let list = json!({"jsonrpc": "2.0", "id": self.calls, "method": "tools/list"});
        self.send(&list.to_string()).await;
        let mut answer = self.answer(self.calls).await;
        serde_json::from_value(answer["result"]["tools"].take()).unwrap()
    }

    /// Closes its standard input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Closes its standard output.
    pub fn close_output(&mut self) {
        self.stdout = None;
    }
}

/// Types into a task.
pub async fn type_in(client: &Client, task: &Answer, mut input: Value) -> Answer {
    input["id"] = task.facts()["id"].clone();
    client.call("task_input", input).await
}
