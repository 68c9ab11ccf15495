//! A part of what a session prints, with the lines that end it.

use super::bound::Allowance;
use super::capture::Captured;
use super::marker::Marker;
use super::output::Output;
use crate::charset::Charset;
use crate::secret::Mask;

/// What is printed up to a line with the same token on both streams.
pub(super) struct Step {
    pub(super) stdout: Part,
    pub(super) stderr: Part,
    /// Whether its output is no command's.
    pub(super) silent: bool,
}

/// What is printed on one stream.
pub(super) struct Part {
    mask: Mask,
    pub(super) captured: Captured,
    pub(super) marker: Marker,
}

impl Step {
    /// A step that ends with lines of `token`, of a session with this output, and prints in this encoding.
    pub(super) fn until(token: &str, output: &Output, charset: Charset) -> Self {
        let part = || Part {
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

    pub(super) fn is_over(&self) -> bool {
        self.stdout.marker.line().is_some() && self.stderr.marker.line().is_some()
    }

    /// Takes what came on standard output, and puts what is its own and allowed into `output` as well.
    pub(super) fn take_stdout(
        &mut self,
        output: &mut Output,
        data: &[u8],
        allowance: &mut Allowance,
    ) {
        let own = self.stdout.marker.pass(data);
        let own = allowance.first(&own, &self.stdout.captured);
        self.stdout.keep(output, own, self.silent);
    }

    /// Takes what came on standard error.
    pub(super) fn take_stderr(&mut self, output: &mut Output, data: &[u8]) {
        let own = self.stderr.marker.pass(data);
        self.stderr.keep(output, &own, self.silent);
    }

    /// Takes what was held back while it might have been the end.
    pub(super) fn take_rest(&mut self, stdout: &mut Output, stderr: &mut Output) {
        for (part, output) in [(&mut self.stdout, stdout), (&mut self.stderr, stderr)] {
            let rest = part.marker.rest();
            part.keep(output, &rest, self.silent);
        }
    }
}

impl Part {
    /// What was printed, secrets masked.
    pub(super) fn into_captured(mut self) -> Captured {
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
