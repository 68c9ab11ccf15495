//! The card of an open question, in clients that show MCP Apps (SEP-1865, version 2026-01-26).
//!
//! It shows the question and how to answer it, and follows what becomes of the task. It does not answer: a server
//! cannot tell a call that a person has made in a card from one of the model, and a yes has to be the person's own.

use rmcp::RoleServer;
use rmcp::model::{JsonObject, MetaObject, ResourceContents, Tool};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use super::Call;
use crate::app::App;
use crate::approval::PersonQuestion;
use crate::error::Error;
use crate::job::Job;
use crate::reply::Reply;

/// The identifier of the extension among a client's capabilities.
const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// The type of documents that such clients show.
const CARD_TYPE: &str = "text/html;profile=mcp-app";
/// The address of the card.
const CARD_URI: &str = "ui://orchestrator/question";
/// The document. Nothing in it comes from elsewhere.
const CARD: &str = include_str!("card.html");
/// The key of an answer's metadata that holds the question; it is for the card, and not for the model.
const QUESTION: &str = "mcp-sftp-orchestrator/question";

/// The tool whose answers the card is shown with: an answer about a task that waits for a yes names it.
const SHOWN_WITH: &str = "task_wait";

/// Returns whether a client shows such documents.
pub(crate) fn shows_cards(context: &RequestContext<RoleServer>) -> bool {
    let extensions = context.client_capabilities().and_then(|one| one.extensions);
    let settings = extensions.and_then(|mut extensions| extensions.remove(EXTENSION));
    let types = settings
        .as_ref()
        .and_then(|settings| settings.get("mimeTypes"));
    types
        .and_then(Value::as_array)
        .is_some_and(|types| types.iter().any(|one| one == CARD_TYPE))
}

/// Tells a client among the listed tools which one has the card.
pub(crate) fn announce_card(listed: &mut [Tool]) {
    let tool = listed.iter_mut().find(|tool| tool.name == SHOWN_WITH);
    if let Some(tool) = tool {
        let meta = tool.meta.get_or_insert_with(MetaObject::new);
        let card = json!({"resourceUri": CARD_URI});
        meta.0.insert("ui".to_owned(), card);
    }
}

/// The card as a resource, if it is the one of this address.
pub(crate) fn card(uri: &str) -> Option<ResourceContents> {
    let meta = json!({"ui": {"prefersBorder": true}});
    let meta: JsonObject = serde_json::from_value(meta).unwrap_or_default();
    let card = ResourceContents::text(CARD, CARD_URI).with_mime_type(CARD_TYPE);
    (uri == CARD_URI).then(|| card.with_meta(MetaObject(meta)))
}

impl App {
    /// The same answer with the question of its task, where that waits and the client shows cards.
    pub(super) async fn with_card(
        &self,
        call: &Call,
        job: &Job,
        reply: Reply,
    ) -> Result<Reply, Error> {
        if !job.is_waiting() || !shows_cards(&call.context) {
            return Ok(reply);
        }
        let question = self.question_of(job.id.as_str()).await?;
        Ok(match question {
            Some(question) => reply.with_meta(QUESTION, facts(job, &question)),
            None => reply,
        })
    }
}

/// A question as the card shows it.
fn facts(job: &Job, question: &PersonQuestion) -> Value {
    json!({
        "id": job.id,
        "text": question.text,
        "details": question.details,
        "rule": question.rule,
        "reason": question.reason,
        "askedBy": question.asked_by.as_ref().map(ToString::to_string),
        "expiresAt": question.expires_at(),
        "approve": job.approval.as_ref().map(|agreement| &agreement.approve),
    })
}
