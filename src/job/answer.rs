//! The text of an answer about a job.

use std::borrow::Cow;

use super::excerpt::OutputView;
use super::header::Header;
use super::id::JobId;

/// Characters of a command that an answer or a list shows.
const COMMAND_SHOWN: usize = 200;

/// The parts of a job's streams that an answer shows.
#[derive(Debug, Default)]
pub struct ShownOutput {
    /// The view by which it was cut.
    pub view: OutputView,
    /// Standard output; empty if there was none.
    pub stdout: String,
    /// Standard error; empty if there was none.
    pub stderr: String,
    /// Set if there was more, of which a caller was told before.
    pub is_part: bool,
}

impl ShownOutput {
    /// Returns whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }
}

/// The text of an answer: what came of the job, notes, and what it has printed.
///
/// The separators bear the job's ID, which no output can know in advance.
pub(super) struct AnswerText {
    id: JobId,
    headline: String,
    notes: Vec<String>,
    output: String,
}

impl AnswerText {
    /// Begins with what came of the job.
    pub(super) fn of(job: &Header, headline: impl Into<String>) -> Self {
        Self {
            id: job.id.clone(),
            headline: headline.into(),
            notes: Vec::new(),
            output: String::new(),
        }
    }

    /// Adds a few words to the first line.
    pub(super) fn remark(&mut self, words: &str) {
        self.headline.push_str(", ");
        self.headline.push_str(words);
    }

    /// Adds a line below the first one.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds both streams.
    pub(super) fn output(&mut self, shown: &ShownOutput) {
        let ShownOutput { stdout, stderr, .. } = shown;
        if !stdout.is_empty() {
            if !self.notes.is_empty() {
                self.separate("stdout of task");
            }
            self.line(stdout);
        }
        if !stderr.is_empty() {
            self.separate("stderr of task");
            self.line(stderr);
        }
    }

    /// Adds a separator, to which the job's ID is added.
    pub(super) fn separate(&mut self, title: &str) {
        let separator = format!("--- {title} {} ---", self.id);
        self.line(&separator);
    }

    /// Adds a line of output.
    pub(super) fn line(&mut self, line: &str) {
        self.output.push('\n');
        self.output.push_str(line);
    }

    pub(super) fn end(self) -> String {
        let Self {
            id,
            headline,
            notes,
            output,
        } = self;
        let notes = notes.into_iter().map(|note| format!("\n{note}"));
        let notes: String = notes.collect();
        format!("{headline} (task {id}){notes}{output}")
    }
}

/// A command in one line, or its beginning.
pub(super) fn in_a_line(command: &str) -> Cow<'_, str> {
    match command.split_once('\n') {
        None => cut(command),
        Some((first, _)) => {
            let first: String = first.chars().take(COMMAND_SHOWN).collect();
            format!("{first} … ({} bytes)", command.len()).into()
        }
    }
}

/// A command, or the beginning of a long one.
pub(super) fn cut(command: &str) -> Cow<'_, str> {
    match command.char_indices().nth(COMMAND_SHOWN) {
        None => command.into(),
        Some((end, _)) => format!("{}… ({} bytes)", &command[..end], command.len()).into(),
    }
}

/// Cuts a long command to its beginning.
pub(super) fn cut_long(command: &mut String) {
    if let Cow::Owned(short) = cut(command) {
        *command = short;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_does_not_come_back() {
        let long = cut(&"é".repeat(5000)).into_owned();
        assert_eq!(long, format!("{}… (10000 bytes)", "é".repeat(200)));
        let short = "x".repeat(200);
        assert_eq!(cut(&short), short);
        assert_eq!(in_a_line("cat <<E\none\nE"), "cat <<E … (13 bytes)");
    }
}
