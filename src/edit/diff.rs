//! Unified diffs of contents of any size and encoding.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline, group_diff_ops};

use super::style::TextStyle;
use super::wide::in_utf8;
use crate::text::first;

/// The time after which a diff is no longer made as short as it could be.
const TIME: Duration = Duration::from_secs(2);
/// Unchanged lines around a change.
const AROUND: usize = 3;
/// Most bytes of a line that are shown.
const LONGEST_LINE: usize = 1000;

/// Stands where a content has no newline at its end.
const OPEN_END: &str = "\\ No newline at end of file";

/// The lines in which two contents differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    /// Lines that only the new content has.
    pub(crate) added: usize,
    /// Lines that only the old content has.
    pub(crate) removed: usize,
    /// The unified diff without a header; it may leave out later changes.
    pub(crate) text: String,
}

impl Diff {
    /// Compares two contents, and shows the differences in at most `most` bytes.
    pub(crate) fn of(old: &[u8], new: &[u8], most: usize) -> Self {
        let (old, new) = (&*in_utf8(old), &*in_utf8(new));
        let (old_lines, new_lines) = (lines(old), lines(new));
        let deadline = Instant::now() + TIME;
        let operations =
            capture_diff_slices_deadline(Algorithm::Myers, &old_lines, &new_lines, Some(deadline));
        let mut diff = Self::default();
        for operation in operations.iter().filter(|one| one.tag() != DiffTag::Equal) {
            diff.added += operation.new_range().len();
            diff.removed += operation.old_range().len();
        }
        let is_text = !old.contains(&0) && !new.contains(&0);
        let mut shown = Shown {
            style: TextStyle::of(if old.is_empty() { new } else { old }),
            most,
            text: String::new(),
        };
        if is_text {
            for hunk in group_diff_ops(operations, AROUND) {
                if !shown.hunk(&hunk, &old_lines, &new_lines) {
                    break;
                }
            }
        } else if old != new {
            shown.text.push_str("(binary content, not shown)");
        }
        diff.text = shown.text;
        diff
    }
}

/// The lines of a content, each with its end.
fn lines(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

/// The text of a diff while it is being written.
struct Shown {
    style: TextStyle,
    most: usize,
    text: String,
}

impl Shown {
    /// Adds a hunk. Returns false if there is no room for more.
    fn hunk(&mut self, hunk: &[DiffOp], old: &[&[u8]], new: &[&[u8]]) -> bool {
        let (Some(start), Some(end)) = (hunk.first(), hunk.last()) else {
            return true;
        };
        let mut heading = "@@ -".to_owned();
        write_range(&mut heading, start.old_range().start..end.old_range().end);
        heading.push_str(" +");
        write_range(&mut heading, start.new_range().start..end.new_range().end);
        heading.push_str(" @@");
        if !self.add(&heading) {
            return false;
        }
        hunk.iter().all(|operation| {
            let (before, after) = (&old[operation.old_range()], &new[operation.new_range()]);
            match operation.tag() {
                DiffTag::Equal => self.lines(' ', before),
                DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                    self.lines('-', before) && self.lines('+', after)
                }
            }
        })
    }

    fn lines(&mut self, sign: char, lines: &[&[u8]]) -> bool {
        lines.iter().all(|line| self.line(sign, line))
    }

    fn line(&mut self, sign: char, line: &[u8]) -> bool {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = self
            .style
            .decode(content.strip_suffix(b"\r").unwrap_or(content));
        let shown = first(&content, LONGEST_LINE);
        let cut = if shown.len() < content.len() {
            "…"
        } else {
            ""
        };
        let is_added = self.add(&format!("{sign}{shown}{cut}"));
        is_added && (line.ends_with(b"\n") || self.add(OPEN_END))
    }

    fn add(&mut self, line: &str) -> bool {
        if self.text.len() + line.len() + 1 > self.most {
            self.text.push_str("\n(the rest of the diff is left out)");
            return false;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
        true
    }
}

/// Writes a range of lines as POSIX diff -u does.
fn write_range(text: &mut String, range: Range<usize>) {
    let start = if range.is_empty() {
        range.start
    } else {
        range.start + 1
    };
    let written = match range.len() {
        1 => write!(text, "{start}"),
        length => write!(text, "{start},{length}"),
    };
    written.expect("a string takes all");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> Diff {
        Diff::of(old.as_bytes(), new.as_bytes(), 1000)
    }

    #[test]
    fn a_diff_shows_what_changed_and_a_missing_newline() {
        let changed = diff("a\nb\nc\nd\ne\nf", "a\nb\nc\nd\nx\nf\n");
        assert_eq!((changed.added, changed.removed), (2, 2));
        assert_eq!(
            changed.text,
            "@@ -2,5 +2,5 @@\n b\n c\n d\n-e\n-f\n\\ No newline at end of file\n+x\n+f"
        );
        assert_eq!(diff("", "a\n").text, "@@ -0,0 +1 @@\n+a");
        assert_eq!(diff("a\n", "a\n"), Diff::default());
        assert_eq!(diff("a\0", "b\0").text, "(binary content, not shown)");
        assert_eq!(
            Diff::of(b"caf\xE9\r\n", b"th\xE9\r\n", 100).text,
            "@@ -1 +1 @@\n-café\n+thé"
        );
    }

    #[test]
    fn a_long_diff_is_cut_at_a_line() {
        let new = "line\n".repeat(100);
        let cut = Diff::of(b"", new.as_bytes(), 40);
        assert_eq!(cut.added, 100);
        assert!(
            cut.text
                .ends_with("+line\n(the rest of the diff is left out)"),
            "{}",
            cut.text
        );
        assert!(cut.text.len() < 100);
    }
}
