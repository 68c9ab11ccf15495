//! Undoes the escapes of JSON, shells, markup, addresses and forms.

/// A decoded byte, with the range of the stream that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DecodedByte {
    pub(super) byte: u8,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// A kind of escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escaping {
    /// A string of JSON (RFC 8259, section 7), or a word as a shell quotes it.
    Backslash,
    /// An entity of XML or HTML.
    Markup,
    /// Percent-encoding (RFC 3986, section 2.1).
    Percent,
    /// Percent-encoding with `+` for a space.
    Form,
}

/// The length of the longest escape, a surrogate pair in JSON such as `\ud83d\ude00`.
const LONGEST: usize = 12;

/// The meaning of bytes that begin like an escape.
enum Read {
    /// More bytes are needed to tell.
    Unfinished,
    /// They are no escape.
    Plain,
    /// A character in UTF-8, and its length.
    Character([u8; 4], usize),
}

/// Undoes one kind of escapes, byte by byte.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    escaping: Escaping,
    /// The bytes of an escape that has not ended yet.
    pending: Vec<DecodedByte>,
}

impl Escaping {
    /// Says whether an escape begins with this byte.
    pub(super) fn begins_with(self, byte: u8) -> bool {
        match self {
            Self::Backslash => byte == b'\\',
            Self::Markup => byte == b'&',
            Self::Percent => byte == b'%',
            Self::Form => matches!(byte, b'%' | b'+'),
        }
    }

    fn read(self, escape: &[u8]) -> Read {
        match (self, escape) {
            (Self::Backslash, [_, rest @ ..]) => backslash(rest),
            (Self::Markup, [_, rest @ ..]) => markup(rest),
            (Self::Form, b"+") => byte(b' '),
            (_, [b'%', rest @ ..]) => percent(rest),
            _ => Read::Plain,
        }
    }
}

impl Decoder {
    pub(super) fn new(escaping: Escaping) -> Self {
        Self {
            escaping,
            pending: Vec::new(),
        }
    }

    /// The position at which the unfinished escape begins.
    pub(super) fn pending_since(&self) -> Option<u64> {
        self.pending.first().map(|decoded| decoded.start)
    }

    /// Takes the next byte, and passes what it completes to `next`.
    pub(super) fn push(&mut self, decoded: DecodedByte, next: &mut dyn FnMut(DecodedByte)) {
        if self.pending.is_empty() && !self.escaping.begins_with(decoded.byte) {
            next(decoded);
        } else {
            self.pending.push(decoded);
            self.settle(false, next);
        }
    }

    /// Passes an escape that was never finished to `next`, undecoded.
    pub(super) fn finish(&mut self, next: &mut dyn FnMut(DecodedByte)) {
        self.settle(true, next);
    }

    fn settle(&mut self, is_end: bool, next: &mut dyn FnMut(DecodedByte)) {
        while let (Some(first), Some(last)) = (self.pending.first(), self.pending.last()) {
            let (start, end) = (first.start, last.end);
            let mut escape = [0; LONGEST];
            for (byte, decoded) in escape.iter_mut().zip(&self.pending) {
                *byte = decoded.byte;
            }
            match self.escaping.read(&escape[..self.pending.len()]) {
                Read::Character(bytes, length) => {
                    self.pending.clear();
                    for byte in &bytes[..length] {
                        next(DecodedByte {
                            byte: *byte,
                            start,
                            end,
                        });
                    }
                }
                Read::Unfinished if !is_end => return,
                Read::Unfinished | Read::Plain => {
                    let mut others = self.pending[1..].iter();
                    let plain = others.position(|decoded| self.escaping.begins_with(decoded.byte));
                    let plain = plain.map_or(self.pending.len(), |others| others + 1);
                    self.pending.drain(..plain).for_each(&mut *next);
                }
            }
        }
    }
}

fn byte(byte: u8) -> Read {
    Read::Character([byte, 0, 0, 0], 1)
}

fn percent(digits: &[u8]) -> Read {
    match (number(digits), digits.len()) {
        (None, _) => Read::Plain,
        (Some(value), 2) => u8::try_from(value).map_or(Read::Plain, byte),
        _ => Read::Unfinished,
    }
}

fn backslash(escape: &[u8]) -> Read {
    match escape {
        [] => Read::Unfinished,
        // A shell may escape any sign that is not a letter or a digit.
        [sign] if !sign.is_ascii_alphanumeric() && !sign.is_ascii_control() => byte(*sign),
        b"b" => byte(8),
        b"t" => byte(b'\t'),
        b"n" => byte(b'\n'),
        b"f" => byte(12),
        b"r" => byte(b'\r'),
        [b'u', digits @ ..] => unicode(digits),
        [b'x', digits @ ..] => percent(digits),
        _ => Read::Plain,
    }
}

/// Reads four hexadecimal digits, and the second `\u` escape of a surrogate pair.
fn unicode(escape: &[u8]) -> Read {
    let (first, rest) = escape.split_at(escape.len().min(4));
    let Some(value) = number(first) else {
        return Read::Plain;
    };
    let character = match (first.len(), value, rest) {
        (..4, ..) | (_, 0xD800..0xDC00, [] | [b'\\']) => return Read::Unfinished,
        (_, 0xD800..0xDC00, [b'\\', b'u', second @ ..]) => match (number(second), second.len()) {
            (Some(_), ..4) => return Read::Unfinished,
            (Some(low @ 0xDC00..0xE000), 4) => {
                char::from_u32(0x1_0000 + ((value - 0xD800) << 10) + (low - 0xDC00))
            }
            _ => None,
        },
        (_, _, []) => char::from_u32(value),
        _ => None,
    };
    character.map_or(Read::Plain, written)
}

/// Reads an entity. Only the names of ASCII characters are known.
fn markup(entity: &[u8]) -> Read {
    let Some(name) = entity.strip_suffix(b";") else {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
        let goes_on = entity.len() < LONGEST - 2 && entity.iter().all(is_name);
        return if goes_on {
            Read::Unfinished
        } else {
            Read::Plain
        };
    };
    let character = match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', digits @ ..] if !digits.is_empty() => {
            number(digits).and_then(char::from_u32)
        }
        [b'#', digits @ ..] => {
            let digits = std::str::from_utf8(digits).ok();
            let number = digits.and_then(|digits| digits.parse().ok());
            number.and_then(char::from_u32)
        }
        _ => None,
    };
    character.map_or(Read::Plain, written)
}

fn written(character: char) -> Read {
    let mut bytes = [0; 4];
    let length = character.encode_utf8(&mut bytes).len();
    Read::Character(bytes, length)
}

/// The value of hexadecimal digits, 0 without any; `None` if one of the bytes is no digit.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        value.checked_mul(16)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(escaping: Escaping, text: &str) -> String {
        let (mut decoder, mut bytes) = (Decoder::new(escaping), Vec::new());
        let mut take = |decoded: DecodedByte| bytes.push(decoded.byte);
        for (byte, start) in text.bytes().zip(0..) {
            let end = start + 1;
            decoder.push(DecodedByte { byte, start, end }, &mut take);
        }
        decoder.finish(&mut take);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn escapes_are_undone_and_all_else_stays() {
        for (text, plain) in [
            (r#"a\/b\"c\\d\u002F\u00fc\u00Fc"#, "a/b\"c\\d/üü"),
            (r"\n\t\ud83d\ude00!", "\n\t😀!"),
            (r"\q \u12 \u12g4 \", r"\q \u12 \u12g4 \"),
            (
                r"\ud83d\n \ud83dx \ud83d\u0041 \ude00",
                "\\ud83d\n \\ud83dx \\ud83dA \\ude00",
            ),
            (r"\\u0041 \ud83d", r"\u0041 \ud83d"),
            (r"a\'b\ \$\x41\xg", r"a'b $A\xg"),
        ] {
            assert_eq!(decoded(Escaping::Backslash, text), plain, "{text}");
        }
        for (text, plain) in [
            ("&quot;&amp;&#65;&#x42;&#XfC;&lt;", "\"&ABü<"),
            (
                "a&b=c &nothing; & &amp &#x; &&gt;&",
                "a&b=c &nothing; & &amp &#x; &>&",
            ),
            (
                "&#99999999;&#xffffffff;&abcdefghijklmn;",
                "&#99999999;&#xffffffff;&abcdefghijklmn;",
            ),
        ] {
            assert_eq!(decoded(Escaping::Markup, text), plain, "{text}");
        }
        for (text, plain) in [("%2f%2F%%41%4%zz%", "//%A%4%zz%"), ("a+b", "a+b")] {
            assert_eq!(decoded(Escaping::Percent, text), plain, "{text}");
        }
        assert_eq!(decoded(Escaping::Form, "a+b%2Bc%"), "a b+c%");
    }

    #[test]
    fn what_an_escape_makes_stands_where_the_whole_of_it_stood() {
        let (mut decoder, mut ranges) = (Decoder::new(Escaping::Backslash), Vec::new());
        for (byte, start) in br"x\u00fc".iter().zip(0..) {
            let raw = DecodedByte {
                byte: *byte,
                start,
                end: start + 1,
            };
            decoder.push(raw, &mut |byte| ranges.push((byte.start, byte.end)));
        }
        assert_eq!(ranges, [(0, 1), (1, 7), (1, 7)]);
    }
}
