//! The steps of a sequence: their outcomes, and the part of an answer about them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::text_of_bound;
use crate::charset::Charset;
use crate::error::Stopped;
use crate::job::answer::{AnswerText, in_a_line};
use crate::job::excerpt::{OutputView, StreamOf, output_call};
use crate::job::header::Header;
use crate::job::page::Selection;
use crate::job::stream::Stream;
use crate::text::{abridge, name_call, share};
use crate::time::brief;

/// The outcome of a step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
// The original leaves out what a failed step has not.
#[serde(rename_all = "camelCase", default)]
pub struct StepResult {
    /// Its number, from 1.
    pub step: usize,
    /// The command line.
    pub command: String,
    /// Set if its exit status was 0, or it was stopped at its bound.
    pub success: bool,
    /// Head and tail of standard output.
    pub output: String,
    /// Head and tail of standard error.
    pub stderr: String,
    /// Its exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u32>,
    /// Its duration in ms.
    pub duration: u64,
    /// Lines of standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_count: Option<u64>,
    /// Set if it was stopped at its bound, or some of its output was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounded: Option<bool>,
    /// The bound that it came to: so many lines, or seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounded_by: Option<String>,
    /// The state of its process after it was stopped at its bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Stopped>,
    /// The reason for which it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Adds a line for each step, and what it has printed. The outputs share what the view allows.
pub(super) fn add_steps(
    text: &mut AnswerText,
    job: &Header,
    results: &[StepResult],
    view: &OutputView,
) {
    let streams = results.iter().flat_map(|step| [&step.output, &step.stderr]);
    let lengths: Vec<_> = streams.map(String::len).collect();
    let budget = share(&lengths, view.budget()).min(view.budget());
    for result in results {
        text.line(&line_of(job, result));
        if result.bounded == Some(true) {
            text.line(&text_of_bound(result.process, result.bounded_by.as_deref()));
        }
        let streams = [
            (Stream::Stdout, &result.output),
            (Stream::Stderr, &result.stderr),
        ];
        for (stream, printed) in streams {
            let shown = excerpt(job, stream, printed, view, budget);
            if shown.is_empty() {
                continue;
            }
            if stream == Stream::Stderr {
                text.separate("stderr of task");
            }
            text.line(&shown);
        }
    }
}

fn line_of(job: &Header, result: &StepResult) -> String {
    let StepResult {
        step,
        command,
        exit_code,
        duration,
        error,
        ..
    } = result;
    let (id, time) = (&job.id, brief(Duration::from_millis(*duration)));
    let ended = match (exit_code, error) {
        (Some(code), _) => format!("exit {code} in {time}"),
        (None, Some(error)) => format!("{error}, after {time}"),
        (None, None) => format!("after {time}"),
    };
    format!("--- {id} step {step}: {ended}: {}", in_a_line(command))
}

fn excerpt(
    job: &Header,
    stream: Stream,
    printed: &str,
    view: &OutputView,
    budget: usize,
) -> String {
    if printed.is_empty() || view.takes(printed, budget) {
        return printed.to_owned();
    }
    if view.head.is_none() && view.tail.is_none() && view.grep.is_none() {
        return name_call(&abridge(printed, budget), &output_call(&job.id, stream, ""));
    }
    let stream = StreamOf {
        id: &job.id,
        stream,
        charset: Charset::default(),
        from: 0,
        grows: false,
        failed: false,
        read: |selection: &Selection| selection.read_text(printed),
    };
    stream.excerpt(view, budget).unwrap_or_default()
}
