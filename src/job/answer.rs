//! A job in an answer: its text, and its record without what the caller knows already.

use std::borrow::Cow;

use super::record::Job;

/// Bytes of a command that an answer or a list shows whole.
const LONGEST_COMMAND: usize = 4096;
/// Characters that it shows of a longer one.
const COMMAND_SHOWN: usize = 200;

impl Job {
    /// The record as an answer carries it.
    #[must_use]
    pub fn for_answer(&self) -> Self {
        let mut job = self.clone();
        for command in job.spec.kind_mut().commands() {
            cut_long(command);
        }
        job.outcome.results_mut().shorten_for_answer();
        job
    }

    /// What an answer says of the job: its result, or where to find it later.
    pub fn text(&self) -> String {
        if self.status.is_live() {
            return self.text_of_live();
        }
        self.outcome.render(self)
    }

    fn text_of_live(&self) -> String {
        let remote = self.outcome.results().remote();
        let how = match remote.map(|remote| remote.begun == Some(true)) {
            Some(true) => {
                "goes on detached on its server, whatever becomes of this connection and program"
            }
            Some(false) => "is to be started detached, and has not been seen to begin",
            None => "goes on in the background",
        };
        let mut text = format!(
            "task {} {how} (status: {}). task_wait waits for it, task_output shows what it has printed, \
             task_status shows it, task_cancel stops it.",
            self.id, self.status
        );
        if let Some(notice) = &self.waits_for {
            text.push('\n');
            text.push_str(notice);
        }
        if let Some(problem) = self.unreachable() {
            text.push_str("\nIts server cannot be reached for the time being: ");
            text.push_str(problem);
        }
        text
    }
}

/// The text of an answer, line by line.
pub(super) struct Text(String);

impl Text {
    /// Begins with the job's heading, in which `note` follows its ID.
    pub(super) fn of(job: &Job, note: &str) -> Self {
        Self(format!("Direct result (task {}){note}:", job.id))
    }

    pub(super) fn line(&mut self, line: &str) {
        self.0.push('\n');
        self.0.push_str(line);
    }

    /// What was printed to standard error, if anything.
    pub(super) fn stderr(&mut self, stderr: Option<&str>) {
        if let Some(stderr) = stderr {
            self.line(&format!("--- stderr ---\n{stderr}"));
        }
    }

    /// Why the job did not end well.
    pub(super) fn reason(&mut self, job: &Job) {
        match &job.error {
            Some(error) => self.line(&format!("{}: {error}", job.status)),
            None => self.line(job.status.name()),
        }
    }

    pub(super) fn end(self) -> String {
        self.0
    }
}

/// A command, or the beginning of a long one.
pub(super) fn cut(command: &str) -> Cow<'_, str> {
    if command.len() <= LONGEST_COMMAND {
        return command.into();
    }
    let beginning: String = command.chars().take(COMMAND_SHOWN).collect();
    format!("{beginning}… ({} bytes)", command.len()).into()
}

/// Cuts a long command to its beginning.
pub(super) fn cut_long(command: &mut String) {
    if let Cow::Owned(short) = cut(command) {
        *command = short;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What an answer says of a command with this record.
    fn text(record: &Value) -> String {
        let mut whole = json!({"id": "ID", "type": "ssh", "alias": "web1", "cmd": "true",
            "createdAt": "2026-11-22T13:14:30.805Z"});
        let fields = record.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(fields);
        serde_json::from_value::<Job>(whole).unwrap().text()
    }

    #[test]
    fn success_shows_the_output_first() {
        let text = text(&json!({"status": "completed", "output": "hi", "stderr": "careful"}));
        assert_eq!(
            text,
            "Direct result (task ID):\nhi\n--- stderr ---\ncareful"
        );
    }

    #[test]
    fn silence_is_said() {
        let text = text(&json!({"status": "completed", "output": ""}));
        assert_eq!(text, "Direct result (task ID):\n(no output, exit status 0)");
    }

    #[test]
    fn failure_shows_exit_status_stderr_and_stdout() {
        let text = text(
            &json!({"status": "failed", "output": "partly", "stderr": "oops",
            "exitCode": 3, "error": "Exit code: 3"}),
        );
        assert_eq!(
            text,
            "Direct result (task ID):\nexit status 3\n--- stderr ---\noops\n--- stdout ---\npartly"
        );
    }

    #[test]
    fn a_live_job_says_how_to_follow_it() {
        let text = text(&json!({"status": "running"}));
        assert!(text.contains("task ID goes on in the background") && text.contains("running"));
        assert!(text.contains("task_wait") && text.contains("task_status"));
    }

    #[test]
    fn a_long_command_does_not_come_back() {
        let long = cut(&"é".repeat(5000)).into_owned();
        assert_eq!(long, format!("{}… (10000 bytes)", "é".repeat(200)));
        let short = "x".repeat(4096);
        assert_eq!(cut(&short), short);
    }
}
