//! The tour: this program in a process of its own, an MCP client, and embedded SSH servers.

use std::io::{self, Write};
use std::time::Instant;

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use super::client::TourClient;
use super::connection::PASSWORD;
use super::server::EmbeddedServer;

/// Lines of an answer that the tour shows.
const SHOWN_LINES: usize = 10;
/// Characters of a call and of each line that the tour shows.
const SHOWN_WIDTH: usize = 160;

/// A failure of the tour.
#[derive(Debug, thiserror::Error)]
pub enum TourFailure {
    /// The tour could not be set up.
    #[error("the demo cannot run: {0}")]
    Surroundings(#[from] io::Error),
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
    let client = TourClient::start(&path.join("data")).await?;
    writeln!(
        out,
        "An SSH server listens on {}, in this process. The calls are those of an MCP client.",
        server.address()
    )?;
    let mut tour = Tour { client, out };
    let outcome = tour.walk(&server, path).await;
    // However it went, nothing is left behind.
    tour.client.end().await;
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

pub(super) struct Tour<'a, W> {
    pub(super) client: TourClient,
    pub(super) out: &'a mut W,
}

impl<W: Write> Tour<'_, W> {
    pub(super) fn title(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n{title}")
    }

    /// Prints a remark of the tour.
    pub(super) fn say(&mut self, remark: &str) -> io::Result<()> {
        writeln!(self.out, "  ({remark})")
    }

    /// Calls a tool, and prints call, questions and answer.
    pub(super) async fn call(
        &mut self,
        name: &'static str,
        arguments: Value,
    ) -> Result<CallToolResult, TourFailure> {
        let shown = arguments.to_string().replace(PASSWORD, "***");
        writeln!(self.out, "> {name} {}", shortened(&shown))?;
        let result = self.call_silently(name, arguments).await?;
        for question in self.client.take_questions() {
            writeln!(self.out, "  ? {}\n  yes", shortened(&question))?;
        }
        let text = text_of(&result);
        for line in text.lines().take(SHOWN_LINES) {
            writeln!(self.out, "  {}", shortened(line))?;
        }
        if text.lines().count() > SHOWN_LINES {
            writeln!(self.out, "  …")?;
        }
        Ok(result)
    }

    /// Calls a tool, and prints nothing.
    pub(super) async fn call_silently(
        &mut self,
        name: &'static str,
        arguments: Value,
    ) -> Result<CallToolResult, TourFailure> {
        let Value::Object(arguments) = arguments else {
            return Err(unexpected(name, "an object of arguments", "something else"));
        };
        let answer = self.client.call(name, arguments).await;
        answer.map_err(|error| unexpected(name, "an answer", &error.to_string()))
    }

    /// Waits for the task of an answer, if it goes on in the background.
    pub(super) async fn wait(
        &mut self,
        answer: CallToolResult,
    ) -> Result<CallToolResult, TourFailure> {
        let facts = facts_of(&answer);
        if facts["status"] != "running" {
            return Ok(answer);
        }
        let id = facts["id"].clone();
        self.call("task_wait", json!({"id": id})).await
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN_WIDTH {
        return text.to_owned();
    }
    text.chars().take(SHOWN_WIDTH).chain(['…']).collect()
}

pub(super) fn text_of(result: &CallToolResult) -> String {
    let texts = result
        .content
        .iter()
        .filter_map(|content| content.as_text());
    texts
        .map(|content| content.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

pub(super) fn facts_of(result: &CallToolResult) -> &Value {
    result.structured_content.as_ref().unwrap_or(&Value::Null)
}

/// Fails unless the call succeeded and its facts are as they should be.
pub(super) fn expect(
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

/// Fails unless the call was refused with this code.
pub(super) fn expect_refusal(
    step: &'static str,
    code: &'static str,
    result: &CallToolResult,
) -> Result<(), TourFailure> {
    let text = text_of(result);
    if result.is_error == Some(true) && text.contains(code) {
        Ok(())
    } else {
        Err(unexpected(step, code, &text))
    }
}

pub(super) fn unexpected(step: &'static str, expected: &'static str, got: &str) -> TourFailure {
    TourFailure::Unexpected {
        step,
        expected,
        got: got.to_owned(),
    }
}
