//! The output of a command on a device: without echo, prompts and pagers.

use tokio::time::Instant;

use crate::secret::Mask;
use crate::ssh::output::Output;
use crate::ssh::output::bound::{Allowance, Bound};
use crate::ssh::output::capture::Captured;
use crate::terminal::ShownText;

/// The bytes of an answer in which a complaint is looked for.
const LONGEST_ANSWER: usize = 4096;

/// Takes what a terminal shows while a command runs.
pub(super) struct DeviceTranscript<'o> {
    output: &'o mut Output,
    captured: Captured,
    mask: Mask,
    allowance: Allowance,
    /// The line that has not ended.
    part: String,
    /// The prompt before the command, without blanks.
    prompt: String,
    /// The rest of the command that the terminal is to show, without blanks.
    echo: String,
    /// The line of a pager that was turned, as it may stay.
    page: Option<String>,
    /// The beginning of the answer to the line that was typed last.
    answer: String,
}

impl<'o> DeviceTranscript<'o> {
    pub(super) fn new(output: &'o mut Output, bound: Bound) -> Self {
        Self {
            captured: Captured::default(),
            mask: output.another_mask(),
            allowance: Allowance::new(bound.lines),
            part: String::new(),
            prompt: String::new(),
            echo: String::new(),
            page: None,
            answer: String::new(),
            output,
        }
    }

    /// Notes a line that is typed behind a prompt.
    pub(super) fn note_command(&mut self, prompt: &str, line: &str) {
        self.prompt = without_blanks(prompt);
        self.echo = without_blanks(line);
        self.page = None;
        self.answer.clear();
    }

    /// Notes a page that is turned at this line.
    pub(super) fn note_page(&mut self, line: &str) {
        self.page = Some(line.trim().to_owned());
    }

    /// Takes a part of what the terminal shows.
    pub(super) fn take(&mut self, shown: &ShownText) {
        self.take_text(&shown.text);
        if let Some((left_out, end)) = &shown.rest {
            self.add(&format!(
                "[… {} bytes came too fast to be kept …]\n",
                left_out.bytes
            ));
            self.take_text(end);
        }
    }

    /// Takes the end of what the terminal shows: the line before the prompt may not have ended.
    pub(super) fn take_rest(&mut self, shown: &ShownText, prompt: Option<&str>) {
        self.take(shown);
        let part = std::mem::take(&mut self.part);
        let rest = match prompt {
            Some(prompt) => part.strip_suffix(prompt).unwrap_or(&part),
            None => &part,
        };
        if !rest.trim().is_empty() {
            self.take_line(&format!("{}\n", rest.trim_end()));
        }
    }

    /// The beginning of the answer to the line that was typed last.
    pub(super) fn answer(&self) -> &str {
        &self.answer
    }

    /// Returns whether as many lines have come as are taken.
    pub(super) fn is_at_bound(&self) -> bool {
        self.allowance.is_used(&self.captured)
    }

    /// The bytes of the output so far.
    pub(super) fn length(&self) -> u64 {
        self.output.taken()
    }

    /// The time at which waiting bytes are to be written.
    pub(super) fn due(&self) -> Option<Instant> {
        self.output.due()
    }

    /// Writes the bytes that wait, once that is due.
    pub(super) async fn write(&mut self) {
        if self.due().is_some_and(|due| due <= Instant::now()) {
            self.output.write().await;
        }
    }

    /// The output, with secrets masked, and whether some of it was left out.
    pub(super) fn into_captured(mut self) -> (Captured, bool) {
        self.captured.push(&self.mask.rest());
        (self.captured, self.allowance.is_cut)
    }

    fn take_text(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            self.part.push_str(line);
            if line.ends_with('\n') {
                let line = std::mem::take(&mut self.part);
                self.take_line(&line);
            }
        }
    }

    fn take_line(&mut self, line: &str) {
        if self.is_echo(line) {
            return;
        }
        let line = self.without_page(line);
        let is_first = self.answer.is_empty();
        let is_nothing = line.is_empty() || is_first && line.trim().is_empty();
        if !is_nothing {
            self.add(&line);
        }
    }

    /// Returns whether a line shows what was typed. A device breaks a long one, or shows only its end behind a `$`.
    fn is_echo(&mut self, line: &str) -> bool {
        if self.echo.is_empty() {
            return false;
        }
        let shown = without_blanks(line);
        let shown = shown.strip_prefix(&self.prompt).unwrap_or(&shown);
        if let Some(rest) = self.echo.strip_prefix(shown) {
            self.echo = rest.to_owned();
            return true;
        }
        let end = shown.strip_prefix('$');
        let is_end = end.is_some_and(|end| self.echo.ends_with(end));
        self.echo.clear();
        is_end
    }

    /// The line without that of a pager, which some devices leave standing.
    fn without_page(&mut self, line: &str) -> String {
        let page = self.page.take();
        let rest = page.and_then(|page| Some(line.trim_start().strip_prefix(&page)?.to_owned()));
        match rest {
            Some(rest) if rest.trim().is_empty() => String::new(),
            Some(rest) => rest,
            None => line.to_owned(),
        }
    }

    fn add(&mut self, text: &str) {
        if self.answer.len() < LONGEST_ANSWER {
            self.answer.push_str(text);
        }
        let bytes = self.allowance.first(text.as_bytes(), &self.captured);
        self.captured.push(&self.mask.take(bytes));
        self.output.push(bytes);
    }
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}
