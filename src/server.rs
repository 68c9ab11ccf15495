//! The MCP handler: the state that every tool shares, and the one gate that every call passes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rmcp::handler::server::tool::{IntoCallToolResult, ToolCallContext, ToolRouter};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelledNotificationParam,
    ContentBlock, ErrorCode, Implementation, InitializeRequestParams, InitializeResult,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler, model::RequestId, tool_handler};

use crate::api::Checker;
use crate::audit::{Calls, Outcome, Trail};
use crate::config::Config;
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::Guard;
use crate::job::{JobId, Jobs, Queue};
use crate::logging::Log;
use crate::secret::{MASK, Vault, hide, hide_in};
use crate::ssh::Pool;
use crate::ssh::host_key::KnownHosts;
use crate::store::Catalogue;
use crate::store::DataDirectory;
use crate::store::apis::Apis;
use crate::store::servers::Servers;
use crate::sync::lock;
use crate::tools;
use tokio::sync::OnceCell;

const INSTRUCTIONS: &str = "Runs commands and moves files on SSH servers. Add a server with server_add, \
    then use its alias. A call that takes long answers with a task ID and goes on in the background: \
    task_wait waits for it, task_output shows what it has printed, task_cancel stops it. Long outputs are \
    shown by their head and tail; task_output has the whole.";

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct Orchestrator(Arc<Shared>);

struct Shared {
    config: Arc<Config>,
    data: DataDirectory,
    servers: Arc<Servers>,
    apis: Arc<Apis>,
    vault: Vault,
    /// Filled once the stored secrets are known, and therefore kept out of what is shown.
    secrets: OnceCell<()>,
    checker: Checker,
    pool: Pool,
    jobs: Jobs,
    guard: Arc<Guard>,
    calls: Arc<Calls>,
    log: Log,
    started: Instant,
    router: ToolRouter<Orchestrator>,
    /// The jobs that calls wait for, by the call's request, so that a cancelled one finds its job.
    asked: Mutex<HashMap<RequestId, JobId>>,
}

impl Orchestrator {
    /// Opens the data directory. Needs a tokio runtime, for saving and for the pool's upkeep.
    pub fn open(config: Config, log: Log) -> Result<Self, Error> {
        let data = DataDirectory::open(&config.data_dir)?;
        for warning in config.warnings.iter().chain(&config.ignored) {
            tracing::warn!("{warning}");
        }
        let config = Arc::new(config);
        let vault = Vault::open(data.path(), config.secret_key.clone(), config.uses_keyring);
        let servers = Arc::new(Servers::open(&data, vault.clone()));
        let apis = Arc::new(Apis::open(&data, vault.clone()));
        seal_clear(&servers, &config);
        seal_clear(&apis, &config);
        let queue = Queue::open(Arc::clone(&config), &data)?;
        let calls = Arc::new(Calls::new(Trail::open(data.path()), queue.0.owner()));
        let pool = Pool::new(
            Arc::clone(&config),
            Arc::clone(&servers),
            KnownHosts::open(&data, config.ssh_files.known_hosts.clone()),
            vault.clone(),
        );
        let guard = Arc::new(Guard::open(
            Arc::clone(&config),
            &data,
            Arc::clone(&servers),
            pool.clone(),
        ));
        let jobs = Jobs::new(
            Arc::clone(&config),
            &data,
            queue,
            Arc::clone(&servers),
            pool.clone(),
            Arc::clone(&guard),
        )?;
        Ok(Self(Arc::new(Shared {
            config,
            apis,
            vault,
            secrets: OnceCell::new(),
            checker: Checker::default(),
            data,
            servers,
            pool,
            jobs,
            guard,
            calls,
            log,
            started: Instant::now(),
            router: tools::router(),
            asked: Mutex::default(),
        })))
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The data directory.
    pub fn data(&self) -> &DataDirectory {
        &self.0.data
    }

    /// The configured servers.
    pub fn servers(&self) -> &Arc<Servers> {
        &self.0.servers
    }

    /// The catalogue of APIs.
    pub fn apis(&self) -> &Arc<Apis> {
        &self.0.apis
    }

    /// What keeps secrets.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// What asks APIs.
    pub fn checker(&self) -> &Checker {
        &self.0.checker
    }

    /// The connections.
    pub fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// The job engine.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// What decides whether something may happen.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.0.guard
    }

    /// The log's last lines.
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// How long this server has been up.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// The calls that act, and what tells of them.
    pub fn calls(&self) -> &Arc<Calls> {
        &self.0.calls
    }

    /// Begins a call in the audit trail, if it acts on a server or on what is configured. What cannot be
    /// begun there must not be done.
    async fn begin_audit(&self, request: &CallToolRequestParams) -> Result<Option<Audited>, Error> {
        let Some(tool) = self.0.router.get(&request.name) else {
            return Ok(None);
        };
        let hints = tool.annotations.clone().unwrap_or_default();
        let acts = hints.read_only_hint != Some(true) || hints.open_world_hint == Some(true);
        if !acts {
            return Ok(None);
        }
        let mut arguments = request.arguments.clone();
        let known = tool.input_schema.get("properties");
        for (name, value) in arguments.iter_mut().flatten() {
            // A misspelt name may stand before a secret.
            if known.is_none_or(|known| known.get(name).is_none()) {
                *value = MASK.into();
            }
        }
        let alias = arguments.as_ref().and_then(|given| given.get("alias"));
        let alias = alias.and_then(|alias| alias.as_str()).map(str::to_owned);
        let (calls, host_key) = (Arc::clone(&self.0.calls), self.host_key(alias.as_deref()));
        let tool = request.name.to_string();
        let call = {
            let tool = tool.clone();
            blocking(move || calls.begin(&tool, arguments.as_ref(), host_key)).await?
        };
        Ok(Some(Audited { call, tool, alias }))
    }

    /// Ends it there. Gives what is to be said if that cannot be done.
    async fn end_audit(&self, audited: Audited, outcome: Outcome) -> Option<String> {
        let Audited { call, tool, alias } = audited;
        let (calls, host_key) = (Arc::clone(&self.0.calls), self.host_key(alias.as_deref()));
        let ended = blocking(move || calls.end(&call, outcome, host_key)).await;
        let error = ended.err()?;
        let notice = format!("the audit trail lacks the end of this call of {tool}: {error}");
        tracing::error!("{notice}");
        Some(notice)
    }

    /// The fingerprint of the host key that a server has shown.
    fn host_key(&self, alias: Option<&str>) -> Option<String> {
        alias.and_then(|alias| self.0.pool.host_key(alias))
    }

    /// Has the stored secrets looked for in whatever is shown from now on. A keyring that waits for
    /// somebody is not waited for: a server's secrets are known again before it is logged in to.
    async fn remember_secrets(&self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        let remembering = self.0.secrets.get_or_init(|| async {
            let (servers, apis) = (Arc::clone(&self.0.servers), Arc::clone(&self.0.apis));
            let reading = tokio::task::spawn_blocking(move || {
                servers.remember_secrets();
                apis.remember_secrets();
            });
            let _ = tokio::time::timeout(PATIENCE, reading).await;
        });
        remembering.await;
    }

    /// Notes, until the guard is dropped, that a request waits for a job of its own.
    pub(crate) fn asked(&self, request: RequestId, job: JobId) -> Asked<'_> {
        lock(&self.0.asked).insert(request.clone(), job);
        Asked {
            shared: &self.0,
            request,
        }
    }
}

/// Encrypts what an earlier version, the original or a person has written in clear.
fn seal_clear<E: crate::store::Entry>(catalogue: &Catalogue<E>, config: &Config) {
    match catalogue.seal_clear(config.keep_clear_secrets) {
        Ok(0) => {}
        Ok(count) => tracing::warn!(
            "{} held the secrets of {count} in clear; they are encrypted now",
            E::FILE
        ),
        Err(error) => tracing::error!("secrets in {} stay in clear: {error}", E::FILE),
    }
}

/// A call that has begun in the audit trail.
struct Audited {
    call: String,
    tool: String,
    alias: Option<String>,
}

/// A request that waits for its job.
pub(crate) struct Asked<'a> {
    shared: &'a Shared,
    request: RequestId,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        lock(&self.shared.asked).remove(&self.request);
    }
}

/// Clients give up on slow calls, and say so as if somebody had cancelled them; the work should go on.
fn is_timeout(reason: Option<&str>) -> bool {
    let reason = reason.unwrap_or_default().to_ascii_lowercase();
    ["timeout", "timed out", "time out", "deadline"]
        .iter()
        .any(|word| reason.contains(word))
}

#[tool_handler(router = self.0.router)]
impl ServerHandler for Orchestrator {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(
                "orchestrator",
                env!("CARGO_PKG_VERSION"),
            ))
            .with_instructions(INSTRUCTIONS)
    }

    /// Takes the version that was agreed on for the session's, also when it begins anew: by one that was
    /// merely asked for, the library would take a session for a stateless one.
    async fn initialize(
        &self,
        mut request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let agreed = self.negotiate_initialize(&request)?;
        request.protocol_version = agreed.protocol_version.clone();
        context.peer.set_peer_info(request);
        Ok(agreed)
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.0.router.get(&request.name) else {
            return Err(ErrorData::invalid_params(
                format!("tool `{}` is not known", request.name),
                None,
            ));
        };
        if let Some(arguments) = &mut request.arguments {
            tools::settle(&tool.input_schema, arguments);
        }
        self.remember_secrets().await;
        let audited = match self.begin_audit(&request).await {
            Ok(audited) => audited,
            Err(error) => return error.into_call_tool_result(),
        };
        let server = self.clone();
        // A task of its own: a panic in it ends here, and not in a client that waits for ever.
        let call = tokio::spawn(async move {
            server
                .0
                .router
                .call(ToolCallContext::new(&server, request, context))
                .await
        });
        let mut answer = match call.await {
            Ok(Err(refused)) if refused.code == ErrorCode::INVALID_PARAMS => {
                Ok(refused_arguments(refused).into())
            }
            Ok(answer) => answer,
            Err(fault) => {
                tracing::error!("a tool failed by a fault in this program: {fault}");
                Error::Internal {
                    reason: fault.to_string(),
                }
                .into_call_tool_result()
            }
        };
        let outcome = match &mut answer {
            Ok(CallToolResponse::Complete(result)) => {
                let notices = self.0.data.take_notices();
                result
                    .content
                    .extend(notices.iter().map(|notice| note(notice)));
                hide_result(result);
                let is_error = result.is_error == Some(true);
                Outcome::of(is_error, result.structured_content.as_ref())
            }
            Ok(_) => Outcome::named("ok"),
            Err(_) => Outcome::named("error"),
        };
        if let Some(audited) = audited
            && let Some(notice) = self.end_audit(audited, outcome).await
            && let Ok(CallToolResponse::Complete(result)) = &mut answer
        {
            result.content.push(note(&notice));
        }
        answer
    }

    async fn on_cancelled(
        &self,
        cancelled: CancelledNotificationParam,
        _: NotificationContext<RoleServer>,
    ) {
        let Some(request) = cancelled.request_id else {
            return;
        };
        let job = lock(&self.0.asked).get(&request).cloned();
        let Some(job) = job else { return };
        if is_timeout(cancelled.reason.as_deref()) {
            tracing::info!(
                "the client gave up waiting for task {job}; it goes on in the background"
            );
        } else {
            tracing::info!("the client cancelled task {job}");
            self.jobs().request_cancel(&job);
        }
    }
}

fn note(notice: &str) -> ContentBlock {
    ContentBlock::text(format!("Note: {notice}"))
}

/// Masks what nobody is to see, wherever it comes from.
fn hide_result(result: &mut CallToolResult) {
    for block in &mut result.content {
        if let ContentBlock::Text(text) = block
            && let Cow::Owned(hidden) = hide(&text.text)
        {
            text.text = hidden;
        }
    }
    if let Some(facts) = &mut result.structured_content {
        hide_in(facts);
    }
}

/// A protocol error is seldom shown to a model, so arguments are refused in a result.
fn refused_arguments(error: ErrorData) -> CallToolResult {
    let object = error.data.unwrap_or_default();
    let mut result = CallToolResult::error(vec![ContentBlock::text(object.to_string())]);
    result.structured_content = Some(object);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_timeout_is_no_cancellation() {
        assert!(is_timeout(Some(
            "McpError: MCP error -32001: Request timed out"
        )));
        assert!(!is_timeout(Some("the user pressed escape")));
        assert!(!is_timeout(None));
    }
}
