//! The text that a terminal has shown since the last look.

use std::collections::VecDeque;

/// The most bytes of the beginning that are kept for a person.
pub(super) const HEAD: usize = 3 * 1024;

/// The most bytes of the end that are kept.
const TAIL: usize = 5 * 1024;

/// The part between the beginning and the end of a text that was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Its lines.
    pub lines: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// A text that was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownText {
    /// The text, or its beginning where something was left out.
    pub text: String,
    /// The part that was left out, and the text after it.
    pub rest: Option<(LeftOut, String)>,
}

/// The beginning and the end of a text that goes on for ever.
#[derive(Debug)]
pub(super) struct NewText {
    /// The most bytes of the beginning that are kept.
    room: usize,
    head: String,
    tail: VecDeque<String>,
    tail_bytes: usize,
    left_out: LeftOut,
    /// The line that has not ended: a row that goes on in the next one is a part of it.
    line: String,
}

impl NewText {
    /// An empty text of whose beginning so many bytes are kept.
    pub(super) fn with_room(room: usize) -> Self {
        Self {
            room,
            head: String::new(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            left_out: LeftOut::default(),
            line: String::new(),
        }
    }

    /// Adds a row of the screen, which is the end of its line or not.
    pub(super) fn add_row(&mut self, row: &str, ends_line: bool) {
        self.line.push_str(row);
        if ends_line || self.line.len() > TAIL {
            let mut line = std::mem::take(&mut self.line);
            if ends_line {
                line.truncate(line.trim_end().len());
                line.push('\n');
            }
            self.add(line);
        }
    }

    fn add(&mut self, part: String) {
        if self.left_out == LeftOut::default()
            && self.tail.is_empty()
            && self.head.len() + part.len() <= self.room
        {
            self.head.push_str(&part);
            return;
        }
        self.tail_bytes += part.len();
        self.tail.push_back(part);
        while self.tail_bytes > TAIL && self.tail.len() > 1 {
            if let Some(gone) = self.tail.pop_front() {
                self.tail_bytes -= gone.len();
                self.left_out.bytes += gone.len() as u64;
                self.left_out.lines += u64::from(gone.ends_with('\n'));
            }
        }
    }

    /// Leaves out a text after what is still on the screen.
    pub(super) fn leave_out(&mut self, on_screen: &str, lines: usize, bytes: usize) {
        self.add_text(on_screen);
        let line = std::mem::take(&mut self.line);
        self.add(line);
        for gone in self.tail.drain(..) {
            self.left_out.bytes += gone.len() as u64;
            self.left_out.lines += u64::from(gone.ends_with('\n'));
        }
        self.tail_bytes = 0;
        self.left_out.bytes += bytes as u64;
        self.left_out.lines += lines as u64;
    }

    fn add_text(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(line) => self.add_row(line, true),
                None => self.add_row(line, false),
            }
        }
    }

    /// Takes all of it, followed by what is still on the screen.
    pub(super) fn take(&mut self, on_screen: &str) -> ShownText {
        let mut taken = std::mem::replace(self, Self::with_room(self.room));
        taken.add_text(on_screen);
        let end = std::mem::take(&mut taken.line);
        let tail: String = taken.tail.drain(..).chain([end]).collect();
        if taken.left_out == LeftOut::default() {
            return ShownText {
                text: taken.head + &tail,
                rest: None,
            };
        }
        ShownText {
            text: taken.head,
            rest: Some((taken.left_out, tail)),
        }
    }
}

impl ShownText {
    /// Its end, which is all of it where nothing was left out.
    pub fn end_mut(&mut self) -> &mut String {
        match &mut self.rest {
            Some((_, end)) => end,
            None => &mut self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_line_are_joined() {
        let mut text = NewText::with_room(HEAD);
        text.add_row("one long ", false);
        text.add_row("line  ", true);
        let taken = text.take("next\nand more");
        assert_eq!(taken.text, "one long line\nnext\nand more");
        assert_eq!(text.take(""), ShownText::default());
    }

    #[test]
    fn the_middle_is_counted_and_not_kept() {
        let mut text = NewText::with_room(HEAD);
        for number in 0..100_000 {
            text.add_row(&format!("line {number}"), true);
        }
        let taken = text.take("$ ");
        let (left_out, end) = taken.rest.unwrap();
        assert!(taken.text.starts_with("line 0\n") && end.ends_with("line 99999\n$ "));
        assert!(taken.text.len() <= HEAD && end.len() <= TAIL + 2);
        let shown = taken.text.lines().count() + end.lines().count() - 1;
        assert_eq!(left_out.lines + shown as u64, 100_000);
    }
}
