//! The bytes that an answer has left.

use crate::text::json_length;

/// A text that grows by lines within a budget.
pub(super) struct AnswerRoom {
    text: String,
    left: usize,
}

impl AnswerRoom {
    /// An empty text with this many bytes of JSON to come.
    pub(super) fn of(budget: usize) -> Self {
        Self {
            text: String::new(),
            left: budget,
        }
    }

    /// The bytes of JSON that are left.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Adds a line or several.
    pub(super) fn line(&mut self, line: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
        self.left = self.left.saturating_sub(cost(line));
    }

    /// The text.
    pub(super) fn text(self) -> String {
        self.text
    }
}

/// The bytes of JSON that a line takes with its end.
pub(super) fn cost(line: &str) -> usize {
    json_length(line) + json_length("\n")
}
