//! The parts of a line of the files: a keyword, then words that may be quoted.

/// The part of a line that is not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    rest: &'a str,
}

/// A quote that is not closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclosed;

const BLANK: [char; 2] = [' ', '\t'];

impl<'a> Words<'a> {
    /// All of a line. Blanks at its end do not count.
    pub(super) fn of(line: &'a str) -> Self {
        Self {
            rest: line.trim_end_matches([' ', '\t', '\r', '\n', '\x0c']),
        }
    }

    /// A name, and the `=` that may stand after it. `None` at the end of the line or a comment.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        if self.rest.is_empty() || self.rest.starts_with('#') {
            return None;
        }
        let name = if let Some(quoted) = self.rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            self.rest = quoted.get(end + 1..).unwrap_or_default();
            &quoted[..end]
        } else {
            let end = self.rest.find([' ', '\t', '=']).unwrap_or(self.rest.len());
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            name
        };
        self.skip_blanks();
        if let Some(rest) = self.rest.strip_prefix('=') {
            self.rest = rest;
            self.skip_blanks();
        }
        Some(name)
    }

    /// The next word, without its quotes. `None` at the end of the line or a comment.
    pub(super) fn word(&mut self) -> Result<Option<String>, Unclosed> {
        self.skip_blanks();
        if self.rest.is_empty() || self.rest.starts_with('#') {
            return Ok(None);
        }
        let mut word = String::new();
        let mut quote = None;
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => {
                    let escaped = characters.next_if(|(_, next)| {
                        matches!(next, '\'' | '"' | '\\') || (quote.is_none() && *next == ' ')
                    });
                    word.push(escaped.map_or('\\', |(_, next)| next));
                }
                ' ' | '\t' if quote.is_none() => {
                    end = at;
                    break;
                }
                '"' | '\'' if quote.is_none() => quote = Some(character),
                _ if quote == Some(character) => quote = None,
                _ => word.push(character),
            }
        }
        if quote.is_some() {
            return Err(Unclosed);
        }
        self.rest = &self.rest[end..];
        Ok(Some(word))
    }

    /// All words that are left.
    pub(super) fn all(mut self) -> Result<Vec<String>, Unclosed> {
        let mut words = Vec::new();
        while let Some(word) = self.word()? {
            words.push(word);
        }
        Ok(words)
    }

    /// The rest as it stands, with quotes and comments.
    pub(super) fn raw(self) -> &'a str {
        self.rest.trim_start_matches([' ', '\t', '='])
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(BLANK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> (Option<&str>, Result<Vec<String>, Unclosed>) {
        let mut words = Words::of(line);
        (words.name(), words.all())
    }

    fn value(line: &str) -> Vec<String> {
        split(line).1.unwrap()
    }

    #[test]
    fn a_keyword_ends_at_a_blank_or_one_equals_sign() {
        for line in [
            "User a",
            "User=a",
            "User = a",
            "  User\t=\ta \t\r",
            "\"User\" a",
        ] {
            assert_eq!(split(line), (Some("User"), Ok(vec!["a".into()])), "{line}");
        }
        assert_eq!(value("User == a"), ["=", "a"]);
        assert_eq!(value("User =a=b"), ["a=b"]);
        assert_eq!(value("User \"=a\""), ["=a"]);
        assert_eq!(value("User"), [""; 0]);
        assert_eq!(split("  # User a").0, None);
        assert_eq!(split(" \t").0, None);
    }

    #[test]
    fn words_may_be_quoted_escaped_and_followed_by_a_comment() {
        assert_eq!(value(r#"k a"b c"d 'e "f' g"#), ["ab cd", "e \"f", "g"]);
        assert_eq!(value(r"k a\ b c\d \\ \'"), ["a b", r"c\d", r"\", "'"]);
        assert_eq!(
            value(r#"k "a\ b" "c\"d" "" x\"#),
            [r"a\ b", "c\"d", "", r"x\"]
        );
        assert_eq!(value("k a#b # c"), ["a#b"]);
        assert_eq!(split("k \"a").1, Err(Unclosed));
        assert_eq!(split("k é'ü").1, Err(Unclosed));
    }

    #[test]
    fn the_raw_rest_keeps_everything() {
        let mut words = Words::of("ProxyCommand = \"nc\" = %h # x ");
        words.name();
        assert_eq!(words.raw(), "\"nc\" = %h # x");
    }
}
