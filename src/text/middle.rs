//! Replaces the middle of a text with a line that says so.

use super::{ending, first};

/// The parts of that line. The number of bytes left out stands between the first two, and the part of them that
/// `task_output` has between the last two.
const MARK: &str = "\n[… ";
const MARK_MIDDLE: &str = " bytes left out: task_output has ";
const MARK_END: &str = " …]\n";
/// The part of them that `task_output` has if nothing is lost.
const ALL: &str = "them";

/// Joins the beginning and the end of a text with a line that tells the number of bytes left out.
pub(crate) fn without_middle(first: &str, left_out: u64, last: &str) -> String {
    joined(first, left_out, ALL, last)
}

fn joined(first: &str, left_out: u64, kept: &str, last: &str) -> String {
    format!("{first}{MARK}{left_out}{MARK_MIDDLE}{kept}{MARK_END}{last}")
}

/// Shortens a text to its first and last lines, at most `most` bytes together. If a middle is left out already,
/// its bytes are counted too.
pub(crate) fn abridge(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let middle = left_out_in(text);
    let (before, left_out, kept, after) = middle.unwrap_or((text, 0, ALL, text));
    let first = to_line_end(first(before, most / 2));
    let last = from_line_start(ending(after, most / 2));
    let length = match middle {
        Some(_) => (before.len() + after.len()) as u64 + left_out,
        None => text.len() as u64,
    };
    let left_out = length - (first.len() + last.len()) as u64;
    joined(first, left_out, kept, last)
}

/// The whole lines of a beginning, unless the last one makes up most of it.
fn to_line_end(first: &str) -> &str {
    let end = first.rfind('\n').filter(|end| *end >= first.len() / 2);
    &first[..end.unwrap_or(first.len())]
}

/// The whole lines of an end, unless the first one makes up most of it.
fn from_line_start(last: &str) -> &str {
    let start = last.find('\n').filter(|start| *start <= last.len() / 2);
    &last[start.map_or(0, |start| start + 1)..]
}

/// Parses a text without its middle: the text before it, the number of its bytes, the part of them that is kept,
/// and the text after it.
fn left_out_in(text: &str) -> Option<(&str, u64, &str, &str)> {
    let (before, rest) = text.split_once(MARK)?;
    let (number, rest) = rest.split_once(MARK_MIDDLE)?;
    let (kept, after) = rest.split_once(MARK_END)?;
    Some((before, number.parse().ok()?, kept, after))
}

/// Has a text without its middle name the call that has it, in place of the tool alone.
pub(crate) fn name_call(text: &str, call: &str) -> String {
    let tool = format!("{MARK_MIDDLE}{ALL}");
    text.replacen(&tool, &format!(" bytes left out: {call} has {ALL}"), 1)
}

/// Has a text without its middle say that `lost` bytes of that are not kept anywhere.
pub(crate) fn tell_loss(text: &mut String, lost: u64) {
    if let Some((before, left_out, ALL, after)) = left_out_in(text)
        && lost > 0
    {
        let kept = if lost < left_out {
            format!("all but {lost} of them")
        } else {
            "none of them".to_owned()
        };
        *text = joined(before, left_out, &kept, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of two-byte characters, shortened to the first and the last thousand.
    fn cut(characters: usize) -> String {
        let end = "é".repeat(1000);
        without_middle(&end, (characters as u64 - 2000) * 2, &end)
    }

    #[test]
    fn what_is_abridged_twice_counts_both() {
        let twice = abridge(&abridge(&cut(50_000), 1000), 100);
        assert!(twice.len() < 200 && !twice.contains('\u{FFFD}'), "{twice}");
        let shown = twice.matches('é').count() * 2;
        assert!(
            twice.contains(&format!("… {} bytes", 100_000 - shown)),
            "{twice}"
        );
        assert_eq!(abridge("short", 100), "short");
    }

    #[test]
    fn what_is_nowhere_is_said_also_after_it_is_abridged() {
        let mut text = cut(50_000);
        tell_loss(&mut text, 0);
        assert!(text.contains("left out: task_output has them …]"), "{text}");
        tell_loss(&mut text, 5000);
        assert!(
            text.contains(" task_output has all but 5000 of them …]"),
            "{text}"
        );
        let short = abridge(&text, 1000);
        assert!(
            short.len() < 1200 && short.contains("has all but 5000 of them …]"),
            "{short}"
        );
        let mut whole = "short".to_owned();
        tell_loss(&mut whole, 5000);
        assert_eq!(whole, "short");
    }
}
