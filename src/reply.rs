//! A tool's answer: text for people and models, and structured content for programs.

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
    /// An answer with its text and its structured content; `facts` has to serialise to an object.
    pub fn new(text: impl Into<String>, facts: &impl Serialize) -> Result<Self, Error> {
        let text = readable(&text.into()).into_owned();
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(to_value(facts)?);
        Ok(Self(result))
    }

    /// An answer whose text is its structured content as JSON.
    pub fn json(facts: &impl Serialize) -> Result<Self, Error> {
        Self::new(pretty(&to_value(facts)?), facts)
    }

    /// A list: the text is the array alone, the structured content is `{name: […]}`.
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

    /// A job's result, or its state and how to wait for it.
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
    // Before it becomes JSON text, which escapes such characters.
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
