//! The output of commands, as a record holds it.

use serde::{Deserialize, Serialize};

use super::stream::Stream;
use crate::charset::Charset;
use crate::ssh::Output;
use crate::ssh::output::FEW;
use crate::text::{abridge, tell_loss};

/// The output of a command.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Printed {
    /// Head and tail of standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Head and tail of standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Lines of standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_count: Option<u64>,
    /// Set if standard output does not end with a newline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_ended: Option<bool>,
    /// Bytes of standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Bytes of standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_bytes: Option<u64>,
    /// The reason for which the output's file is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_problem: Option<String>,
    /// Set if `output` or `stderr` leave out a middle part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    /// Set if `output` or `stderr` is no text, and only its size is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<bool>,
    /// The encoding of what was printed, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

impl Printed {
    /// Notes what was printed. Gives whether the whole is on disk, as far as it may be.
    pub(super) fn keep(&mut self, stdout: &Output, stderr: &Output) -> bool {
        let (out, err) = (stdout.captured(), stderr.captured());
        let [shown, complaints] = [out, err].map(|stream| stream.shown(self.charset()));
        self.line_count = out.lines();
        self.open_ended = out.is_open_ended().then_some(true);
        self.output_bytes = Some(out.total());
        self.stderr_bytes = Some(err.total());
        self.truncated = (shown.is_truncated || complaints.is_truncated).then_some(true);
        self.binary = (shown.is_binary || complaints.is_binary).then_some(true);
        let texts = [
            (shown.text, stdout.lost()),
            (complaints.text, stderr.lost()),
        ];
        let [shown, complaints] = texts.map(|(mut text, lost)| {
            tell_loss(&mut text, lost);
            text
        });
        self.output = Some(shown);
        self.stderr = Some(complaints);
        let problem = stdout.failure().or(stderr.failure());
        self.output_problem = problem.map(ToOwned::to_owned);
        problem.is_none()
    }

    /// The encoding of what was printed.
    pub fn charset(&self) -> Charset {
        let name = self.encoding.as_deref();
        name.and_then(Charset::named).unwrap_or_default()
    }

    /// Head and tail of a stream.
    pub fn text(&self, stream: Stream) -> Option<&str> {
        match stream {
            Stream::Stdout => self.output.as_deref(),
            Stream::Stderr => self.stderr.as_deref(),
        }
    }

    /// Bytes of a stream.
    pub fn bytes(&self, stream: Stream) -> Option<u64> {
        match stream {
            Stream::Stdout => self.output_bytes,
            Stream::Stderr => self.stderr_bytes,
        }
    }

    /// Returns whether there is anything on standard output.
    pub(super) fn has_output(&self) -> bool {
        self.output_bytes.is_some_and(|bytes| bytes > 0)
    }

    /// Cuts the texts to what the queue keeps: long outputs are in files, and a thousand jobs must not
    /// make the queue slow.
    pub(super) fn shorten(&mut self) {
        for (text, bytes) in [
            (&mut self.output, self.output_bytes),
            (&mut self.stderr, self.stderr_bytes),
        ] {
            if let (Some(text), Some(bytes)) = (text, bytes)
                && bytes > FEW
                && text.len() as u64 > FEW
            {
                shorten(text);
                self.truncated = Some(true);
            }
        }
    }
}

/// Cuts a text to what the queue keeps of it.
pub(super) fn shorten(text: &mut String) {
    let few = usize::try_from(FEW).expect("it is small");
    *text = abridge(text, few);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_keeps_the_ends_of_a_long_output() {
        let mut printed = Printed {
            output: Some(format!("{}{}", "é".repeat(5000), "end")),
            output_bytes: Some(10_003),
            stderr: Some("short".into()),
            stderr_bytes: Some(5),
            ..Printed::default()
        };
        printed.shorten();
        let output = printed.output.unwrap();
        assert!(
            output.starts_with("éé") && output.ends_with("ééend"),
            "{output}"
        );
        assert!(
            output.len() < 2200 && output.contains("bytes left out"),
            "{output}"
        );
        assert!(!output.contains('\u{FFFD}'), "{output}");
        assert_eq!(
            (printed.stderr.as_deref(), printed.truncated),
            (Some("short"), Some(true))
        );
    }
}
