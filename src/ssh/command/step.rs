//! The output of one step of a session, and the lines that end it.

use super::marker::Marker;
use crate::charset::Charset;
use crate::secret::Mask;
use crate::ssh::output::Output;
use crate::ssh::output::bound::Allowance;
use crate::ssh::output::capture::Captured;

/// The output of a step, up to a line with the same token on both streams.
pub(in crate::ssh) struct OutputStep {
    pub(in crate::ssh) stdout: OutputPart,
    pub(in crate::ssh) stderr: OutputPart,
    /// True if its output belongs to no command.
    pub(in crate::ssh) silent: bool,
}

/// The output of a step on one stream.
pub(in crate::ssh) struct OutputPart {
    mask: Mask,
    pub(in crate::ssh) captured: Captured,
    pub(in crate::ssh) marker: Marker,
}

impl OutputStep {
    /// A step that ends with lines of `token`, of a session with this output, and prints in this encoding.
    pub(in crate::ssh) fn until(token: &str, output: &Output, charset: Charset) -> Self {
        let part = || OutputPart {
            mask: output.another_mask(),
            captured: Captured::default(),
            marker: Marker::with_token(token, charset),
        };
        Self {
            stdout: part(),
            stderr: part(),
            silent: false,
        }
    }

    pub(in crate::ssh) fn is_over(&self) -> bool {
        self.stdout.marker.line().is_some() && self.stderr.marker.line().is_some()
    }

    /// Takes bytes of standard output. Those of the step that its bound allows go to `output` as well.
    pub(in crate::ssh) fn take_stdout(
        &mut self,
        output: &mut Output,
        data: &[u8],
        allowance: &mut Allowance,
    ) {
        let own = self.stdout.marker.pass(data);
        let own = allowance.first(&own, &self.stdout.captured);
        self.stdout.keep(output, own, self.silent);
    }

    /// Takes bytes of standard error.
    pub(in crate::ssh) fn take_stderr(&mut self, output: &mut Output, data: &[u8]) {
        let own = self.stderr.marker.pass(data);
        self.stderr.keep(output, &own, self.silent);
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
