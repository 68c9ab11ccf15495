//! What a tool answers: text for a person or a model, and the same facts for a program.

use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::job::Job;
use crate::readable::{make_readable, readable};

/// A tool's answer.
#[derive(Debug)]
pub struct Reply(CallToolResult);

impl Reply {
    /// An answer with its text and its facts; `facts` has to serialise to an object.
    pub fn new(text: impl Into<String>, facts: &impl Serialize) -> Result<Self, Error> {
        let text = readable(&text.into()).into_owned();
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(to_value(facts)?);
        Ok(Self(result))
    }

    /// An answer whose text is its facts as JSON.
    pub fn json(facts: &impl Serialize) -> Result<Self, Error> {
        Self::new(pretty(&to_value(facts)?), facts)
    }

    /// A list: the text is the bare array, the structured content wraps it as `{name: […]}`.
    pub fn list(name: &str, items: &impl Serialize) -> Result<Self, Error> {
        let items = to_value(items)?;
        let text = pretty(&items);
        Self::new(text, &Map::from_iter([(name.to_owned(), items)]))
    }

    /// A job that was told to stop.
    pub fn of_stopping(job: &Job) -> Result<Self, Error> {
        if !job.status.is_live() {
            return Ok(Self::of_job(job));
        }
        let unreachable = job.unreachable().map(|problem| format!(" ({problem})"));
        let text = format!(
            "task {} was told to stop and has not ended yet{}. task_wait waits for its end.",
            job.id,
            unreachable.unwrap_or_default()
        );
        Self::new(text, &job.for_answer().to_json())
    }

    /// A job as it stands: its result, or where to find it later.
    pub fn of_job(job: &Job) -> Self {
        let job = &job.for_answer();
        let mut record = job.to_json();
        make_readable(&mut record);
        if let Some(report) = job.failure() {
            return Self(report.to_result(Some(record)));
        }
        let text = readable(&job.text()).into_owned();
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(record);
        Self(result)
    }
}

fn to_value(facts: &impl Serialize) -> Result<Value, Error> {
    let mut value = serde_json::to_value(facts).map_err(|error| Error::Internal {
        reason: error.to_string(),
    })?;
    // Here, where it is not yet the text of a JSON value, which spells them otherwise.
    make_readable(&mut value);
    Ok(value)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value can be written")
}

impl IntoCallToolResult for Reply {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        Ok(self.0.into())
    }
}
