//! The encoding and the line ends of a file's content.

use crate::charset::Charset;

/// The encoding of what is not UTF-8: each byte is a character, so that all of it can be shown.
const LATIN_1: &str = "latin1";

/// The encoding and the line ends of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextStyle {
    pub(super) charset: Charset,
    /// True if most lines end with CR LF.
    pub(super) has_crlf: bool,
}

impl TextStyle {
    /// The style of a content. A few stray bytes in UTF-8 do not make it another encoding.
    pub(super) fn of(content: &[u8]) -> Self {
        let (mut letters, mut undecodable) = (0, 0);
        for part in content.utf8_chunks() {
            letters += part.valid().bytes().filter(|byte| *byte >= 0xC0).count();
            undecodable += part.invalid().len();
        }
        let charset = if letters >= undecodable {
            Charset::Utf8
        } else {
            Charset::named(LATIN_1).expect("the Encoding Standard has it")
        };
        let mut lines = 0;
        let mut crlf_lines = 0;
        for line in content.split(|byte| *byte == b'\n') {
            lines += 1;
            crlf_lines += usize::from(line.ends_with(b"\r"));
        }
        Self {
            charset,
            // The rest after the last line end is no line.
            has_crlf: crlf_lines * 2 > lines - 1,
        }
    }

    /// Decodes a part of the content.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        self.charset.decode(bytes).text
    }
}

/// Gives the lines of a text CR LF ends, unless it has such ends itself.
pub(super) fn with_crlf(text: &str) -> String {
    if text.contains("\r\n") {
        return text.to_owned();
    }
    text.replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_has_the_style_of_most_of_it() {
        for (content, name, has_crlf) in [
            (&b""[..], None, false),
            (b"a\nb", None, false),
            (b"a\r\nb", None, true),
            (b"a\r\nb\n", None, false),
            ("é\r\nü\n\r\n".as_bytes(), None, true),
            (b"caf\xE9\n", Some("windows-1252"), false),
            (b"\xC3\xA9\xC3\xBC\xFF\n", None, false),
        ] {
            let style = TextStyle::of(content);
            let found = (style.charset.name(), style.has_crlf);
            assert_eq!(found, (name.map(str::to_owned), has_crlf), "{content:?}");
        }
    }
}
