//! The text of a file, as an answer shows it: decoded, with every character to be seen.

use std::borrow::Cow;
use std::fmt::Write;

use crate::charset::Charset;
use crate::readable::{is_binary, is_hidden, sample};
use crate::text::{cut_at_start, whole_characters};

/// Encoding of files that are neither in UTF-8 nor in the encoding of their server: in it, every byte is a
/// character.
const LAST_RESORT: &str = "windows-1252";
/// Begins a file in UTF-8 that has a byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The encoding of a file, and what ends its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextForm {
    charset: Charset,
    has_mark: bool,
    line_ends: LineEnds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnds {
    Newline,
    ReturnNewline,
    Mixed,
}

/// A text as it is shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VisibleLines {
    pub(super) text: String,
    /// Set if characters that nobody would see are shown by others.
    pub(super) has_controls: bool,
}

impl TextForm {
    /// The form of a file of which these parts are at hand; `None` if it is no text. `locale` is the encoding of
    /// its server.
    pub(super) fn of(start: &[u8], part: &[u8], locale: Charset) -> Option<Self> {
        let ends = [
            sample(start, false),
            sample(start, true),
            sample(part, false),
            sample(part, true),
        ];
        let is_utf8 = ends.iter().all(|end| is_utf8(end));
        let charset = match locale {
            _ if is_utf8 => Charset::Utf8,
            Charset::Utf8 => Charset::named(LAST_RESORT).unwrap_or_default(),
            other => other,
        };
        let is_binary = |end: &&[u8]| is_binary(end, Charset::Utf8.decode(end).undecodable);
        let has_binary = ends.iter().any(is_binary);
        (!has_binary).then(|| Self {
            charset,
            has_mark: start.starts_with(BYTE_ORDER_MARK),
            line_ends: line_ends(&[start, part]),
        })
    }

    /// Words for what is special about it.
    pub(super) fn words(self) -> Option<String> {
        let mut words = Vec::new();
        if let Some(name) = self.charset.name() {
            words.push(format!("not UTF-8, shown as {name}"));
        }
        if self.has_mark {
            words.push("UTF-8 with a byte order mark".to_owned());
        }
        match self.line_ends {
            LineEnds::Newline => {}
            LineEnds::ReturnNewline => words.push("lines end with CRLF".to_owned()),
            LineEnds::Mixed => words.push("some lines end with CRLF, others with LF".to_owned()),
        }
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// The lines of a part as they are shown, each with its newline.
    pub(super) fn show(self, part: &[u8]) -> VisibleLines {
        let part = part.strip_prefix(BYTE_ORDER_MARK).unwrap_or(part);
        let part = &part[..self.charset.whole_characters(part)];
        let decoded = self.charset.decode(part).text;
        let mut shown = VisibleLines::default();
        for line in decoded.split_inclusive('\n') {
            let (line, end) = match line.strip_suffix('\n') {
                Some(line) => (line.strip_suffix('\r').unwrap_or(line), "\n"),
                None => (line, ""),
            };
            let visible = visible(line);
            shown.has_controls |= matches!(visible, Cow::Owned(_));
            shown.text.push_str(&visible);
            shown.text.push_str(end);
        }
        shown
    }
}

fn is_utf8(sample: &[u8]) -> bool {
    // A sample may begin and end within a character.
    let start = cut_at_start(sample);
    let end = whole_characters(sample).max(start);
    std::str::from_utf8(&sample[start..end]).is_ok()
}

fn line_ends(parts: &[&[u8]]) -> LineEnds {
    let (mut with, mut without) = (0, 0);
    for part in parts {
        for (at, byte) in part.iter().enumerate() {
            if *byte == b'\n' {
                let is_with = at > 0 && part[at - 1] == b'\r';
                *(if is_with { &mut with } else { &mut without }) += 1;
            }
        }
    }
    match (with, without) {
        (0, _) => LineEnds::Newline,
        (_, 0) => LineEnds::ReturnNewline,
        _ => LineEnds::Mixed,
    }
}

/// A line in which every character can be seen: control characters as their pictures, others that are invisible
/// or reorder text by their numbers.
pub(super) fn visible(line: &str) -> Cow<'_, str> {
    let is_odd = |character: char| character != '\t' && is_hidden(character);
    if !line.contains(is_odd) {
        return line.into();
    }
    let mut visible = String::with_capacity(line.len() + 8);
    for character in line.chars() {
        match character {
            '\x7F' => visible.push('\u{2421}'),
            control @ '\0'..='\x1F' if control != '\t' => {
                let picture = char::from_u32(0x2400 + u32::from(control));
                visible.push(picture.expect("each of them has a picture"));
            }
            odd if is_odd(odd) => {
                write!(visible, "\\u{{{:x}}}", u32::from(odd)).expect("a string takes all");
            }
            other => visible.push(other),
        }
    }
    visible.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(bytes: &[u8]) -> Option<TextForm> {
        TextForm::of(bytes, bytes, Charset::Utf8)
    }

    fn shown(bytes: &[u8]) -> (String, Option<String>) {
        let form = form(bytes).unwrap();
        (form.show(bytes).text, form.words())
    }

    #[test]
    fn encodings_and_line_ends_are_said() {
        for (bytes, text, words) in [
            (&b"a\n\xC3\xA9\n"[..], "a\n\u{e9}\n", None),
            (b"a\r\nb\r\n", "a\nb\n", Some("lines end with CRLF")),
            (
                b"a\r\nb\n",
                "a\nb\n",
                Some("some lines end with CRLF, others with LF"),
            ),
            (
                b"\xEF\xBB\xBFa\r\n",
                "a\n",
                Some("UTF-8 with a byte order mark; lines end with CRLF"),
            ),
            (
                b"caf\xE9 cr\xE8me",
                "caf\u{e9} cr\u{e8}me",
                Some("not UTF-8, shown as windows-1252"),
            ),
        ] {
            assert_eq!(shown(bytes), (text.to_owned(), words.map(Into::into)));
        }
        let gbk = Charset::named("gbk").unwrap();
        let bytes = gbk.encode("\u{4e2d}\u{6587}\n");
        let form = TextForm::of(&bytes, &bytes, gbk).unwrap();
        assert_eq!(form.show(&bytes).text, "\u{4e2d}\u{6587}\n");
    }

    #[test]
    fn nothing_is_hidden() {
        let (text, _) = shown(b"10%\r20%\x1b[31m\x07\ta\xE2\x80\xAEb\n");
        assert_eq!(text, "10%\u{240d}20%\u{241b}[31m\u{2407}\ta\\u{202e}b\n");
        assert!(form(b"\x7fELF\x02\x01\x01\0\0\0\0\0").is_none());
        assert!(form(b"").is_some());
    }

    #[test]
    fn a_character_that_is_cut_is_left_out() {
        assert_eq!(shown("a\u{e9}".as_bytes()).0, "a\u{e9}");
        assert_eq!(shown(b"a\xC3").0, "a");
    }
}
