//! What a tool answers: text for a person or a model, and the same facts for a program.

use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Stopped};
use crate::job::{Job, Kind, Status, StepResult};
use crate::readable::{make_readable, readable};

/// Places of a transfer that an answer names.
const PLACES: usize = 5;

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
        let unreachable = job
            .unreachable
            .as_ref()
            .map(|problem| format!(" ({problem})"));
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
        let text = readable(&text_of_job(job)).into_owned();
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

fn text_of_job(job: &Job) -> String {
    if job.status.is_live() {
        return text_of_live_job(job);
    }
    // It is recorded as completed, and did not end by itself.
    let bounded = match (job.bounded, job.process) {
        (Some(true), Some(_)) => ", bounded",
        _ => "",
    };
    let mut text = format!("Direct result (task {}){bounded}:", job.id);
    let mut line = |line: &str| {
        text.push('\n');
        text.push_str(line);
    };
    if let Some(shell) = &job.shell {
        line(&format!(
            "(run by {shell}, for the login shell is not a POSIX one)"
        ));
    }
    if job.left_running == Some(true) {
        line(text_of_left(job));
    }
    if job.pager_quit == Some(true) {
        line(
            "(a pager waited for keys and was quit; what it had not shown is missing: use --no-pager, or end the command with | cat)",
        );
    }
    if let Some(results) = &job.results {
        for result in results {
            line(&text_of_step(result));
        }
        if let Some(error) = &job.error {
            line(&format!("{}: {error}", job.status));
        }
        return text;
    }
    let present = |part: &Option<String>| part.clone().filter(|part| !part.is_empty());
    let (output, stderr) = (present(&job.output), present(&job.stderr));
    if let Some(problem) = &job.output_problem {
        line(&format!("(the whole output is not kept: {problem})"));
    }
    if job.bounded == Some(true) {
        line(&text_of_bound(job.process, job.bounded_by.as_deref()));
    }
    if job.status == Status::Completed {
        match (&output, job.kind) {
            (Some(output), Kind::Sftp) => line(&text_of_transfer(job, output)),
            (Some(output), _) => line(output),
            // What was stopped has no exit status.
            (None, _) if job.process.is_some() => line("(no output)"),
            (None, _) => line("(no output, exit status 0)"),
        }
        if let Some(stderr) = stderr {
            line(&format!("--- stderr ---\n{stderr}"));
        }
        return text;
    }
    match (job.exit_code, &job.error) {
        (Some(127), _)
            if stderr
                .as_ref()
                .is_some_and(|said| said.contains("not found")) =>
        {
            line(
                "exit status 127 (not on the PATH, which is shorter for a command than for a person who logs in: try its full path, or bash -lc '…')",
            );
        }
        (Some(code), _) => line(&format!("exit status {code}")),
        (None, Some(error)) => line(&format!("{}: {error}", job.status)),
        (None, None) => line(job.status.name()),
    }
    if let Some(stderr) = stderr {
        line(&format!("--- stderr ---\n{stderr}"));
    }
    for failed in job.failed_files.iter().flatten() {
        line(&format!("`{}`: {}", failed.file, failed.error));
    }
    match (output, job.kind) {
        (Some(output), Kind::Sftp) => line(&text_of_transfer(job, &output)),
        (Some(output), _) => line(&format!("--- stdout ---\n{output}")),
        (None, _) => {}
    }
    text
}

fn text_of_left(job: &Job) -> &'static str {
    if job.interactive == Some(true) {
        "(what it left in the background ended with its terminal: for what has to go on use task_exec with detach: true)"
    } else if job.detach == Some(true) {
        "(what it left in the background is on its own: nothing that it still prints is kept, and task_cancel does not reach it: a detached command needs no &)"
    } else {
        "(a process that it left in the background goes on for now; its output has ended, so the next line that it prints kills it: for what has to go on use detach: true, or give it an output of its own)"
    }
}

fn text_of_bound(process: Option<Stopped>, bound: Option<&str>) -> String {
    let bound = bound.unwrap_or("what it may print");
    match process {
        Some(stopped) => format!(
            "(bounded in lines or time: it was ended after {bound}; the command was {stopped} and has no exit status)"
        ),
        None => format!(
            "(bounded in lines: what came after {bound} was left out; the command ended by itself)"
        ),
    }
}

fn text_of_step(result: &StepResult) -> String {
    let mut text = format!("[{}] {}", result.step, result.command);
    if let Some(error) = &result.error {
        text.push_str(" -> ");
        text.push_str(error);
    }
    if result.bounded == Some(true) {
        text.push('\n');
        text.push_str(&text_of_bound(result.process, result.bounded_by.as_deref()));
    }
    for (part, title) in [(&result.output, ""), (&result.stderr, "--- stderr ---\n")] {
        if !part.is_empty() {
            text.push('\n');
            text.push_str(title);
            text.push_str(part);
        }
    }
    text
}

fn text_of_live_job(job: &Job) -> String {
    let how = match (job.detach, job.begun) {
        (Some(true), Some(true)) => {
            "goes on detached on its server, whatever becomes of this connection and program"
        }
        (Some(true), _) => "is to be started detached, and has not been seen to begin",
        _ => "goes on in the background",
    };
    let mut text = format!(
        "task {} {how} (status: {}). task_wait waits for it, task_output shows what it has printed, \
         task_status shows it, task_cancel stops it.",
        job.id, job.status
    );
    if let Some(notice) = &job.waits_for {
        text.push('\n');
        text.push_str(notice);
    }
    if let Some(problem) = &job.unreachable {
        text.push_str("\nIts server cannot be reached for the time being: ");
        text.push_str(problem);
    }
    text
}

/// A transfer's first line with its figures, where its files are now, and what else is to be said.
fn text_of_transfer(job: &Job, output: &str) -> String {
    let (first, rest) = output.split_once('\n').unwrap_or((output, ""));
    let verified = match job.verified {
        Some(true) => ", verified",
        _ => "",
    };
    let mut lines = vec![format!("{first}{}{verified}", figures(job))];
    let places = job.destinations.as_deref().unwrap_or_default();
    let named = places.iter().take(PLACES);
    lines.extend(named.map(|place| format!("now at {place}")));
    if places.len() > PLACES {
        lines.push(format!("and at {} more places", places.len() - PLACES));
    }
    lines.extend(rest.lines().map(ToOwned::to_owned));
    lines.join("\n")
}

fn figures(job: &Job) -> String {
    match (job.bytes, job.duration) {
        (Some(bytes), Some(duration)) => format!(" ({bytes} bytes in {duration} ms)"),
        _ => String::new(),
    }
}

impl IntoCallToolResult for Reply {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        Ok(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(change: impl FnOnce(&mut Job)) -> String {
        let mut job = Job::new(Kind::Ssh, "web1");
        change(&mut job);
        text_of_job(&job).replace(job.id.as_str(), "ID")
    }

    #[test]
    fn success_shows_the_output_first() {
        let text = job(|job| {
            job.output = Some("hi".into());
            job.stderr = Some("careful".into());
            job.enter(Status::Completed);
        });
        assert_eq!(
            text,
            "Direct result (task ID):\nhi\n--- stderr ---\ncareful"
        );
    }

    #[test]
    fn silence_is_said() {
        let text = job(|job| {
            job.output = Some(String::new());
            job.enter(Status::Completed);
        });
        assert_eq!(text, "Direct result (task ID):\n(no output, exit status 0)");
    }

    #[test]
    fn failure_shows_exit_status_stderr_and_stdout() {
        let text = job(|job| {
            job.output = Some("partly".into());
            job.stderr = Some("oops".into());
            job.exit_code = Some(3);
            job.error = Some("Exit code: 3".into());
            job.enter(Status::Failed);
        });
        assert_eq!(
            text,
            "Direct result (task ID):\nexit status 3\n--- stderr ---\noops\n--- stdout ---\npartly"
        );
    }

    #[test]
    fn a_live_job_says_how_to_follow_it() {
        let text = job(|job| job.enter(Status::Running));
        assert!(text.contains("task ID goes on in the background") && text.contains("running"));
        assert!(text.contains("task_wait") && text.contains("task_status"));
    }
}
