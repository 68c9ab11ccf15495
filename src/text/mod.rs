//! Cutting texts to a length without splitting a character, and tables for people.

mod middle;
mod table;

use std::borrow::Cow;

pub(crate) use middle::{abridge, tell_loss, without_middle};
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
}
