//! The tour: a real MCP client, the real server, and the embedded SSH server.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rmcp::model::{CallToolRequestParams, CallToolResult, ClientConfig};
use rmcp::service::RunningService;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};

use super::connection::{PASSWORD, USER};
use super::server::EmbeddedServer;
use crate::app::App;
use crate::config::{Config, Structured};
use crate::logging::MemoryLog;
use crate::server::Handler;
use crate::transport::LineTransport;

/// Bytes between client and server before a writer waits.
const PIPE: usize = 64 * 1024;
/// Lines of an answer that the tour shows.
const SHOWN_LINES: usize = 14;

/// A failure of the tour.
#[derive(Debug, thiserror::Error)]
pub enum TourFailure {
    /// The tour could not be set up.
    #[error("the demo cannot run: {0}")]
    Surroundings(String),
    /// A tool gave an unexpected answer.
    #[error("{step}: expected {expected}, got: {got}")]
    Unexpected {
        /// The tour's step.
        step: &'static str,
        /// The expected answer.
        expected: &'static str,
        /// The answer.
        got: String,
    },
}

impl From<io::Error> for TourFailure {
    fn from(error: io::Error) -> Self {
        Self::Surroundings(error.to_string())
    }
}

/// Runs the tour and prints it to `out`. Leaves nothing behind.
pub async fn run(out: &mut impl Write) -> Result<(), TourFailure> {
    let started = Instant::now();
    let directory = tempfile::Builder::new()
        .prefix("mcp-sftp-orchestrator-demo-")
        .tempdir()?;
    let path = directory.path();
    for name in ["server", "data"] {
        std::fs::create_dir(path.join(name))?;
    }
    let server = EmbeddedServer::start(&path.join("server")).await?;
    let mut config = Config::with_defaults(path.join("data"));
    config.sync_timeout = Duration::from_secs(1);
    // The tour looks at the facts, and shows the text.
    config.structured = Structured::Always;
    let unusable = |error: &dyn ToString| TourFailure::Surroundings(error.to_string());
    let app = App::open(config, MemoryLog::default()).map_err(|error| unusable(&error))?;

    let (near, far) = tokio::io::duplex(PIPE);
    let (reader, writer) = tokio::io::split(far);
    let serving = tokio::spawn(Handler::new(app.clone()).serve(LineTransport::new(reader, writer)));
    let client = ClientConfig::default()
        .serve(near)
        .await
        .map_err(|error| unusable(&error))?;
    let running = serving
        .await
        .map_err(|error| unusable(&error))?
        .map_err(|error| unusable(&error))?;

    writeln!(
        out,
        "An SSH server listens on {}, in this process. The calls are those of an MCP client.",
        server.address()
    )?;
    let outcome = Tour {
        client: &client,
        out,
    }
    .walk(&server, path)
    .await;
    // However it went, nothing is left behind.
    let _ = client.cancel().await;
    let _ = running.cancel().await;
    let _ = app.jobs().shut_down("the tour is over").await;
    drop(server);
    directory.close()?;
    outcome?;
    writeln!(
        out,
        "\nAll as it should be, in {:.1} s. Nothing is left behind.",
        started.elapsed().as_secs_f64()
    )?;
    Ok(())
}

struct Tour<'a, W> {
    client: &'a RunningService<RoleClient, ClientConfig>,
    out: &'a mut W,
}

impl<W: Write> Tour<'_, W> {
    async fn walk(&mut self, server: &EmbeddedServer, directory: &Path) -> Result<(), TourFailure> {
        let address = server.address();
        self.title("Add a server")?;
        let arguments = json!({
            "alias": "demo", "host": address.ip().to_string(), "port": address.port(),
            "user": USER, "password": PASSWORD,
        });
        self.call("server_add", arguments).await?;
        let listed = self.call("server_list", json!({})).await?;
        expect(
            "server_list",
            "the server, without its password",
            &listed,
            |facts| facts["demo"]["user"] == USER && facts["demo"]["password"] == "***",
        )?;

        self.title("Run a command")?;
        let run = json!({"alias": "demo", "cmd": "echo \"hello from $(pwd)\""});
        let ran = self.call("task_exec", run).await?;
        expect(
            "task_exec",
            "status completed and exit status 0",
            &ran,
            |facts| facts["status"] == "completed" && facts["exitCode"] == 0,
        )?;

        self.title("A command that fails is a fact, not a fault")?;
        let failing = json!({"alias": "demo", "cmd": "echo 'no such service' >&2; exit 3"});
        let failed = self.call("task_exec", failing).await?;
        expect(
            "task_exec",
            "status failed, exit status 3 and stderr",
            &failed,
            |facts| {
                facts["status"] == "failed"
                    && facts["exitCode"] == 3
                    && facts["stderr"] == "no such service"
            },
        )?;
        self.transfer(directory).await?;
        self.background().await?;

        self.title("Queue and pool")?;
        let stats = self.call("queue_stats", json!({})).await?;
        expect(
            "queue_stats",
            "5 tasks, 4 of them completed",
            &stats,
            |facts| facts["stats"]["total"] == 5 && facts["stats"]["byStatus"]["completed"] == 4,
        )?;
        let pool = self.call("pool_stats", json!({})).await?;
        expect("pool_stats", "connections in the pool", &pool, |facts| {
            facts["totalConnections"] != 0
        })
    }

    async fn transfer(&mut self, directory: &Path) -> Result<(), TourFailure> {
        self.title("A file goes up, and comes back")?;
        let (here, back) = (
            directory.join("report.bin"),
            directory.join("back").join("report.bin"),
        );
        let bytes: Vec<u8> = (0_u32..500_000).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&here, &bytes)?;
        for (direction, local) in [("upload", &here), ("download", &back)] {
            let arguments = json!({
                "alias": "demo", "direction": direction, "local": local, "remote": "new/folder/report.bin",
            });
            let moved = self.call("task_transfer", arguments).await?;
            expect("task_transfer", "every byte", &moved, |facts| {
                facts["bytes"] == bytes.len()
            })?;
        }
        let same = std::fs::read(&back)? == bytes;
        writeln!(
            self.out,
            "  compared: the two files are {}",
            if same { "the same" } else { "different" }
        )?;
        if same {
            Ok(())
        } else {
            Err(unexpected("compare", "the same bytes", "other bytes"))
        }
    }

    async fn background(&mut self) -> Result<(), TourFailure> {
        self.title("A long command goes to the background (here after 1 s), and is found again")?;
        let long = json!({"alias": "demo", "cmd": "sleep 2; echo done"});
        let handed = self.call("task_exec", long).await?;
        expect("task_exec", "status running", &handed, |facts| {
            facts["status"] == "running"
        })?;
        let id = facts_of(&handed)["id"].clone();
        let waited = self.call("task_wait", json!({"id": id})).await?;
        expect(
            "task_wait",
            "the output of the same task",
            &waited,
            |facts| {
                facts["id"] == id && facts["status"] == "completed" && facts["output"] == "done"
            },
        )
    }

    fn title(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n{title}")
    }

    /// Calls a tool, and prints call and answer.
    async fn call(
        &mut self,
        name: &'static str,
        arguments: Value,
    ) -> Result<CallToolResult, TourFailure> {
        writeln!(
            self.out,
            "> {name} {}",
            arguments.to_string().replace(PASSWORD, "***")
        )?;
        let Value::Object(arguments) = arguments else {
            return Err(unexpected(name, "an object of arguments", "something else"));
        };
        let request = CallToolRequestParams::new(name).with_arguments(arguments);
        let answer = self.client.call_tool(request).await;
        let result = answer.map_err(|error| unexpected(name, "an answer", &error.to_string()))?;
        let text = text_of(&result);
        for line in text.lines().take(SHOWN_LINES) {
            writeln!(self.out, "  {line}")?;
        }
        if text.lines().count() > SHOWN_LINES {
            writeln!(self.out, "  …")?;
        }
        Ok(result)
    }
}

fn text_of(result: &CallToolResult) -> String {
    let texts = result
        .content
        .iter()
        .filter_map(|content| content.as_text());
    texts
        .map(|content| content.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

fn facts_of(result: &CallToolResult) -> &Value {
    result.structured_content.as_ref().unwrap_or(&Value::Null)
}

fn expect(
    step: &'static str,
    expected: &'static str,
    result: &CallToolResult,
    holds: impl FnOnce(&Value) -> bool,
) -> Result<(), TourFailure> {
    if result.is_error != Some(true) && holds(facts_of(result)) {
        Ok(())
    } else {
        Err(unexpected(step, expected, &text_of(result)))
    }
}

fn unexpected(step: &'static str, expected: &'static str, got: &str) -> TourFailure {
    TourFailure::Unexpected {
        step,
        expected,
        got: got.to_owned(),
    }
}
