//! The protocol's tasks (SEP-2663): jobs of the queue, for clients that look at them by the extension.

use std::path::Path;
use std::process::Stdio;

use rmcp::RoleClient;
use rmcp::model::{
    CallToolResponse, CancelTaskParams, ClientCapabilities, ClientConfig, DetailedTask, ErrorCode,
    GetTaskParams, Implementation, InputResponses, ProtocolVersion, Task, TaskPayload, TaskStatus,
    UpdateTaskParams,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, Peer, RunningService, ServiceError};
use serde_json::{Value, json};
use tokio::process::Child;

use crate::helper::{
    Answer, EmbeddedHost, Era, EraSession, Fixture, PASSWORD, binary, eventually_so, noise, request,
};

/// Prints its text once the file `go` is there.
const WAITS: &str = "until [ -e go ]; do sleep 0.05; done; echo hello";

/// A client that has the extension, and the spawned binary. They speak without a handshake.
struct DeclaringClient {
    session: RunningService<RoleClient, ClientConfig>,
    _process: Child,
}

impl DeclaringClient {
    async fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut command = binary();
        let pipe = || Stdio::piped();
        command
            .arg(format!("--data-dir={}", data_dir.display()))
            .args(arguments)
            .stdin(pipe())
            .stdout(pipe())
            .stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let (stdout, stdin) = (process.stdout.take(), process.stdin.take());
        let abilities = ClientCapabilities::builder().enable_tasks().build();
        let config = ClientConfig::new(abilities, Implementation::new("test", "1"));
        let lifecycle = ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        };
        let streams = (stdout.unwrap(), stdin.unwrap());
        let session = config.serve_with_lifecycle(streams, lifecycle).await;
        Self {
            session: session.unwrap(),
            _process: process,
        }
    }

    fn peer(&self) -> &Peer<RoleClient> {
        self.session.peer()
    }

    async fn respond(&self, tool: &'static str, arguments: Value) -> CallToolResponse {
        let answer = self.peer().call_tool_once(request(tool, arguments)).await;
        answer.unwrap()
    }

    /// Calls a tool, which has to answer with a task.
    async fn begin(&self, tool: &'static str, arguments: Value) -> Task {
        match self.respond(tool, arguments).await {
            CallToolResponse::Task(created) => created.task,
            other => panic!("no task: {other:?}"),
        }
    }

    async fn look(&self, id: &str) -> Result<DetailedTask, ServiceError> {
        let looked = self.peer().get_task(GetTaskParams::new(id)).await;
        looked.map(|result| result.task)
    }

    /// Looks at a task until it has ended.
    async fn ended(&self, id: &str) -> DetailedTask {
        let mut last = None;
        eventually_so("the task ends", async || {
            let task = self.look(id).await.unwrap();
            let ended = task.status().is_terminal();
            last = Some(task);
            ended
        })
        .await;
        last.unwrap()
    }
}

/// The result of a task that has completed.
fn result(task: DetailedTask) -> Value {
    match task.payload {
        TaskPayload::Completed { result } => result.into(),
        other => panic!("no result: {other:?}"),
    }
}

fn code<T: std::fmt::Debug>(refused: Result<T, ServiceError>) -> ErrorCode {
    match refused.unwrap_err() {
        ServiceError::McpError(error) => error.code,
        other => panic!("{other}"),
    }
}

/// A session without a handshake, of a client that has the extension, or nothing.
async fn session(fixture: &Fixture<EmbeddedHost>, declares: bool) -> EraSession {
    let abilities = if declares {
        json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
    } else {
        json!({})
    };
    EraSession::begin_with(Era::Stateless, fixture.data.path(), abilities, &[]).await
}

fn go(fixture: &Fixture<EmbeddedHost>) {
    std::fs::write(fixture.there("go"), "").unwrap();
}

#[tokio::test]
async fn a_call_that_goes_on_is_a_task_and_its_result_is_the_answer() {
    let fixture = Fixture::embedded().await;
    let client = DeclaringClient::start(fixture.data.path(), &[]).await;
    let arguments = json!({"alias": "web1", "cmd": WAITS, "background": true, "detach": false});
    let created = client.begin("task_exec", arguments).await;
    assert_eq!(
        (created.status, created.ttl_ms),
        (TaskStatus::Working, None)
    );
    assert!(created.poll_interval_ms.is_some());
    let id = created.task_id;
    let working = client.look(&id).await.unwrap();
    assert_eq!(working.payload, TaskPayload::Working);
    let message = working.task.status_message.unwrap();
    assert!(
        message.contains("web1") && message.contains("until"),
        "{message}"
    );
    go(&fixture);
    let ended = client.ended(&id).await;
    assert!(ended.task.ttl_ms.is_some() && ended.task.poll_interval_ms.is_none());
    let waited = fixture.client.wait(&id.into()).await.ok();
    let result = result(ended);
    assert_eq!(result["content"][0]["text"], waited.text());
    assert_eq!(result["isError"], false);
}

#[tokio::test]
async fn a_call_that_ends_in_time_is_answered_with_its_result() {
    let fixture = Fixture::embedded().await;
    let client = DeclaringClient::start(fixture.data.path(), &[]).await;
    let arguments = json!({"alias": "web1", "cmd": "echo hello"});
    let answered = client.respond("task_exec", arguments).await;
    assert!(
        matches!(answered, CallToolResponse::Complete(_)),
        "{answered:?}"
    );
}

#[tokio::test]
async fn a_call_that_takes_longer_than_its_answer_may_becomes_a_task() {
    let fixture = Fixture::embedded().await;
    let client = DeclaringClient::start(fixture.data.path(), &["--sync-timeout=1"]).await;
    let created = client
        .begin("task_exec", json!({"alias": "web1", "cmd": WAITS}))
        .await;
    go(&fixture);
    let ended = client.ended(&created.task_id).await;
    assert!(result(ended).to_string().contains("hello"));
}

#[tokio::test]
async fn only_a_request_that_declares_the_extension_gets_a_task() {
    let fixture = Fixture::embedded().await;
    let mut declaring = session(&fixture, true).await;
    let mut other = session(&fixture, false).await;
    let arguments =
        json!({"alias": "web1", "cmd": "sleep 60", "background": true, "detach": false});
    let answered = other.tool("task_exec", arguments.clone()).await;
    assert_eq!(answered["resultType"], "complete", "{answered}");
    assert!(answered.get("taskId").is_none(), "{answered}");
    let created = declaring.tool("task_exec", arguments).await;
    assert_eq!(
        (
            &created["resultType"],
            &created["status"],
            &created["ttlMs"]
        ),
        (&json!("task"), &json!("working"), &Value::Null),
        "{created}"
    );
    assert!(created.get("_meta").is_none(), "{created}");
    let of_task = json!({"taskId": created["taskId"], "inputResponses": {}});
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let refused = other.refused(method, of_task.clone()).await;
        assert_eq!(refused["code"], -32021, "{method}: {refused}");
    }
    let looked = declaring.ask("tasks/get", of_task).await;
    assert_eq!(looked["status"], "working");
    let extensions = &declaring.introduction["capabilities"]["extensions"];
    assert_eq!(extensions["io.modelcontextprotocol/tasks"], json!({}));
}

#[tokio::test]
async fn a_task_that_is_cancelled_ends_its_command() {
    let fixture = Fixture::embedded().await;
    let client = DeclaringClient::start(fixture.data.path(), &[]).await;
    let arguments = json!({"alias": "web1", "cmd": WAITS, "background": true, "detach": false});
    let id = client.begin("task_exec", arguments).await.task_id;
    let cancel = || client.peer().cancel_task(CancelTaskParams::new(&*id));
    cancel().await.unwrap();
    assert_eq!(client.ended(&id).await.payload, TaskPayload::Cancelled);
    // Again, it is acknowledged and changes nothing.
    cancel().await.unwrap();
    assert_eq!(client.ended(&id).await.payload, TaskPayload::Cancelled);
    let trail = std::fs::read_to_string(fixture.stored("audit.jsonl")).unwrap();
    assert!(trail.contains("task_cancel"), "{trail}");
}

#[tokio::test]
async fn a_call_that_fails_later_completes_with_its_error() {
    let fixture = Fixture::embedded().await;
    let client = DeclaringClient::start(fixture.data.path(), &[]).await;
    let arguments =
        json!({"alias": "web1", "cmd": WAITS, "background": true, "detach": false, "timeout": 1});
    let id = client.begin("task_exec", arguments).await.task_id;
    let result = result(client.ended(&id).await);
    assert_eq!(result["isError"], true);
    assert!(result.to_string().contains("COMMAND_TIMEOUT"), "{result}");
    let cancelled = client.peer().cancel_task(CancelTaskParams::new(&*id)).await;
    cancelled.expect("what has ended is acknowledged");
}

#[tokio::test]
async fn a_task_that_is_not_there_is_an_error() {
    let fixture = Fixture::embedded().await;
    let client = DeclaringClient::start(fixture.data.path(), &[]).await;
    let peer = client.peer();
    let looked = peer.get_task(GetTaskParams::new("00000000")).await;
    assert_eq!(code(looked), ErrorCode::INVALID_PARAMS);
    let cancelled = peer.cancel_task(CancelTaskParams::new("00000000")).await;
    assert_eq!(code(cancelled), ErrorCode::INVALID_PARAMS);
    let answers = InputResponses::default();
    let updated = peer
        .update_task(UpdateTaskParams::new("00000000", answers))
        .await;
    assert_eq!(code(updated), ErrorCode::INVALID_PARAMS);
}

#[tokio::test]
async fn a_task_shows_no_secret() {
    let fixture = Fixture::embedded().await;
    let client = DeclaringClient::start(fixture.data.path(), &[]).await;
    let cmd = format!("{WAITS}; echo {PASSWORD}");
    let arguments = json!({"alias": "web1", "cmd": cmd, "background": true, "detach": false});
    let created = client.begin("task_exec", arguments).await;
    go(&fixture);
    let ended = client.ended(&created.task_id).await;
    for text in [format!("{created:?}"), format!("{ended:?}")] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
}

#[tokio::test]
async fn tasks_outlive_the_process_that_began_them() {
    let fixture = Fixture::embedded().await;
    let mut first = session(&fixture, true).await;
    let arguments =
        |detach| json!({"alias": "web1", "cmd": WAITS, "background": true, "detach": detach});
    let lost = first.tool("task_exec", arguments(false)).await;
    let detached = first.tool("task_exec", arguments(true)).await;
    first.process.child.kill().await.unwrap();
    let mut second = session(&fixture, true).await;
    let crashed = second
        .ask("tasks/get", json!({"taskId": lost["taskId"]}))
        .await;
    assert_eq!(
        (&crashed["status"], &crashed["error"]["code"]),
        (&json!("failed"), &json!(-32603)),
        "{crashed}"
    );
    let detached = json!({"taskId": detached["taskId"]});
    let working = second.ask("tasks/get", detached.clone()).await;
    assert_eq!(working["status"], "working");
    go(&fixture);
    let mut ended = Value::Null;
    eventually_so("the detached task completes", async || {
        ended = second.ask("tasks/get", detached.clone()).await;
        ended["status"] == "completed"
    })
    .await;
    assert!(ended["result"].to_string().contains("hello"), "{ended}");
}

#[tokio::test]
async fn every_process_of_a_data_directory_has_its_tasks() {
    let fixture = Fixture::embedded().await;
    let [one, other] = [
        DeclaringClient::start(fixture.data.path(), &[]).await,
        DeclaringClient::start(fixture.data.path(), &[]).await,
    ];
    let arguments = json!({"alias": "web1", "cmd": WAITS, "background": true, "detach": false});
    let id = one.begin("task_exec", arguments).await.task_id;
    let seen = other.look(&id).await.unwrap();
    assert_eq!(seen.payload, TaskPayload::Working);
    let cancelled = other.peer().cancel_task(CancelTaskParams::new(&*id)).await;
    cancelled.unwrap();
    for client in [one, other] {
        assert_eq!(client.ended(&id).await.payload, TaskPayload::Cancelled);
    }
}

#[tokio::test]
async fn a_transfer_and_a_retry_are_tasks_too() {
    let fixture = Fixture::embedded().await;
    let client = DeclaringClient::start(fixture.data.path(), &["--sync-timeout=1"]).await;
    std::fs::write(fixture.here("file"), noise(64 * 1024 * 1024)).unwrap();
    let mut upload = fixture.arguments("upload", "file", "file");
    upload["background"] = true.into();
    let id = client.begin("task_transfer", upload).await.task_id;
    assert_eq!(result(client.ended(&id).await)["isError"], false);
    assert!(fixture.there("file").exists());
    let cmd = format!("test -e again || exit 3; {WAITS}");
    let failing = client.respond("task_exec", json!({"alias": "web1", "cmd": cmd}));
    let CallToolResponse::Complete(failed) = failing.await else {
        panic!("it fails at once");
    };
    std::fs::write(fixture.there("again"), "").unwrap();
    let retry = json!({"id": Answer(failed).facts()["id"]});
    let id = client.begin("task_retry", retry).await.task_id;
    go(&fixture);
    let result = result(client.ended(&id).await);
    assert!(result.to_string().contains("hello"), "{result}");
}
