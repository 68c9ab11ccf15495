//! The gate that every call passes: audit, guard, panics, notices and masking.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, ContentBlock, CreateTaskResult, ErrorCode, JsonObject};
use serde::Deserialize;
use serde_json::{Value, json};

use super::reading::Readable;
use crate::app::App;
use crate::audit::{CallOutcome, CalledServers, LongCall};
use crate::config::Structured;
use crate::error::Error;
use crate::fault::caught;
use crate::fleet::TargetExpression;
use crate::guard::Access;
use crate::job::{JobId, Status};
use crate::reply::{outcome_of, refused_arguments, shorten_text_beside_facts, take_outcome};
use crate::secret::{hide, hide_in};

/// The field of structured content that holds notices.
const NOTICES: &str = "notices";

/// A call that passes the gate.
pub(super) struct GatedCall {
    /// The name of the tool.
    pub(super) name: String,
    /// The tool's access class, by which the call is audited.
    pub(super) access: Access,
    /// This call's access class, by which it is guarded.
    pub(super) access_now: Access,
    /// The arguments; unknown ones are masked.
    pub(super) arguments: Arc<JsonObject>,
    /// The names of the arguments that hold secrets.
    pub(super) secrets: Arc<[String]>,
    /// Set if the tool has an output schema.
    pub(super) returns_data: bool,
}

/// An answer to a call, as it leaves the gate.
pub(super) trait CallAnswer: Send + 'static {
    /// The answer to a call that failed.
    fn refusal(error: Error) -> Self;
    /// Returns true if a notice for the user can be added.
    fn takes_notices(&self) -> bool;
    /// Adds a notice for the user.
    fn add_notice(&mut self, notice: &str);
    /// Masks every secret in it.
    fn mask(&mut self);
    /// Takes out the outcome that the audit trail records.
    fn take_outcome(&mut self) -> CallOutcome;
    /// Drops the structured content, unless the user's choice has it stand beside the text.
    fn shape(&mut self, choice: Structured, returns_data: bool);
    /// Shortens a long text beside long structured content. Secrets have to be masked before.
    fn shorten(&mut self);
}

impl GatedCall {
    /// Audits, guards and runs the call, and returns its answer.
    pub(super) async fn pass<A: CallAnswer>(
        self,
        app: &App,
        run: impl Future<Output = A> + Send + 'static,
    ) -> A {
        app.remember_secrets().await;
        let audited = match self.begin_audit(app).await {
            Ok(audited) => audited,
            Err(error) => return A::refusal(error),
        };
        let guarded = app
            .guard()
            .may_call(&self.name, self.access_now, self.server());
        let mut answer = match guarded {
            Ok(()) => caught(run).await.unwrap_or_else(|reason| {
                tracing::error!("a call failed by a fault in this program: {reason}");
                A::refusal(Error::Internal { reason })
            }),
            Err(error) => A::refusal(error),
        };
        let outcome = answer.take_outcome();
        answer.shape(app.config().structured, self.returns_data);
        if answer.takes_notices() {
            for notice in app.data().take_notices() {
                answer.add_notice(&notice);
            }
        }
        answer.mask();
        if app.config().structured == Structured::Auto {
            answer.shorten();
        }
        if let Some(call) = audited {
            let task = live_task(&outcome);
            if let Err(error) = self.end_audit(app, &call, outcome).await {
                let tool = &self.name;
                let notice =
                    format!("the audit trail lacks the end of this call of {tool}: {error}");
                tracing::error!("{notice}");
                answer.add_notice(&notice);
            }
            if let Some(task) = task {
                self.follow(app, call, task);
            }
        }
        answer
    }

    /// Has the trail tell how a task ends that goes on after this call.
    fn follow(&self, app: &App, call: String, task: JobId) {
        let app = app.clone();
        let call = LongCall {
            call,
            tool: self.name.clone(),
            alias: self.alias().map(ToOwned::to_owned),
        };
        tokio::spawn(async move {
            // Of a task that another process goes on with, that one tells.
            let Ok(job) = app.jobs().end_of(&task).await else {
                return;
            };
            if job.status.is_live() {
                return;
            }
            let alias = call.alias.as_deref();
            let host_key = alias.and_then(|alias| app.pool().host_key(alias));
            let (calls, outcome) = (Arc::clone(app.calls()), outcome_of(&job));
            let finish = move || calls.finish(&call, outcome, host_key);
            if let Err(error) = app.audit_turn().run(finish).await {
                tracing::error!("the audit trail lacks the end of task {task}: {error}");
            }
        });
    }

    fn alias(&self) -> Option<&str> {
        self.arguments.get("alias")?.as_str()
    }

    /// The server that it reaches: of a call about an API, the one that makes the request.
    fn server(&self) -> Option<&str> {
        let server = self.arguments.get("server_alias").and_then(Value::as_str);
        server.or(self.alias())
    }

    /// Begins the call in the audit trail, if its class is audited. After an error, it must not run.
    async fn begin_audit(&self, app: &App) -> Result<Option<String>, Error> {
        if !self.access.is_audited() {
            return Ok(None);
        }
        let (calls, servers) = (Arc::clone(app.calls()), self.called_servers(app));
        let (name, arguments) = (self.name.clone(), Arc::clone(&self.arguments));
        let secrets = Arc::clone(&self.secrets);
        let begin = move || calls.begin(&name, &arguments, &secrets, servers);
        app.audit_turn().run(begin).await.map(Some)
    }

    async fn end_audit(&self, app: &App, call: &str, outcome: CallOutcome) -> Result<(), Error> {
        let (calls, host_key) = (Arc::clone(app.calls()), self.host_key(app));
        let call = call.to_owned();
        let end = move || calls.end(&call, outcome, host_key);
        app.audit_turn().run(end).await
    }

    /// The servers that the call is for, as far as its arguments tell.
    fn called_servers(&self, app: &App) -> CalledServers {
        let expression = self
            .arguments
            .get("alias")
            .cloned()
            .map(TargetExpression::deserialize);
        let targets =
            expression.and_then(|expression| expression.ok()?.resolve(app.servers()).ok());
        let several = targets.filter(|targets| !targets.is_single());
        CalledServers {
            several: several.map(|targets| targets.aliases).unwrap_or_default(),
            host_key: self.host_key(app),
        }
    }

    /// The fingerprint of the host key that the call's server has presented.
    fn host_key(&self, app: &App) -> Option<String> {
        app.pool().host_key(self.alias()?)
    }
}

/// The task of a call that goes on after it.
fn live_task(outcome: &CallOutcome) -> Option<JobId> {
    let live = [Status::Pending, Status::Running].map(Status::name);
    let task = outcome.job.as_deref();
    let task = task.filter(|_| live.contains(&outcome.outcome.as_str()));
    task.map(JobId::from)
}

impl CallAnswer for Result<CallToolResponse, ErrorData> {
    fn refusal(error: Error) -> Self {
        error.into_call_tool_result()
    }

    fn takes_notices(&self) -> bool {
        matches!(
            self,
            Ok(CallToolResponse::Complete(_) | CallToolResponse::Task(_))
        )
    }

    fn add_notice(&mut self, notice: &str) {
        if let Ok(CallToolResponse::Task(CreateTaskResult { task, .. })) = self {
            let message = task.status_message.get_or_insert_default();
            message.push_str("\nNote: ");
            message.push_str(notice);
        }
        if let Ok(CallToolResponse::Complete(result)) = self {
            let text = ContentBlock::text(format!("Note: {notice}"));
            result.content.push(text);
            // Some clients show a model nothing else.
            if let Some(Value::Object(facts)) = &mut result.structured_content
                && let Value::Array(notices) = facts.entry(NOTICES).or_insert_with(|| json!([]))
            {
                notices.push(notice.into());
            }
        }
    }

    fn mask(&mut self) {
        let result = match self {
            Ok(CallToolResponse::Complete(result)) => result,
            Ok(CallToolResponse::Task(result)) => return result.task.mask(),
            _ => return,
        };
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

    fn take_outcome(&mut self) -> CallOutcome {
        // Clients seldom show protocol errors to the model, so refused arguments become a result.
        if let Err(refused) = self
            && refused.code == ErrorCode::INVALID_PARAMS
        {
            *self = Ok(refused_arguments(refused).into());
        }
        match self {
            Ok(CallToolResponse::Complete(result)) => take_outcome(&mut result.meta),
            Ok(CallToolResponse::Task(result)) => take_outcome(&mut result.meta),
            Ok(CallToolResponse::InputRequired(_)) => CallOutcome::named("asked"),
            Ok(_) => CallOutcome::named("ok"),
            Err(_) => CallOutcome::named("error"),
        }
    }

    fn shape(&mut self, choice: Structured, returns_data: bool) {
        if let Ok(CallToolResponse::Complete(result)) = self
            && !match choice {
                Structured::Auto => returns_data && result.is_error != Some(true),
                Structured::Always => true,
                Structured::Never => false,
            }
        {
            result.structured_content = None;
        }
    }

    fn shorten(&mut self) {
        if let Ok(CallToolResponse::Complete(result)) = self {
            shorten_text_beside_facts(result);
        }
    }
}
