//! Cutting texts to a length without splitting a character, tables for people, and patterns of names.

mod middle;
mod misspelt;
mod name_glob;
mod table;

use std::borrow::Cow;

pub(crate) use middle::{abridge, name_call, tell_loss, without_middle};
pub(crate) use misspelt::{misspelt, misspelt_by, plain_name};
pub(crate) use name_glob::{NameCase, is_glob, name_glob};
pub(crate) use table::table;

/// The first whole characters of a text, at most `most` bytes of it.
pub(crate) fn first(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The beginning of a text, at most `most` bytes of it, with an ellipsis where something is missing.
pub(crate) fn beginning(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", first(text, most)))
}

/// The last whole characters of a text, at most `most` bytes of it.
pub(crate) fn ending(text: &str, most: usize) -> &str {
    let start = text.len().saturating_sub(most);
    &text[start + cut_at_start(&text.as_bytes()[start..])..]
}

/// The number of leading continuation bytes (0b10xx_xxxx), three at most, which belong to a character that
/// was cut in two.
pub(crate) fn cut_at_start(bytes: &[u8]) -> usize {
    let continuations = bytes
        .iter()
        .take(3)
        .take_while(|byte| **byte & 0xC0 == 0x80);
    continuations.count()
}

/// The length without a character that the end of `bytes` cuts in two.
pub(crate) fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// The problem with a regular expression, in a line.
pub(crate) fn problem_of_pattern(error: &regex::Error) -> String {
    // Its last line says what is wrong, and those before show where.
    let problem = error.to_string();
    let problem = problem.lines().last().unwrap_or_default();
    problem.trim_start_matches("error: ").to_owned()
}

/// A number of bytes as people say it.
#[expect(clippy::cast_precision_loss, reason = "it is for people")]
pub(crate) fn in_bytes(bytes: u64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let number = bytes as f64;
    match units.iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", number / size),
        None => format!("{bytes} bytes"),
    }
}

/// The bytes that JSON takes for a byte of a text. Characters that it writes as numbers are rare in one.
fn length_in_json(byte: u8) -> usize {
    1 + usize::from(matches!(byte, b'\n' | b'"' | b'\\' | b'\t' | b'\r'))
}

/// The bytes that a text takes in JSON.
pub(crate) fn json_length(text: &str) -> usize {
    text.bytes().map(length_in_json).sum()
}

/// The number of bytes that fit into `most` bytes of JSON.
fn fitting<'a>(bytes: impl Iterator<Item = &'a u8>, most: usize) -> usize {
    let mut left = most;
    let fits = |byte: &&u8| {
        let rest = left.checked_sub(length_in_json(**byte));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    bytes.take_while(fits).count()
}

/// The length that fits into `most` bytes of JSON, and ends with a line unless that would leave nothing.
/// `is_cut` says that the bytes end within a line.
pub(crate) fn fitting_start(bytes: &[u8], most: usize, is_cut: bool) -> usize {
    let length = fitting(bytes.iter(), most);
    if length == bytes.len() && !is_cut {
        return length;
    }
    let line_end = bytes[..length].iter().rposition(|byte| *byte == b'\n');
    line_end.map_or(length, |index| index + 1)
}

/// The start of the end that fits into `most` bytes of JSON, and begins with a line unless that would leave
/// nothing. `is_cut` says that the bytes begin within a line.
pub(crate) fn fitting_end(bytes: &[u8], most: usize, is_cut: bool) -> usize {
    let start = bytes.len() - fitting(bytes.iter().rev(), most);
    if start == 0 && !is_cut {
        return 0;
    }
    let rest = &bytes[start..];
    let line_end = rest.iter().position(|byte| *byte == b'\n');
    match line_end.map(|index| start + index + 1) {
        Some(line) if line < bytes.len() => line,
        _ => start + cut_at_start(rest),
    }
}

/// The most that each may have so that all keep within the budget: what short ones leave is for the long.
pub(crate) fn share(lengths: &[usize], budget: usize) -> usize {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let (mut left, mut others) = (budget, sorted.len());
    for length in sorted {
        if length > left / others {
            return left / others;
        }
        left -= length;
        others -= 1;
    }
    usize::MAX
}

/// Returns whether a text takes at most `most` bytes of JSON.
pub(crate) fn fits(text: &str, most: usize) -> bool {
    fitting(text.as_bytes().iter(), most) == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(beginning("abc", 3), "abc");
        assert_eq!(beginning("abcd", 3), "abc…");
        assert_eq!(beginning("aéé", 4), "aé…");
        assert_eq!(beginning("é", 0), "…");
    }

    #[test]
    fn bytes_are_said_in_the_largest_unit() {
        let said = [0, 999, 1200, 5_250_000, 3_000_000_000].map(in_bytes);
        assert_eq!(said, ["0 bytes", "999 bytes", "1.2 kB", "5.2 MB", "3.0 GB"]);
    }

    #[test]
    fn what_fits_ends_and_begins_with_whole_lines() {
        let text = b"one\ntwo\nthree\n";
        assert_eq!(fitting_start(text, 12, true), 8);
        assert_eq!(fitting_start(text, 100, false), text.len());
        assert_eq!(fitting_start(b"long line", 4, true), 4);
        assert_eq!(fitting_end(text, 9, false), 8);
        assert_eq!(fitting_end(text, 100, false), 0);
        assert_eq!(fitting_end(b"long line", 4, true), 5);
        assert!(fits("a\n", 3) && !fits("a\n", 2));
    }

    #[test]
    fn short_ones_stay_whole_and_leave_room_for_the_long() {
        assert_eq!(share(&[10, 20, 30], 60), usize::MAX);
        assert_eq!(share(&[10, 90, 90], 100), 45);
        assert_eq!(share(&[100; 4], 100), 25);
        assert_eq!(share(&[], 100), usize::MAX);
    }
}
