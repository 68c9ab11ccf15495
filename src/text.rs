//! Text of others, such as a server's, cut to a measure.

use std::borrow::Cow;

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
