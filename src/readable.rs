//! Makes text that others wrote safe to read: the text that a terminal would leave on its screen, without
//! invisible characters.

use std::borrow::Cow;

use serde_json::Value;

/// A control string that goes on longer than this is not taken for one, and only its introducer is removed.
const LONGEST_STRING: usize = 64 * 1024;

/// The length of the samples of an output that are tested for binary data.
const SAMPLE: usize = 8 * 1024;

/// Removes control sequences, control characters, and characters that reorder or hide others. Of each line the
/// part after its last carriage return is kept.
pub fn readable(text: &str) -> Cow<'_, str> {
    let is_plain = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) || !text.contains(is_special)
    };
    if is_plain(text) {
        return text.into();
    }
    let (mut page, mut rest) = (VisibleText::default(), text.chars());
    while let Some(character) = rest.next() {
        let after = page.take(character, rest.as_str());
        rest = after.chars();
    }
    page.text.into()
}

/// Makes every text of a JSON value readable. The names of fields stay, because callers look them up.
pub fn make_readable(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(plain) = readable(text) {
                *text = plain;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make_readable),
        Value::Object(fields) => fields.values_mut().for_each(make_readable),
        _ => {}
    }
}

/// Says whether bytes are binary data, of which about `undecodable` could not be decoded.
pub(crate) fn is_binary(bytes: &[u8], undecodable: usize) -> bool {
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|byte| is(byte)).count();
    let nuls = count(|byte| *byte == 0);
    // Without white space, backspace, bell and escape, which occur in text.
    let controls = count(|byte| matches!(byte, 1..=6 | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F));
    let length = bytes.len();
    let is_odd = controls > 0 && (undecodable * 10 > length || controls * 20 > length);
    // Lists of names and variables are separated by NUL.
    let has_nuls = nuls > 0 && (controls > 0 || undecodable * 10 > length) || nuls * 4 > length;
    length > 0 && (is_odd || has_nuls)
}

/// The first or last bytes, which are tested for binary data.
pub(crate) fn sample(bytes: &[u8], of_end: bool) -> &[u8] {
    let length = bytes.len().min(SAMPLE);
    if of_end {
        &bytes[bytes.len() - length..]
    } else {
        &bytes[..length]
    }
}

/// The length of `bytes` without an incomplete control sequence at their end.
pub(crate) fn whole_sequences(bytes: &[u8]) -> usize {
    const LONGEST: usize = 64;
    let escape = bytes.iter().rposition(|byte| *byte == 0x1b);
    match escape.filter(|start| bytes.len() - start < LONGEST) {
        Some(start) => {
            let rest = String::from_utf8_lossy(&bytes[start + 1..]);
            let is_open = match rest.strip_prefix('[') {
                Some(sequence) => {
                    sequence_length(sequence) == sequence.len()
                        && !sequence.ends_with(|last| matches!(last, '@'..='~'))
                }
                None => {
                    rest.is_empty()
                        || rest.starts_with(is_introducer) && string_length(&rest[1..]) == 0
                }
            };
            if is_open { start } else { bytes.len() }
        }
        None => bytes.len(),
    }
}

fn is_special(character: char) -> bool {
    character != '\n' && character != '\t' && is_hidden(character)
}

/// Says whether a character is invisible or reorders others.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        // Marks that reorder text (Unicode's Bidi_Control).
        || matches!(character, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        // Tags and selectors in which whole sentences can be hidden.
        || matches!(character, '\u{E0000}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
}

/// The text that a terminal leaves on its screen.
#[derive(Default)]
struct VisibleText {
    text: String,
    /// The start of the last line.
    line: usize,
    /// Set if the next character replaces the last line.
    begins_anew: bool,
}

impl VisibleText {
    /// Takes a character, and returns the rest of the text after the control sequence that it may begin.
    fn take<'t>(&mut self, character: char, rest: &'t str) -> &'t str {
        match character {
            '\n' | '\0' | '\x0b' | '\x0c' | '\u{85}' => self.end_line(),
            '\r' => self.begins_anew = true,
            '\x08' => self.step_back(),
            '\x1b' => return self.escape(rest),
            '\u{9b}' => return self.sequence(rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => return &rest[string_length(rest)..],
            '\t' => self.put('\t'),
            hidden if is_hidden(hidden) => {}
            other => self.put(other),
        }
        rest
    }

    fn put(&mut self, character: char) {
        if std::mem::take(&mut self.begins_anew) {
            self.text.truncate(self.line);
        }
        self.text.push(character);
    }

    fn end_line(&mut self) {
        self.begins_anew = false;
        self.text.push('\n');
        self.line = self.text.len();
    }

    fn step_back(&mut self) {
        if self.text.len() > self.line && !self.begins_anew {
            self.text.pop();
        }
    }

    fn escape<'t>(&mut self, rest: &'t str) -> &'t str {
        match rest.chars().next() {
            Some('[') => self.sequence(&rest[1..]),
            Some(introducer) if is_introducer(introducer) => {
                let rest = &rest[1..];
                &rest[string_length(rest)..]
            }
            _ => {
                let intermediate = |letter: &u8| matches!(letter, b' '..=b'/');
                let count = rest.bytes().take_while(intermediate).count();
                let ends = rest[count..].starts_with(|last| matches!(last, '0'..='~'));
                &rest[count + usize::from(ends)..]
            }
        }
    }

    /// Skips a control sequence, and carries out those that clear a line.
    fn sequence<'t>(&mut self, rest: &'t str) -> &'t str {
        let (sequence, rest) = rest.split_at(sequence_length(rest));
        match sequence {
            "G" | "1G" => self.begins_anew = true,
            "K" | "0K" if self.begins_anew => self.text.truncate(self.line),
            "2K" => self.text.truncate(self.line),
            _ => {}
        }
        rest
    }
}

/// Says whether a character after an escape introduces a control string (ECMA-48, section 5.6).
fn is_introducer(character: char) -> bool {
    matches!(character, ']' | 'P' | 'X' | '^' | '_')
}

/// The length of a control sequence after its introducer (ECMA-48, section 5.4).
fn sequence_length(rest: &str) -> usize {
    let count =
        |bytes: &[u8], is: fn(&u8) -> bool| bytes.iter().take_while(|byte| is(byte)).count();
    let bytes = rest.as_bytes();
    let parameters = count(bytes, |byte| matches!(byte, b'0'..=b'?'));
    let intermediate = count(&bytes[parameters..], |byte| matches!(byte, b' '..=b'/'));
    let length = parameters + intermediate;
    length
        + usize::from(
            bytes
                .get(length)
                .is_some_and(|last| matches!(last, b'@'..=b'~')),
        )
}

/// The length of a control string with its terminator; 0 if it has none.
fn string_length(rest: &str) -> usize {
    let begins_within = |(start, _): &(usize, char)| *start < LONGEST_STRING;
    for (start, character) in rest.char_indices().take_while(begins_within) {
        match character {
            '\x07' | '\u{9c}' => return start + character.len_utf8(),
            '\x1b' if rest[start + 1..].starts_with('\\') => return start + 2,
            _ => {}
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_show_is_left() {
        for (text, expected) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("one\r\ntwo\r\n", "one\ntwo\n"),
            ("10%\r50%\r100%\ndone", "100%\ndone"),
            ("10%\r100%\r", "100%"),
            ("10%\r\x1b[Kdone\n", "done\n"),
            ("gone\r\x1b[K\nnext", "\nnext"),
            ("10%\x1b[1G\x1b[0K100%", "100%"),
            ("10%\x1b[2K\r", ""),
            ("|\x08/\x08-\x08done", "done"),
            ("N\x08NA\x08AME", "NAME"),
            (
                "\x1b[31mred\x1b[0m \x1b[38;5;208morange\x1b[m",
                "red orange",
            ),
            (
                "\x1b]0;title\x07a\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\",
                "alink",
            ),
            ("\x1bP1$r0m\x1b\\a\x1b(Bb\x1b=c\x1b7", "abc"),
            ("\u{9b}31mred\u{9d}0;t\u{9c}", "red"),
            ("\x1b]0;no end", "0;no end"),
            ("a\x1b[3", "a"),
            ("a\x07b\x01\x7f", "ab"),
            ("a\0b\0", "a\nb\n"),
            ("user\u{202E}gpj.exe\u{2066}", "usergpj.exe"),
            ("hi\u{E0041}\u{E0042}", "hi"),
            ("é 日本 👩‍💻 שלום", "é 日本 👩‍💻 שלום"),
        ] {
            assert_eq!(readable(text), expected, "{text:?}");
        }
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(readable("é\tplain\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn texts_are_made_readable_wherever_they_stand() {
        let mut value = serde_json::json!({"a": ["c\r\nd", 5, {"e": "\u{202E}f"}]});
        make_readable(&mut value);
        assert_eq!(value, serde_json::json!({"a": ["c\nd", 5, {"e": "f"}]}));
    }

    #[test]
    fn text_in_any_encoding_is_no_binary() {
        let undecodable = |bytes: &[u8]| bytes.utf8_chunks().map(|part| part.invalid().len()).sum();
        let random: Vec<u8> = (0u32..2000)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
            .collect();
        for bytes in [
            &b"\x7fELF\x02\x01\x01\0\0\0\0\0"[..],
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48",
            b"h\0e\0l\0l\0o\0",
            b"\0\0\0\0",
            &random,
        ] {
            assert!(is_binary(bytes, undecodable(bytes)), "{bytes:?}");
        }
        for bytes in [
            &b""[..],
            b"a\xffb",
            b"caf\xe9 cr\xe8me\n",
            b"\xd6\xd0\xce\xc4\n",
            b"\x1b[31mred\x1b[0m\r\n\x07",
            b"/sbin/init\0--flag\0",
            b"a/b\0c/d\0",
        ] {
            assert!(!is_binary(bytes, undecodable(bytes)), "{bytes:?}");
        }
    }

    #[test]
    fn a_sequence_that_goes_on_is_not_cut() {
        for (bytes, whole) in [
            (&b"abc"[..], 3),
            (b"abc\x1b", 3),
            (b"abc\x1b[", 3),
            (b"abc\x1b[31", 3),
            (b"abc\x1b[31m", 8),
            (b"abc\x1b]0;t", 3),
            (b"abc\x1b]0;t\x07", 9),
            (b"abc\x1bM", 5),
        ] {
            assert_eq!(whole_sequences(bytes), whole, "{bytes:?}");
        }
    }
}
