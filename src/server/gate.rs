//! The gate that every call passes, whatever it asks for: audit, guard, panics, masking and notices.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, ErrorCode, JsonObject};

use crate::app::App;
use crate::audit::Outcome;
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::Access;
use crate::secret::{hide, hide_in};

/// A call at the gate.
pub(super) struct Passage {
    /// What is called.
    pub(super) name: String,
    /// What it may do at most, by which it is audited.
    pub(super) access: Access,
    /// What this call may do, by which it is guarded.
    pub(super) access_now: Access,
    /// The arguments that are known.
    pub(super) arguments: Arc<JsonObject>,
    /// The names of those that hold secrets.
    pub(super) secrets: Arc<[String]>,
}

/// An answer on its way out of the gate.
pub(super) trait Answer: Send + 'static {
    /// The answer to a call that came to an error.
    fn refusal(error: Error) -> Self;
    /// Adds what somebody has to know.
    fn add_notice(&mut self, notice: &str);
    /// Masks every secret in it.
    fn mask(&mut self);
    /// What the audit says of it.
    fn outcome(&self) -> Outcome;
}

impl Passage {
    /// Lets the call through and gives its answer.
    pub(super) async fn pass<A: Answer>(
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
            .may_call(&self.name, self.access_now, self.alias());
        let mut answer = match guarded {
            Ok(()) => unless_panic(run).await,
            Err(error) => A::refusal(error),
        };
        for notice in app.data().take_notices() {
            answer.add_notice(&notice);
        }
        answer.mask();
        if let Some(call) = audited
            && let Err(error) = self.end_audit(app, &call, answer.outcome()).await
        {
            let tool = &self.name;
            let notice = format!("the audit trail lacks the end of this call of {tool}: {error}");
            tracing::error!("{notice}");
            answer.add_notice(&notice);
        }
        answer
    }

    fn alias(&self) -> Option<&str> {
        self.arguments.get("alias")?.as_str()
    }

    /// Begins a call in the audit trail, if it acts. What cannot be begun there must not be done.
    async fn begin_audit(&self, app: &App) -> Result<Option<String>, Error> {
        if !self.access.is_audited() {
            return Ok(None);
        }
        let (calls, host_key) = (Arc::clone(app.calls()), self.host_key(app));
        let (name, arguments) = (self.name.clone(), Arc::clone(&self.arguments));
        let secrets = Arc::clone(&self.secrets);
        blocking(move || calls.begin(&name, &arguments, &secrets, host_key))
            .await
            .map(Some)
    }

    async fn end_audit(&self, app: &App, call: &str, outcome: Outcome) -> Result<(), Error> {
        let (calls, host_key) = (Arc::clone(app.calls()), self.host_key(app));
        let call = call.to_owned();
        blocking(move || calls.end(&call, outcome, host_key)).await
    }

    /// The fingerprint of the host key that the call's server has shown.
    fn host_key(&self, app: &App) -> Option<String> {
        app.pool().host_key(self.alias()?)
    }
}

/// Runs in a task of its own: a panic ends there, and not in a client that waits for ever.
async fn unless_panic<A: Answer>(run: impl Future<Output = A> + Send + 'static) -> A {
    tokio::spawn(run).await.unwrap_or_else(|fault| {
        tracing::error!("a call failed by a fault in this program: {fault}");
        A::refusal(Error::Internal {
            reason: fault.to_string(),
        })
    })
}

impl Answer for Result<CallToolResponse, ErrorData> {
    fn refusal(error: Error) -> Self {
        error.into_call_tool_result()
    }

    fn add_notice(&mut self, notice: &str) {
        if let Ok(CallToolResponse::Complete(result)) = self {
            let notice = ContentBlock::text(format!("Note: {notice}"));
            result.content.push(notice);
        }
    }

    fn mask(&mut self) {
        // A protocol error is seldom shown to a model, so refused arguments are a result.
        if let Err(refused) = self
            && refused.code == ErrorCode::INVALID_PARAMS
        {
            *self = Ok(refused_arguments(refused).into());
        }
        let Ok(CallToolResponse::Complete(result)) = self else {
            return;
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

    fn outcome(&self) -> Outcome {
        match self {
            Ok(CallToolResponse::Complete(result)) => Outcome::of(
                result.is_error == Some(true),
                result.structured_content.as_ref(),
            ),
            Ok(_) => Outcome::named("ok"),
            Err(_) => Outcome::named("error"),
        }
    }
}

fn refused_arguments(error: &mut ErrorData) -> CallToolResult {
    let object = error.data.take().unwrap_or_default();
    let mut result = CallToolResult::error(vec![ContentBlock::text(object.to_string())]);
    result.structured_content = Some(object);
    result
}
