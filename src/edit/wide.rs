//! Contents in UTF-16 with a byte order mark, which are edited and compared as UTF-8.

use std::borrow::Cow;

/// The byte order mark.
const MARK: char = '\u{feff}';

/// The order of the bytes of a content in UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The order that a content's mark tells; `None` for a content without one.
    fn of(content: &[u8]) -> Option<Self> {
        match content {
            [0xFF, 0xFE, ..] => Some(Self::Little),
            [0xFE, 0xFF, ..] => Some(Self::Big),
            _ => None,
        }
    }

    fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Encodes a text, without a mark.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        let units = text.encode_utf16();
        let bytes = units.flat_map(|unit| match self {
            Self::Little => unit.to_le_bytes(),
            Self::Big => unit.to_be_bytes(),
        });
        bytes.collect()
    }
}

/// Decodes a content in UTF-16, its mark included. Returns `None` for any other content, and for one that is not
/// valid throughout: it could not be encoded again as it was.
pub(super) fn decode(content: &[u8]) -> Option<(ByteOrder, String)> {
    let order = ByteOrder::of(content)?;
    let (units, rest) = content.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units = units.iter().map(|unit| order.unit(*unit));
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    Some((order, text))
}

/// A content in UTF-8, without its mark if it is in UTF-16; others as they are.
pub(super) fn in_utf8(content: &[u8]) -> Cow<'_, [u8]> {
    match decode(content) {
        Some((_, text)) => Cow::Owned(text.trim_start_matches(MARK).as_bytes().to_vec()),
        None => Cow::Borrowed(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_is_decoded_and_encoded_as_it_was() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let content = order.encode("\u{feff}a\r\nü\u{1f600}");
            let (found, text) = decode(&content).unwrap();
            assert_eq!((found, text.as_str()), (order, "\u{feff}a\r\nü\u{1f600}"));
            assert_eq!(order.encode(&text), content);
            assert_eq!(&*in_utf8(&content), "a\r\nü\u{1f600}".as_bytes());
        }
        for content in [
            &b"a\0b\0"[..],
            b"\xFF\xFEa",
            b"\xFF\xFE\x00\xD8a\0",
            b"caf\xE9",
        ] {
            assert_eq!(decode(content), None, "{content:?}");
            assert_eq!(&*in_utf8(content), content);
        }
    }
}
