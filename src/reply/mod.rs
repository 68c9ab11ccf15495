//! A tool's answer: text for people and models, and structured content for programs.

mod beside_facts;
mod outcome;
mod task;

use indexmap::IndexMap;
use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{
    CallToolResponse, CallToolResult, ContentBlock, InputRequiredResult, MetaObject, Resource,
};
use serde::Serialize;
use serde_json::Value;

use crate::audit::{CallOutcome, SERVERS};
use crate::error::Error;
use crate::job::kind::fleet::Child;
use crate::job::{Job, any_output_call};
use crate::readable::{make_readable, readable};
use crate::report::Report;
use crate::resource_uri::ResourceUri;
pub use beside_facts::shorten_text_beside_facts;
use outcome::put_outcome;
pub use outcome::take_outcome;
pub use task::task_of;

/// A tool's answer.
#[derive(Debug)]
pub struct Reply(CallToolResponse);

impl Reply {
    /// An answer with its text and its structured content; `facts` has to serialise to an object.
    pub fn new(text: impl Into<String>, facts: &impl Serialize) -> Result<Self, Error> {
        let text = readable(&text.into()).into_owned();
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(to_value(facts)?);
        Ok(Self(result.into()))
    }

    /// A job that was told to stop, and has not ended yet.
    pub fn of_stopping(job: &Job) -> Result<Self, Error> {
        let unreachable = job.unreachable().map(|problem| format!(" ({problem})"));
        let text = format!(
            "task {} was told to stop and has not ended yet{}. task_wait waits for its end.",
            job.id,
            unreachable.unwrap_or_default()
        );
        Self::new(text, &job.for_answer().to_json())
    }

    /// A job's result or state, with the record for programs. Where the call failed, the text is what the job had
    /// printed before.
    pub fn of_job(job: &Job, text: Option<String>) -> Self {
        let mut record = job.for_answer().to_json();
        make_readable(&mut record);
        let link = text
            .as_deref()
            .filter(|text| text.contains(&any_output_call(&job.id)))
            .map(|_| link_to_output(job));
        let text = text.map(|text| ContentBlock::text(readable(&text).into_owned()));
        let mut result = match job.failure() {
            Some(report) => failure(&report),
            None => CallToolResult::success(Vec::new()),
        };
        result.content.extend(text);
        result.content.extend(link);
        result.structured_content = Some(record);
        put_outcome(&mut result.meta, &outcome_of(job));
        Self(result.into())
    }

    /// The same with a line before the text, unless the call failed.
    pub fn after(mut self, line: &str) -> Self {
        if let CallToolResponse::Complete(result) = &mut self.0
            && result.is_error != Some(true)
            && let Some(ContentBlock::Text(first)) = result.content.first_mut()
        {
            first.text = format!("{}\n{}", readable(line), first.text);
        }
        self
    }

    /// The same with metadata, which no model reads.
    pub fn with_meta(mut self, key: &str, value: Value) -> Self {
        if let CallToolResponse::Complete(result) = &mut self.0 {
            let meta = result.meta.get_or_insert_with(MetaObject::new);
            meta.0.insert(key.to_owned(), value);
        }
        self
    }

    /// The same with other facts for programs.
    pub fn with_facts(mut self, facts: &impl Serialize) -> Result<Self, Error> {
        if let CallToolResponse::Complete(result) = &mut self.0 {
            result.structured_content = Some(to_value(facts)?);
        }
        Ok(self)
    }
}

/// The answer to a call that failed.
fn failure(report: &Report) -> CallToolResult {
    failure_with(report.to_json(), &report.code)
}

/// The answer to a call whose arguments were refused, with a report in the refusal's data.
pub fn refused_arguments(refusal: &mut ErrorData) -> CallToolResult {
    let report = refusal.data.take().unwrap_or_default();
    let code = report["code"].as_str().unwrap_or("error").to_owned();
    failure_with(report, &code)
}

fn failure_with(mut report: Value, code: &str) -> CallToolResult {
    make_readable(&mut report);
    let mut result = CallToolResult::error(vec![ContentBlock::text(report.to_string())]);
    result.structured_content = Some(report);
    put_outcome(&mut result.meta, &CallOutcome::named(code));
    result
}

/// A link to a job's whole output, for an answer that leaves a part of it out.
fn link_to_output(job: &Job) -> ContentBlock {
    let uri = ResourceUri::Output(job.id.to_string()).to_string();
    ContentBlock::resource_link(Resource::new(uri, "whole output"))
}

/// The outcome of the call that has begun a job, as far as the job is.
pub fn outcome_of(job: &Job) -> CallOutcome {
    CallOutcome {
        job: Some(job.id.to_string()),
        children: children_of(job),
        exit_code: job.exit_code(),
        sha256_before: job
            .changed()
            .and_then(|change| change.sha256_before.clone()),
        sha256_after: job.changed().and_then(|change| change.sha256_after.clone()),
        ..CallOutcome::named(job.status.name())
    }
}

/// State and job of each server of a job on many.
fn children_of(job: &Job) -> IndexMap<String, String> {
    let children = job
        .fleet()
        .into_iter()
        .flat_map(|outcome| &outcome.children);
    let outcome = |child: &Child| {
        let task = child.task.as_ref().map(|task| format!(" {task}"));
        let state = child.state().name();
        (
            child.alias.clone(),
            format!("{state}{}", task.unwrap_or_default()),
        )
    };
    children.take(SERVERS).map(outcome).collect()
}

/// Facts as JSON that can be shown.
pub(crate) fn to_value(facts: &impl Serialize) -> Result<Value, Error> {
    let mut value = serde_json::to_value(facts).map_err(|error| Error::Internal {
        reason: error.to_string(),
    })?;
    // Before it becomes JSON text, which escapes such characters.
    make_readable(&mut value);
    Ok(value)
}

impl From<InputRequiredResult> for Reply {
    /// A question to the person, after whose answer the client calls again.
    fn from(question: InputRequiredResult) -> Self {
        Self(question.into())
    }
}

impl IntoCallToolResult for Reply {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        Ok(self.0)
    }
}

impl IntoCallToolResult for Error {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        Ok(failure(&self.report()).into())
    }
}
