//! A task's output, page by page.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::RegularExpression;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::queue::WAIT;
use super::{Call, Parameters, Quantity, Viewed};
use crate::app::App;
use crate::error::Error;
use crate::guard::Access;
use crate::job::{Job, JobId, OutputView, Page, Selection, Status, Stream, output_call};
use crate::reply::Reply;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadOutput {
    /// Task ID.
    id: String,
    /// Of a task on several servers: the server.
    #[schemars(extend("toolset" = "fleet"))]
    alias: Option<String>,
    /// Stream to read.
    #[serde(default)]
    stream: Stream,
    /// First byte: where the answer before goes on.
    #[serde(default)]
    offset: Quantity,
    /// Wait for the first line that matches (regex).
    until: Option<RegularExpression>,
}

impl ReadOutput {
    fn selection(&self, view: &OutputView) -> Selection {
        Selection {
            offset: self.offset.0 as u64,
            limit: view.budget(),
            head: view.head,
            tail: view.tail,
            grep: view.grep.clone(),
            whole_lines: true,
            ..Selection::default()
        }
    }
}

/// Lengths and positions are in bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputPage<'a> {
    id: &'a JobId,
    stream: Stream,
    status: Status,
    offset: u64,
    next_offset: u64,
    /// Bytes that can be read.
    length: u64,
    /// Bytes that were printed, if more than can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    printed: Option<u64>,
    /// True if no more will come.
    at_end: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip)]
    goes_on: bool,
    text: &'a str,
}

impl<'a> OutputPage<'a> {
    fn of(job: &'a Job, stream: Stream, page: &'a Page, from_file: bool) -> Self {
        let missing = page.missing.end - page.missing.start;
        let readable = page.length - missing;
        Self {
            id: &job.id,
            stream,
            status: job.status,
            offset: page.offset,
            next_offset: page.next,
            length: readable,
            printed: printed(job, stream)
                .filter(|printed| (from_file || job.is_truncated()) && *printed > readable)
                .or((missing > 0).then_some(page.length)),
            at_end: !job.status.is_live() && page.next >= page.length,
            note: note(job, stream, page, from_file),
            goes_on: page.next < page.length,
            text: &page.text,
        }
    }
}

#[tool_router(router = output_tools, vis = "pub(super)")]
impl App {
    /// Show what a task has printed so far: in pages, its last lines, or those that match.
    #[tool(title = "Show a task's output", meta = declare(Access::ReadsHere, Toolset::Core))]
    async fn task_output(
        &self,
        Parameters(viewed): Parameters<Viewed<ReadOutput>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let Viewed {
            arguments: output,
            view,
        } = viewed;
        let selection = output.selection(&view);
        let id = JobId::from(output.id.as_str());
        let job = self.jobs().look(&id).await?;
        let id = match (&output.alias, job.fleet()) {
            (Some(alias), _) => job.child_on(alias)?,
            (None, Some(_)) => return self.reply_about(&job, &view).await,
            (None, None) => id,
        };
        let until = output.until.as_ref().map(|until| &until.0);
        let mut said = None;
        if until.is_some() {
            said = self.wait_until(&call, &id, until, WAIT).await?.1;
        }
        let job = self.jobs().look(&id).await?;
        let (page, from_file) = self.jobs().page(&job, output.stream, selection).await?;
        let shown = OutputPage::of(&job, output.stream, &page, from_file);
        let reply = Reply::new(text_of(&shown), &shown)?;
        Ok(match said {
            Some(said) => reply.after(&said),
            None => reply,
        })
    }
}

fn printed(job: &Job, stream: Stream) -> Option<u64> {
    job.printed()?.bytes(stream)
}

/// The reason why the readable output is not the whole, if it is not.
fn note(job: &Job, stream: Stream, page: &Page, from_file: bool) -> Option<String> {
    let problem = job
        .printed()
        .and_then(|printed| printed.output_problem.as_ref());
    if let Some(problem) = problem {
        return Some(format!("the output is not whole: {problem}"));
    }
    if !page.missing.is_empty() {
        return Some(format!(
            "bytes {} to {} of {} were not kept: of a long output its first and its last half are (MAX_OUTPUT_SIZE)",
            page.missing.start, page.missing.end, page.length
        ));
    }
    let printed = printed(job, stream)?;
    if from_file && printed > page.length {
        Some(format!(
            "only the first {} of {printed} bytes were kept (MAX_OUTPUT_SIZE)",
            page.length
        ))
    } else if !from_file && job.is_truncated() {
        Some("the whole output was dropped to keep within MAX_OUTPUT_TOTAL; this is its head and tail".to_owned())
    } else {
        None
    }
}

fn text_of(shown: &OutputPage) -> String {
    let OutputPage {
        id,
        status,
        offset,
        next_offset: next,
        ..
    } = shown;
    let stream = shown.stream.name();
    let length = shown.printed.unwrap_or(shown.length);
    let onwards = if *next < length && shown.goes_on {
        let rest = output_call(id, shown.stream, &format!(",\"offset\":{next}"));
        format!("; goes on: {rest}")
    } else {
        String::new()
    };
    let note = shown.note.as_ref().map(|note| format!("\n[{note}]"));
    let text = shown.text.trim_end_matches(['\n', '\r']);
    let line = if text.is_empty() { "" } else { "\n" };
    format!(
        "{stream} of task {id} ({status}), bytes {offset} to {next} of {length}{onwards}{}{line}{text}",
        note.unwrap_or_default()
    )
}
