//! The output of one step of a session, and the lines that end it.

use super::marker::Marker;
use crate::charset::Charset;
use crate::secret::Mask;
use crate::ssh::output::Output;
use crate::ssh::output::bound::Allowance;
use crate::ssh::output::capture::Captured;

/// The line, after the token, by which a shell asks whether to begin a step.
pub(in crate::ssh) const ASKS: &str = "?";

/// The output of a step, up to a line with the same token on both streams.
pub(in crate::ssh) struct OutputStep {
    pub(in crate::ssh) stdout: OutputPart,
    pub(in crate::ssh) stderr: OutputPart,
    allowance: Allowance,
    /// True if its output belongs to no command.
    silent: bool,
    /// True while the shell waits for the word to begin.
    asks: bool,
    /// True if standard error comes on standard output, which then tells the end alone.
    is_merged: bool,
}

/// The output of a step on one stream.
pub(in crate::ssh) struct OutputPart {
    mask: Mask,
    pub(in crate::ssh) captured: Captured,
    pub(in crate::ssh) marker: Marker,
}

impl OutputStep {
    /// A step that ends with lines of `token`, of a session with this output, and prints in this encoding.
    /// No more than `lines` of standard output are taken.
    pub(in crate::ssh) fn until(
        token: &str,
        output: &Output,
        charset: Charset,
        lines: Option<u64>,
    ) -> Self {
        let part = || OutputPart {
            mask: output.another_mask(),
            captured: Captured::default(),
            marker: Marker::with_token(token, charset),
        };
        Self {
            stdout: part(),
            stderr: part(),
            allowance: Allowance::new(lines),
            silent: false,
            asks: false,
            is_merged: false,
        }
    }

    /// A step whose output belongs to no command.
    #[must_use]
    pub(in crate::ssh) fn in_silence(mut self) -> Self {
        self.silent = true;
        self
    }

    /// The same step, whose streams may come as one.
    #[must_use]
    pub(in crate::ssh) fn merged(self, is_merged: bool) -> Self {
        Self { is_merged, ..self }
    }

    pub(in crate::ssh) fn is_over(&self) -> bool {
        self.stdout.is_over() && (self.is_merged || self.stderr.is_over())
    }

    /// Returns whether the shell waits for the word to begin, once for each time that it waits.
    pub(in crate::ssh) fn asks_now(&mut self) -> bool {
        std::mem::take(&mut self.asks)
    }

    /// Returns whether as many lines have come as are taken.
    pub(in crate::ssh) fn is_at_bound(&self) -> bool {
        self.allowance.is_used(&self.stdout.captured)
    }

    /// Returns whether lines were left out.
    pub(in crate::ssh) fn is_cut(&self) -> bool {
        self.allowance.is_cut
    }

    /// Takes bytes of standard output. Those of the step that its bound allows go to `output` as well.
    /// Returns the bytes after its last line.
    pub(in crate::ssh) fn take_stdout(&mut self, output: &mut Output, data: &[u8]) -> Vec<u8> {
        let (own, after) = self.stdout.marker.split(data);
        let own = self.allowance.first(&own, &self.stdout.captured);
        self.stdout.keep(output, own, self.silent);
        if self.stdout.marker.line() != Some(ASKS) {
            return after;
        }
        self.asks = true;
        self.stdout.marker.forget_line();
        self.take_stdout(output, &after)
    }

    /// Takes bytes of standard error. Returns the bytes after its last line.
    pub(in crate::ssh) fn take_stderr(&mut self, output: &mut Output, data: &[u8]) -> Vec<u8> {
        let (own, after) = self.stderr.marker.split(data);
        self.stderr.keep(output, &own, self.silent);
        after
    }

    /// Takes the bytes that were held back because they might have been the beginning of the last line.
    pub(in crate::ssh) fn take_rest(&mut self, stdout: &mut Output, stderr: &mut Output) {
        for (part, output) in [(&mut self.stdout, stdout), (&mut self.stderr, stderr)] {
            let rest = part.marker.rest();
            part.keep(output, &rest, self.silent);
        }
    }
}

impl OutputPart {
    /// Returns whether its last line has come.
    pub(in crate::ssh) fn is_over(&self) -> bool {
        self.marker.line().is_some()
    }

    /// The output, with secrets masked.
    pub(in crate::ssh) fn into_captured(mut self) -> Captured {
        self.captured.push(&self.mask.rest());
        self.captured
    }

    fn keep(&mut self, output: &mut Output, own: &[u8], silent: bool) {
        self.captured.push(&self.mask.take(own));
        if !silent {
            output.push(own);
        }
    }
}
