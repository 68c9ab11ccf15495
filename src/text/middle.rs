//! A text without its middle, and the line that says so in its place.

use super::{ending, first};

/// What stands where a middle part was left out, around the number of its bytes and what can be read.
const MARK: &str = "\n[… ";
const MARK_MIDDLE: &str = " bytes left out: task_output has ";
const MARK_END: &str = " …]\n";
/// What can be read of it, where nothing is lost.
const ALL: &str = "them";

/// The beginning and the end of a text, around a line that says how many bytes are left out there.
pub(crate) fn without_middle(first: &str, left_out: u64, last: &str) -> String {
    joined(first, left_out, ALL, last)
}

fn joined(first: &str, left_out: u64, kept: &str, last: &str) -> String {
    format!("{first}{MARK}{left_out}{MARK_MIDDLE}{kept}{MARK_END}{last}")
}

/// The beginning and the end of a text of at most `most` bytes. The text may leave out a middle part
/// already, and says how much: then both are counted.
pub(crate) fn abridge(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let middle = left_out_in(text);
    let (before, left_out, kept, after) = middle.unwrap_or((text, 0, ALL, text));
    let (first, last) = (first(before, most / 2), ending(after, most / 2));
    let length = match middle {
        Some(_) => (before.len() + after.len()) as u64 + left_out,
        None => text.len() as u64,
    };
    let left_out = length - (first.len() + last.len()) as u64;
    joined(first, left_out, kept, last)
}

/// What stands before and after the middle that a text leaves out, its bytes, and what is kept of them.
fn left_out_in(text: &str) -> Option<(&str, u64, &str, &str)> {
    let (before, rest) = text.split_once(MARK)?;
    let (number, rest) = rest.split_once(MARK_MIDDLE)?;
    let (kept, after) = rest.split_once(MARK_END)?;
    Some((before, number.parse().ok()?, kept, after))
}

/// Has a text that leaves out a middle say that `lost` bytes of that are nowhere.
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

    /// So many two-byte characters, of which the first and the last thousand are left.
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
