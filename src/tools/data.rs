//! The answers of data-shaped tools: facts for programs with their schema, and a text that says the same.

use std::marker::PhantomData;

use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, InputRequiredResult};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::job::Job;
use crate::reply::Reply;

/// The answer of a data-shaped tool, whose facts are a `T`.
///
/// Named like the library's own type, because the tool macro finds the output schema by that name;
/// unlike it, this one has a text for people.
pub(super) struct Json<T> {
    content: Content,
    facts: PhantomData<fn() -> T>,
}

enum Content {
    Reply(Reply),
    /// The client is to ask the person first, and to call again.
    Question(InputRequiredResult),
}

/// The facts in the place of an answer that a server has not given yet.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HandedOff<'j> {
    task_id: &'j str,
    status: &'static str,
}

impl<T: Serialize> Json<T> {
    /// Answers with facts and the text that says them.
    pub(super) fn new(text: impl Into<String>, facts: &T) -> Result<Self, Error> {
        Self::with(text, facts)
    }

    /// Answers with other facts than a `T`, such as those of several servers.
    pub(super) fn with(text: impl Into<String>, facts: &impl Serialize) -> Result<Self, Error> {
        Reply::new(text, facts).map(Self::of)
    }

    /// Answers with the state of a job that was to find the facts, and the text about it: it goes on, or has
    /// failed.
    pub(super) fn of_job(job: &Job, text: Option<String>) -> Result<Self, Error> {
        if !job.status.is_live() {
            return Ok(Self::of(Reply::of_job(job, text)));
        }
        let facts = HandedOff {
            task_id: job.id.as_str(),
            status: job.status.name(),
        };
        Reply::new(text.unwrap_or_default(), &facts).map(Self::of)
    }

    /// Answers with the whole record of a job.
    pub(super) fn of_record(job: &Job) -> Result<Self, Error> {
        let record = job.to_json();
        let text = serde_json::to_string_pretty(&record);
        let text = text.expect("a JSON value can be written");
        Reply::new(text, &record).map(Self::of)
    }

    fn of(reply: Reply) -> Self {
        Self {
            content: Content::Reply(reply),
            facts: PhantomData,
        }
    }
}

impl<T> From<InputRequiredResult> for Json<T> {
    /// Answers with a question to the person.
    fn from(question: InputRequiredResult) -> Self {
        Self {
            content: Content::Question(question),
            facts: PhantomData,
        }
    }
}

/// The fields of an object for people: `name value`, or the name alone of a flag that is set.
pub(super) fn words(fields: &Map<String, Value>) -> String {
    let words = fields.iter().map(|(name, value)| match value {
        Value::Bool(true) => name.clone(),
        Value::String(text) => format!("{name} {text}"),
        value => format!("{name} {value}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The fields that something is shown with.
pub(super) fn fields(shown: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(shown) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

impl<T> IntoCallToolResult for Json<T> {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        match self.content {
            Content::Reply(reply) => reply.into_call_tool_result(),
            Content::Question(question) => Ok(question.into()),
        }
    }
}
