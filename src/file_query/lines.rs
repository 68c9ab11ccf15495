//! Choosing lines of a file whose bytes come one after another: by their numbers, or around matches.

use std::collections::VecDeque;

use regex::bytes::{Regex, RegexBuilder};

use crate::error::Error;
use crate::text::problem_of_pattern;

/// The most bytes of a line that is compared with a pattern. A longer one is taken for several.
const LONGEST_LINE: usize = 64 * 1024;

/// Chooses lines, and keeps the bytes of those that were chosen.
pub(super) struct LineSelector {
    choice: LineChoice,
    /// The number of the first line that counts.
    first: u64,
    /// Lines that may still be kept.
    left: u64,
    most_bytes: usize,
    /// The number of the line that comes.
    number: u64,
    /// The chosen bytes.
    pub(super) chosen: Vec<u8>,
}

enum LineChoice {
    All,
    Around(Box<MatchContext>),
}

/// The lines around matches, as `grep -n -C` prints them.
struct MatchContext {
    pattern: Regex,
    context: usize,
    /// The last lines that were not kept, with the number of the first of them.
    before: VecDeque<Vec<u8>>,
    /// Lines that are kept after a match.
    after: usize,
    /// The number of the last line that was kept.
    last_kept: u64,
    /// The beginning of a line.
    partial: Vec<u8>,
}

impl LineSelector {
    /// Keeps lines from the one of this number on.
    pub(super) fn from(first: u64, lines: u64, most_bytes: u64) -> Self {
        Self {
            choice: LineChoice::All,
            first,
            left: lines,
            most_bytes: usize::try_from(most_bytes).unwrap_or(usize::MAX),
            number: 1,
            chosen: Vec::new(),
        }
    }

    /// Keeps lines that match, and so many before and after. Numbers begin at the first line that counts.
    pub(super) fn around(self, pattern: Regex, context: u64) -> Self {
        let matches = MatchContext {
            pattern,
            context: usize::try_from(context).unwrap_or(usize::MAX),
            before: VecDeque::new(),
            after: 0,
            last_kept: 0,
            partial: Vec::new(),
        };
        Self {
            choice: LineChoice::Around(Box::new(matches)),
            ..self
        }
    }

    /// Returns whether no further line can be chosen.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0 || self.chosen.len() >= self.most_bytes
    }

    /// Takes the next bytes of the file.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while self.number < self.first {
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                return;
            };
            self.number += 1;
            bytes = &bytes[end + 1..];
        }
        while !bytes.is_empty() && !self.is_done() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(bytes.len(), |end| end + 1);
            let (part, rest) = bytes.split_at(length);
            self.take_part(part, end.is_some());
            bytes = rest;
        }
    }

    /// Takes the end of the file.
    pub(super) fn finish(&mut self) {
        if let LineChoice::Around(matches) = &mut self.choice
            && !matches.partial.is_empty()
        {
            self.take_part(b"", true);
        }
        self.chosen.truncate(self.most_bytes);
    }

    /// Takes a part of a line.
    fn take_part(&mut self, part: &[u8], is_end: bool) {
        match &mut self.choice {
            LineChoice::All => {
                self.chosen.extend_from_slice(part);
                if is_end {
                    self.left -= 1;
                }
            }
            LineChoice::Around(matches) => {
                matches.partial.extend_from_slice(part);
                if !is_end && matches.partial.len() < LONGEST_LINE {
                    return;
                }
                let line = std::mem::take(&mut matches.partial);
                let kept = matches.take(self.number - self.first + 1, &line, &mut self.chosen);
                self.left = self.left.saturating_sub(kept);
            }
        }
        if is_end {
            self.number += 1;
        }
    }
}

impl MatchContext {
    /// Takes a line, and puts what is to be kept at the end of `chosen`. Returns the lines that were put there.
    fn take(&mut self, number: u64, line: &[u8], chosen: &mut Vec<u8>) -> u64 {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let is_match = self.pattern.is_match(line);
        if !is_match && self.after == 0 {
            self.before.push_back(line.to_vec());
            if self.before.len() > self.context {
                self.before.pop_front();
            }
            return 0;
        }
        let first = number - self.before.len() as u64;
        if self.last_kept > 0 && first > self.last_kept + 1 {
            chosen.extend_from_slice(b"--\n");
        }
        let before = (first..).zip(std::mem::take(&mut self.before));
        for (number, line) in before {
            put(chosen, number, b'-', &line);
        }
        put(chosen, number, if is_match { b':' } else { b'-' }, line);
        self.after = if is_match {
            self.context
        } else {
            self.after - 1
        };
        self.last_kept = number;
        number - first + 1
    }
}

fn put(chosen: &mut Vec<u8>, number: u64, sign: u8, line: &[u8]) {
    chosen.extend_from_slice(number.to_string().as_bytes());
    chosen.push(sign);
    chosen.extend_from_slice(line);
    chosen.push(b'\n');
}

/// Compiles a regular expression of a caller's.
pub(super) fn compile(parameter: &str, pattern: &str, ignores_case: bool) -> Result<Regex, Error> {
    let mut builder = RegexBuilder::new(pattern);
    let pattern = builder.case_insensitive(ignores_case).build();
    pattern.map_err(|error| {
        let problem = problem_of_pattern(&error);
        Error::invalid(parameter, format!("is no regular expression: {problem}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"one\ntwo\nthree\nfour\nfive\nsix";

    fn chosen(selector: impl Fn() -> LineSelector) -> String {
        let mut results = (1..10).map(|size| {
            let mut selector = selector();
            TEXT.chunks(size).for_each(|part| selector.take(part));
            selector.finish();
            String::from_utf8(selector.chosen).unwrap()
        });
        let first = results.next().unwrap();
        assert!(results.all(|other| other == first), "however it comes");
        first
    }

    #[test]
    fn lines_are_chosen_by_their_numbers() {
        let lines = |first, lines, most| chosen(move || LineSelector::from(first, lines, most));
        assert_eq!(lines(1, 2, 100), "one\ntwo\n");
        assert_eq!(lines(5, 9, 100), "five\nsix");
        assert_eq!(lines(7, 9, 100), "");
        assert_eq!(lines(2, 9, 6), "two\nth");
    }

    #[test]
    fn lines_around_a_match_come_as_grep_prints_them() {
        let around = |first, pattern: &'static str, context| {
            chosen(move || {
                let pattern = Regex::new(pattern).unwrap();
                LineSelector::from(first, 100, 1000).around(pattern, context)
            })
        };
        assert_eq!(around(1, "t", 0), "2:two\n3:three\n");
        assert_eq!(
            around(1, "^(one|six)$", 1),
            "1:one\n2-two\n--\n5-five\n6:six\n"
        );
        assert_eq!(
            around(1, "e$", 1),
            "1:one\n2-two\n3:three\n4-four\n5:five\n6-six\n"
        );
        assert_eq!(around(3, "six", 9), "1-three\n2-four\n3-five\n4:six\n");
        assert_eq!(around(1, "seven", 9), "");
    }
}
