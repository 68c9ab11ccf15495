//! The state of one task, in brief.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::data::{fields, words};
use super::task_list::{COMMAND, COMMAND_IN_LINE, NAME, text_of_due, when};
use crate::app::App;
use crate::error::{Error, FailedFile};
use crate::job::kind::Outcome;
use crate::job::kind::fleet::{Child, ChildState, FleetOutcome};
use crate::job::kind::step::StepResult;
use crate::job::{Job, JobId, Selection, Status, Stream, output_call};
use crate::text::beginning;

/// The last lines of a stream that are shown, and the most bytes of them.
const LINES: usize = 10;
const BYTES: usize = 1024;
/// The most bytes of an error.
const ERROR: usize = 1000;
/// The most steps of a sequence and failed files that are named.
const PARTS: usize = 20;
/// The facts that only some kinds of tasks have, all of them short.
const FURTHER: [&str; 20] = [
    "signal",
    "timedOut",
    "bounded",
    "boundedBy",
    "process",
    "leftRunning",
    "pagerQuit",
    "shell",
    "lineCount",
    "binary",
    "filesDone",
    "filesTotal",
    "bytes",
    "bytesTotal",
    "resumedBytes",
    "verified",
    "unreachable",
    "errorCode",
    "canRetry",
    "retriedFrom",
];

/// The state of a task.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskFacts {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    alias: String,
    status: Status,
    cmd: String,
    when: String,
    #[schemars(extend("unit" = "ms"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    further: Map<String, Value>,
    /// The steps of a sequence that have ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<StepFacts>,
    #[schemars(with = "Vec<Value>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_files: Vec<FailedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<String>,
    /// Its last lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<String>,
    /// The call that shows the whole output, if this is not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<String>,
}

/// The end of a step.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StepFacts {
    step: usize,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl TaskFacts {
    /// Gathers the facts about a task and the ends of its outputs.
    pub(super) async fn of(app: &App, job: &Job) -> Result<Self, Error> {
        let (output, is_all) = last_lines(app, job, Stream::Stdout).await?;
        let (stderr, is_all_of_stderr) = last_lines(app, job, Stream::Stderr).await?;
        let record = job.to_json();
        let further = FURTHER.iter().filter_map(|name| {
            let value = record.get(*name)?.clone();
            Some(((*name).to_owned(), short(value)))
        });
        let mut further: Map<_, _> = further.collect();
        if job.status.is_live() && job.printed().is_some() {
            let lines = app.jobs().lines_so_far(job).await?;
            further.insert("lineCount".to_owned(), lines.into());
        }
        if let Some(outcome) = job.fleet() {
            further.extend(servers_of(outcome));
        }
        let id = beginning(job.id.as_str(), NAME).into_owned();
        let whole = output_call(&JobId::from(id.as_str()), Stream::Stdout, "");
        let exit_code = job.exit_code();
        let error = job
            .error
            .as_ref()
            .filter(|error| !repeats(error, exit_code));
        Ok(Self {
            kind: job.record_type,
            alias: beginning(&job.alias, NAME).into_owned(),
            status: job.status,
            cmd: beginning(&job.summary(), COMMAND).into_owned(),
            when: when(job),
            duration: job.duration,
            exit_code,
            error: error.map(|error| beginning(error, ERROR).into_owned()),
            further,
            results: results(job),
            failed_files: failed_files(job),
            reminder: job.due().map(text_of_due),
            waits_for: app
                .waits_for(job)
                .or_else(|| job.awaited_yes())
                .filter(|_| job.status.is_live()),
            output,
            stderr,
            whole: (!is_all || !is_all_of_stderr).then_some(whole),
            id,
        })
    }

    /// The facts for people.
    pub(super) fn text(&self) -> String {
        let Self {
            id, alias, status, ..
        } = self;
        let exit = self.exit_code.map(|code| format!(", exit {code}"));
        let exit = exit.unwrap_or_default();
        let mut lines = vec![
            format!("task {id} on `{alias}`: {status} {}{exit}", self.when),
            format!("{}: {}", self.kind, self.cmd),
        ];
        lines.extend(
            self.duration
                .map(|duration| format!("duration: {duration} ms")),
        );
        lines.extend(self.further.iter().flat_map(|(name, value)| match value {
            Value::String(text) => vec![format!("{name}: {text}")],
            Value::Array(parts) => {
                let parts = parts.iter().filter_map(Value::as_object);
                parts.map(words).collect()
            }
            value => vec![format!("{name}: {value}")],
        }));
        let texts = [
            ("error", &self.error),
            ("reminder", &self.reminder),
            ("waits for", &self.waits_for),
            ("the whole output", &self.whole),
        ];
        let texts = texts.into_iter();
        lines.extend(texts.filter_map(|(name, text)| Some(format!("{name}: {}", text.as_ref()?))));
        lines.extend(self.results.iter().map(StepFacts::text));
        let failed = self.failed_files.iter();
        lines.extend(failed.map(|FailedFile { file, error }| format!("failed: {file}: {error}")));
        for (name, text) in [("stdout", &self.output), ("stderr", &self.stderr)] {
            let text = text.iter();
            lines.extend(text.map(|text| format!("--- {name} of task {id} ---\n{text}")));
        }
        lines.join("\n")
    }
}

impl StepFacts {
    fn of(result: &StepResult) -> Self {
        let error = result.error.as_ref();
        let error = error.filter(|error| !repeats(error, result.exit_code));
        Self {
            step: result.step,
            command: beginning(&result.command, COMMAND_IN_LINE).into_owned(),
            exit_code: result.exit_code,
            error: error.map(|error| beginning(error, COMMAND).into_owned()),
        }
    }

    fn text(&self) -> String {
        let Self { step, command, .. } = self;
        match (&self.error, self.exit_code) {
            (Some(error), _) => format!("step {step}: {error}: {command}"),
            (None, Some(code)) => format!("step {step}: exit {code}: {command}"),
            (None, None) => format!("step {step}: {command}"),
        }
    }
}

/// The facts of a task on several servers: how many are in which state, and the first ones, problems first.
fn servers_of(outcome: &FleetOutcome) -> Map<String, Value> {
    let rank = |child: &Child| match child.state() {
        ChildState::Running => 1,
        ChildState::NotBegun => 2,
        ChildState::Done => 3,
        _ => 0,
    };
    let mut children: Vec<_> = outcome.children.iter().collect();
    children.sort_by_key(|child| rank(child));
    let rows = children.into_iter().take(PARTS).map(|child| {
        let mut row = fields(&ChildFacts::of(child));
        row.retain(|_, value| !value.is_null());
        Value::Object(row)
    });
    let rows: Vec<_> = rows.collect();
    Map::from_iter([
        ("servers".to_owned(), outcome.counts().into()),
        ("children".to_owned(), rows.into()),
    ])
}

/// A server of a task on several.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChildFacts<'a> {
    alias: Cow<'a, str>,
    state: &'static str,
    task: Option<&'a JobId>,
    exit_code: Option<u32>,
    error: Option<Cow<'a, str>>,
    undo: Option<&'a JobId>,
}

impl<'a> ChildFacts<'a> {
    fn of(child: &'a Child) -> Self {
        let error = child.error.as_deref();
        let error = error.filter(|error| !repeats(error, child.exit_code));
        Self {
            alias: beginning(&child.alias, NAME),
            state: child.state().name(),
            task: child.task.as_ref(),
            exit_code: child.exit_code,
            error: error.map(|error| beginning(error, COMMAND)),
            undo: child.undo.as_ref(),
        }
    }
}

/// Returns whether an error says no more than an exit status.
fn repeats(error: &str, exit_code: Option<u32>) -> bool {
    exit_code.is_some_and(|code| error == format!("Exit code: {code}"))
}

/// The last lines of what a task has printed, and whether they are all.
async fn last_lines(app: &App, job: &Job, stream: Stream) -> Result<(Option<String>, bool), Error> {
    let selection = Selection {
        limit: BYTES,
        tail: Some(LINES),
        ..Selection::default()
    };
    if job.output(stream).is_none() && !job.status.is_live() {
        return Ok((None, true));
    }
    let (page, _) = app.jobs().page(job, stream, selection).await?;
    let text = page.text.trim_end_matches('\n').to_owned();
    Ok((Some(text).filter(|text| !text.is_empty()), page.offset == 0))
}

fn results(job: &Job) -> Vec<StepFacts> {
    let Outcome::Sequence(outcome) = &job.outcome else {
        return Vec::new();
    };
    let results = outcome.steps.results.iter().flatten().take(PARTS);
    results.map(StepFacts::of).collect()
}

fn failed_files(job: &Job) -> Vec<FailedFile> {
    let outcome = job.transferred();
    let failed = outcome.and_then(|outcome| outcome.failed_files.as_ref());
    let failed = failed.into_iter().flatten().take(PARTS);
    let short = |failed: &FailedFile| FailedFile {
        file: beginning(&failed.file, COMMAND).into_owned(),
        error: beginning(&failed.error, COMMAND).into_owned(),
    };
    failed.map(short).collect()
}

/// A value whose text is cut.
fn short(value: Value) -> Value {
    match value {
        Value::String(text) => beginning(&text, COMMAND).into_owned().into(),
        other => other,
    }
}
