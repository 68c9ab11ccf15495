//! A task's output, page by page.

use regex::bytes::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Parameters, Quantity};
use crate::app::App;
use crate::charset::Charset;
use crate::error::Error;
use crate::guard::Access;
use crate::job::{Job, JobId, Page, Selection, Status, Stream};
use crate::reply::Reply;

/// Bytes of a page, unless asked for otherwise: what a model can usefully read at once.
const PAGE: usize = 32 * 1024;
/// Most bytes of a page.
const LONGEST_PAGE: usize = 1024 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadOutput {
    /// Task ID.
    id: String,
    /// Stream to read.
    #[serde(default)]
    stream: Stream,
    /// First byte: nextOffset of the page before.
    #[serde(default)]
    offset: Quantity,
    /// Most bytes, up to 1048576.
    #[serde(default)]
    limit: Quantity<{ PAGE }>,
    /// Only the last so many lines.
    tail: Option<Quantity>,
    /// Only lines that match this regular expression.
    grep: Option<String>,
}

impl ReadOutput {
    fn selection(&self) -> Result<Selection, Error> {
        let grep = self.grep.as_deref().map(Regex::new).transpose();
        Ok(Selection {
            offset: self.offset.0 as u64,
            limit: self.limit.0.clamp(1, LONGEST_PAGE),
            tail: self.tail.map(|tail| tail.0),
            grows: false,
            charset: Charset::default(),
            grep: grep.map_err(|error| {
                Error::invalid("grep", format!("is not a regular expression: {error}"))
            })?,
        })
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
        Parameters(output): Parameters<ReadOutput>,
    ) -> Result<Reply, Error> {
        let selection = output.selection()?;
        let job = self.jobs().look(&JobId::from(output.id.as_str())).await?;
        let (page, from_file) = self.jobs().page(&job, output.stream, selection).await?;
        let shown = OutputPage::of(&job, output.stream, &page, from_file);
        Reply::new(text_of(&shown), &shown)
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
    let mut text = shown.text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let (offset, next) = (shown.offset, shown.next_offset);
    let length = shown.printed.unwrap_or(shown.length);
    let onwards = if next < length && shown.goes_on {
        format!("; goes on with offset {next}")
    } else if shown.at_end {
        String::new()
    } else {
        format!("; the task is {}", shown.status)
    };
    let stream = shown.stream.name();
    let note = shown.note.as_ref().map(|note| format!("\n[{note}]"));
    text + &format!("[{stream}, bytes {offset} to {next} of {length}{onwards}]")
        + &note.unwrap_or_default()
}
