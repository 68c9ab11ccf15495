//! The text of an answer about a job.

use std::borrow::Cow;

use super::header::Header;

/// Bytes of a command that an answer or a list shows whole.
const LONGEST_COMMAND: usize = 4096;
/// Characters that it shows of a longer one.
const COMMAND_SHOWN: usize = 200;

/// The text of an answer, line by line.
pub(super) struct Text(String);

impl Text {
    /// Begins with the job's heading, in which `note` follows its ID.
    pub(super) fn of(job: &Header, note: &str) -> Self {
        Self(format!("Direct result (task {}){note}:", job.id))
    }

    pub(super) fn line(&mut self, line: &str) {
        self.0.push('\n');
        self.0.push_str(line);
    }

    /// Adds the standard error, if there is any.
    pub(super) fn stderr(&mut self, stderr: Option<&str>) {
        if let Some(stderr) = stderr {
            self.line(&format!("--- stderr ---\n{stderr}"));
        }
    }

    /// Adds the reason for which the job did not end well.
    pub(super) fn reason(&mut self, job: &Header) {
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
    use super::*;

    #[test]
    fn a_long_command_does_not_come_back() {
        let long = cut(&"é".repeat(5000)).into_owned();
        assert_eq!(long, format!("{}… (10000 bytes)", "é".repeat(200)));
        let short = "x".repeat(4096);
        assert_eq!(cut(&short), short);
    }
}
