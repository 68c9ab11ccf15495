//! A call from this process itself, for a person at a terminal or at the page. It passes the gate that the calls of
//! every client pass.

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult, ClientConfig, JsonObject};

use crate::app::App;
use crate::config::Config;
use crate::error::Error;
use crate::logging::MemoryLog;
use crate::server::Handler;
use crate::transport::LineTransport;

/// Bytes between client and server before a writer waits.
const PIPE: usize = 64 * 1024;

/// Calls a tool of the data directory that the settings name, as the client `actor`.
pub async fn call_locally(
    config: Config,
    actor: &str,
    tool: &'static str,
    arguments: JsonObject,
) -> Result<CallToolResult, Error> {
    let app = App::open(config, MemoryLog::default())?;
    let called = call(&app, actor, tool, arguments).await;
    let recorded = app.jobs().shut_down("its call has ended").await;
    let result = called.map_err(|reason| Error::Internal { reason })?;
    recorded.map(|()| result)
}

async fn call(
    app: &App,
    actor: &str,
    tool: &'static str,
    arguments: JsonObject,
) -> Result<CallToolResult, String> {
    let (near, far) = tokio::io::duplex(PIPE);
    let (reader, writer) = tokio::io::split(far);
    let handler = Handler::new(app.clone());
    let serving = tokio::spawn(handler.serve(LineTransport::new(reader, writer)));
    let mut client = ClientConfig::default();
    actor.clone_into(&mut client.client_info.name);
    client.client_info.version.clear();
    let client = client
        .serve(near)
        .await
        .map_err(|error| error.to_string())?;
    let serving = serving.await.map_err(|error| error.to_string())?;
    let serving = serving.map_err(|error| error.to_string())?;
    let call = CallToolRequestParams::new(tool).with_arguments(arguments);
    let called = client.call_tool(call).await;
    // However it went, both sides end.
    let _ = client.cancel().await;
    let _ = serving.cancel().await;
    called.map_err(|error| error.to_string())
}
