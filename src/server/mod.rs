//! The MCP handler: this server's introduction, and the dispatch of calls to tools.
//!
//! | module | what it is |
//! |---|---|
//! | `dispatch` | finding the tool that a call names |
//! | `cancellation` | what a cancelled request means for its task |
//! | `gate` | the one way to a tool: it audits and guards a call, catches panics, and masks the answer |
//! | `reading` | the same for requests that only read: panics and masking |
//! | `introduction` | this server's name, icon, abilities and instructions |
//! | `offered` | texts where tools are left out |
//! | `resources`, `prompts`, `completion` | what clients read besides calling tools |
//! | `tasks` | jobs as the protocol's tasks |
//! | `freshness` | how long a client may keep a list |

mod cancellation;
mod completion;
mod dispatch;
mod freshness;
mod gate;
mod introduction;
mod offered;
mod prompts;
mod reading;
mod resources;
mod tasks;

use std::sync::{Arc, LazyLock, Mutex};

use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{
    ArgumentInfo, CallToolRequestParams, CallToolResponse, CancelTaskParams,
    CancelledNotificationParam, CompleteRequestParams, CompleteResult, DiscoverResult,
    GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult,
    InitializeRequestParams, InitializeResult, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerConfig,
    UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, Peer, RoleServer, ServerHandler, tool_handler};

use crate::app::App;
use crate::sync::lock;
use crate::tools::{self, Tools};

/// The server's side of a session. Cheap to clone.
#[derive(Clone)]
pub struct Handler {
    app: App,
    tools: Arc<LazyLock<Tools, MakeTools>>,
    /// True if the tools were listed last with the argument `reason`; `None` before they were.
    has_reason: Arc<Mutex<Option<bool>>>,
}

type MakeTools = Box<dyn FnOnce() -> Tools + Send>;

impl Handler {
    /// A handler of the program's state. Needs a tokio runtime, for what it prepares.
    pub fn new(app: App) -> Self {
        let state = app.clone();
        let make: MakeTools = Box::new(move || {
            let tools = Tools::of(state.config());
            state.guard().policies().know_tools(|| tools.names());
            tools
        });
        let tools = Arc::new(LazyLock::new(make));
        let (guard, making) = (Arc::clone(app.guard()), Arc::clone(&tools));
        // Beside the rest of the start, so that neither that nor the first requests wait for them.
        tokio::task::spawn_blocking(move || {
            LazyLock::force(&making);
            let _ = guard.policies().current();
        });
        Self {
            app,
            tools,
            has_reason: Arc::default(),
        }
    }

    /// Tells a client that has listed the tools where they have come to take a `reason`, or do no more. Rules are
    /// read again with each call, so it is seen after one. Nobody is told who calls without a handshake: such a
    /// client keeps no list for longer than it was told it may.
    async fn note_rules(&self, peer: &Peer<RoleServer>, version: Option<ProtocolVersion>) {
        let has_reason = self.asks_anything();
        let is_news = {
            let mut listed = lock(&self.has_reason);
            let is_news = listed.is_some_and(|listed| listed != has_reason);
            if is_news {
                *listed = Some(has_reason);
            }
            is_news
        };
        if is_news && version < Some(ProtocolVersion::V_2026_07_28) {
            // The transport notices a client that is gone.
            let _ = peer.notify_tool_list_changed().await;
        }
    }

    /// Rules that cannot be read refuse every call, whatever is listed.
    fn asks_anything(&self) -> bool {
        self.app.guard().asks_anything().unwrap_or(true)
    }
}

#[tool_handler(router = self.tools)]
impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        introduction::introduction(self.app.config(), &self.tools)
    }

    /// Stores the protocol version that was agreed on, also at a second handshake. With the version that the
    /// client asked for, the library might take the session for a stateless one.
    async fn initialize(
        &self,
        mut request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let agreed = self.negotiate_initialize(&request)?;
        request.protocol_version = agreed.protocol_version.clone();
        let client = &request.client_info;
        self.app.actor().note_client(&client.name, &client.version);
        context.peer.set_peer_info(request);
        Ok(agreed)
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        let mut info = self.get_info();
        // Clients of the stateless version hear of a change by a subscription, which this server does not take. Its
        // lists say how long they hold.
        if let Some(tools) = &mut info.capabilities.tools {
            tools.list_changed = None;
        }
        let discovered = DiscoverResult::from_server_info(versions, info);
        Ok(discovered.with_ttl_ms(freshness::CONSTANT_MS))
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        mut context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let callable = self.callable(&request.name)?;
        if let Some(client) = context.client_info() {
            self.app.actor().note_client(&client.name, &client.version);
        }
        if let Some(arguments) = &mut request.arguments {
            tools::settle(&callable.0.input_schema, arguments);
        }
        let gated = self.gated(callable, request.arguments.as_ref());
        let facts = self.facts_of(&mut request);
        context.extensions.insert(facts);
        let (app, tools) = (self.app.clone(), Arc::clone(&self.tools));
        let (peer, version) = (context.peer.clone(), context.protocol_version());
        let call = async move {
            let mut context = ToolCallContext::new(&app, request, context);
            // On the heap: seldom is anybody asked.
            match Box::pin(tools.ask_first(&app, &mut context)).await {
                Some(answer) => answer,
                None => tools.call(context).await,
            }
        };
        let answer = gated.pass(&self.app, call).await;
        self.note_rules(&peer, version).await;
        answer
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let has_reason = self.asks_anything();
        *lock(&self.has_reason) = Some(has_reason);
        let listed = if has_reason {
            let mut listed = self.tools.list_with_reason();
            if tools::shows_cards(&context) {
                tools::announce_card(&mut listed);
            }
            listed
        } else {
            self.tools.list_all()
        };
        let mut result = ListToolsResult::with_all_items(listed);
        result.ttl_ms = freshness::of_constant(&context);
        Ok(result)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let page = resources::page(&self.app, cursor);
        let (resources, next) = reading::read(&self.app, page).await?;
        let mut result = ListResourcesResult::with_all_items(resources);
        result.next_cursor = next;
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut result = ListResourceTemplatesResult::with_all_items(resources::templates());
        result.ttl_ms = freshness::of_constant(&context);
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if let Some(card) = tools::card(&request.uri) {
            return Ok(ReadResourceResult::new(vec![card]).into());
        }
        let contents = resources::contents(&self.app, request.uri);
        let contents = reading::read(&self.app, contents).await?;
        Ok(ReadResourceResult::new(contents).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut result = ListPromptsResult::with_all_items(prompts::list());
        result.ttl_ms = freshness::of_constant(&context);
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let (app, tools) = (self.app.clone(), Arc::clone(&self.tools));
        let prompt =
            async move { prompts::get(&app, &tools, &request.name, request.arguments).await };
        Ok(reading::read(&self.app, prompt).await?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let ArgumentInfo { name, value, .. } = &request.argument;
        let completion = completion::complete(&self.app, &request.r#ref, name, value);
        let completion = reading::read(&self.app, completion).await?;
        Ok(CompleteResult::new(completion))
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let task = self.look_at_result(&request.task_id).await?;
        Ok(GetTaskResult::new(task))
    }

    /// Takes answers to a task's questions. Tasks ask none: what a call has to ask comes before its job.
    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.look(&request.task_id).await.map(drop)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.cancel(&request.task_id).await
    }

    async fn on_cancelled(
        &self,
        cancelled: CancelledNotificationParam,
        _: NotificationContext<RoleServer>,
    ) {
        cancellation::apply(&self.app, cancelled);
    }
}
