//! The client of the tour: an MCP client that starts this program as any other does, with a person who agrees.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ElicitRequestParams,
    ElicitResult, ElicitationAction, ErrorData, JsonObject,
};
use rmcp::service::{RequestContext, RunningService};
use rmcp::{ClientHandler, RoleClient, ServiceError, ServiceExt};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::config::SETTINGS;
use crate::sync::lock;

/// An MCP client with its server, which is this program in another process.
pub(super) struct TourClient {
    service: RunningService<RoleClient, AgreeingPerson>,
    process: Child,
    data_dir: PathBuf,
    questions: Questions,
}

/// The questions that the client was told to ask, in their order.
type Questions = Arc<Mutex<Vec<String>>>;

impl TourClient {
    /// Starts this program on a data directory.
    pub(super) async fn start(data_dir: &Path) -> io::Result<Self> {
        let questions = Questions::default();
        let (process, service) = start(data_dir, &questions).await?;
        Ok(Self {
            service,
            process,
            data_dir: data_dir.to_owned(),
            questions,
        })
    }

    /// Kills the server without a warning, and starts it again.
    pub(super) async fn kill_and_start(&mut self) -> io::Result<()> {
        self.process.kill().await?;
        (self.process, self.service) = start(&self.data_dir, &self.questions).await?;
        Ok(())
    }

    /// Calls a tool.
    pub(super) async fn call(
        &self,
        name: &'static str,
        arguments: JsonObject,
    ) -> Result<CallToolResult, ServiceError> {
        let request = CallToolRequestParams::new(name).with_arguments(arguments);
        self.service.call_tool(request).await
    }

    /// Returns the questions since the last time. Each was answered by yes.
    pub(super) fn take_questions(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.questions))
    }

    /// Ends the server as a client does: it closes its input.
    pub(super) async fn end(mut self) {
        // It is killed when dropped, whatever becomes of this.
        let _ = self.service.cancel().await;
        let _ = self.process.wait().await;
    }
}

async fn start(
    data_dir: &Path,
    questions: &Questions,
) -> io::Result<(Child, RunningService<RoleClient, AgreeingPerson>)> {
    let mut command = Command::new(std::env::current_exe()?);
    // No setting of this machine's user counts.
    for setting in SETTINGS {
        command.env_remove(setting.name);
    }
    command
        .arg(format!("--data-dir={}", data_dir.display()))
        .arg("--sync-timeout=1")
        // The tour looks at the facts, and shows the text.
        .env("MCP_STRUCTURED", "always")
        .env("MCP_KEYRING", "false")
        .current_dir(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut process = command.spawn()?;
    let pipes = process.stdout.take().zip(process.stdin.take());
    let pipes = pipes.expect("both are piped");
    let person = AgreeingPerson(Arc::clone(questions));
    let service = person.serve(pipes).await.map_err(io::Error::other)?;
    Ok((process, service))
}

/// A person who reads each question, and agrees.
struct AgreeingPerson(Questions);

impl ClientHandler for AgreeingPerson {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.capabilities = ClientCapabilities::builder().enable_elicitation().build();
        config
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        if let ElicitRequestParams::FormElicitationParams { message, .. } = request {
            lock(&self.0).push(message);
        }
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"confirm": true})))
    }
}
