//! The character encodings that servers print in, where that is not UTF-8.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use oem_cp::code_table::{DECODING_TABLE_CP_MAP, ENCODING_TABLE_CP_MAP};
use oem_cp::encode_string_checked;

use crate::text::{cut_at_start, whole_characters};

/// A character encoding that extends ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    #[default]
    Utf8,
    /// An encoding of the WHATWG Encoding Standard.
    Web(&'static Encoding),
    /// A code page of DOS, which the console of Windows still uses.
    Dos(u16),
}

/// Decoded text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    /// The approximate number of bytes that could not be decoded.
    pub(crate) undecodable: usize,
}

impl Charset {
    /// Looks up a name as people and `locale charmap` write it.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let digits = ["cp", "ibm", "oem", "dos-", "ibm-", "cp-"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix)?.parse().ok());
        if let Some(page) = digits.or(name.parse().ok())
            && DECODING_TABLE_CP_MAP.contains_key(&page)
        {
            return Some(Self::Dos(page));
        }
        // Code pages of Windows that have names of their own.
        let label = match digits {
            Some(932) => "shift_jis".to_owned(),
            Some(936) => "gbk".to_owned(),
            Some(949) => "euc-kr".to_owned(),
            Some(950) => "big5".to_owned(),
            Some(65001) => "utf-8".to_owned(),
            Some(page) => format!("windows-{page}"),
            None => name,
        };
        let known = Encoding::for_label(label.as_bytes())?;
        match known {
            // The standard takes ASCII for Windows-1252. On a server it means that no locale is set.
            _ if known == WINDOWS_1252
                && (label.contains("ascii") || label.starts_with("ansi")) =>
            {
                Some(Self::Utf8)
            }
            _ if known == UTF_8 => Some(Self::Utf8),
            _ if known.is_ascii_compatible() => Some(Self::Web(known)),
            _ => None,
        }
    }

    /// Its name in records; `None` for UTF-8.
    pub fn name(self) -> Option<String> {
        match self {
            Self::Utf8 => None,
            Self::Web(encoding) => Some(encoding.name().to_ascii_lowercase()),
            Self::Dos(page) => Some(format!("cp{page}")),
        }
    }

    /// Decodes bytes. Those that cannot be decoded are replaced.
    pub(crate) fn decode(self, bytes: &[u8]) -> Decoded {
        let text = match self {
            Self::Utf8 => {
                let parts = bytes.utf8_chunks();
                let undecodable = parts.map(|part| part.invalid().len()).sum();
                let text = String::from_utf8_lossy(bytes).into_owned();
                return Decoded { text, undecodable };
            }
            Self::Web(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Dos(page) => match DECODING_TABLE_CP_MAP.get(&page) {
                Some(table) => table.decode_string_lossy(bytes),
                None => String::from_utf8_lossy(bytes).into_owned(),
            },
        };
        let undecodable = text.matches('\u{FFFD}').count();
        Decoded { text, undecodable }
    }

    /// Encodes a text, as UTF-8 if the encoding lacks one of its characters.
    pub(crate) fn encode(self, text: &str) -> Vec<u8> {
        let encoded = self.encode_all(text);
        encoded.unwrap_or_else(|| text.as_bytes().to_vec())
    }

    /// Encodes a text; `None` if the encoding lacks one of its characters.
    pub(crate) fn encode_all(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Web(encoding) => match encoding.encode(text) {
                (bytes, _, false) => Some(bytes.into_owned()),
                _ => None,
            },
            Self::Dos(page) => ENCODING_TABLE_CP_MAP
                .get(&page)
                .and_then(|table| encode_string_checked(text, table)),
        }
    }

    /// The number of leading bytes that belong to a character cut in two, if the encoding tells.
    pub(crate) fn cut_at_start(self, bytes: &[u8]) -> usize {
        if self == Self::Utf8 {
            cut_at_start(bytes)
        } else {
            0
        }
    }

    /// The length without a character that the end of `bytes` cuts in two. If the encoding does not tell, the
    /// length up to the last newline, which is part of no character.
    pub(crate) fn whole_characters(self, bytes: &[u8]) -> usize {
        match self {
            Self::Utf8 => whole_characters(bytes),
            Self::Web(encoding) if !encoding.is_single_byte() => bytes
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(bytes.len(), |end| end + 1),
            _ => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_go_by_the_names_that_people_and_locales_give_them() {
        for (names, expected) in [
            (&["gbk", "GB18030", "GB2312", "cp936"][..], "中文"),
            (&["Shift_JIS", "SJIS", "cp932"], "日本語"),
            (&["EUC-JP"], "日本語"),
            (&["cp850", "CP437", "IBM850", "850"], "é│"),
            (&["ISO-8859-1", "cp1252", "windows-1252", "latin1"], "é"),
            (&["KOI8-R", "cp866", "cp1251"], "Привет"),
        ] {
            for name in names {
                let charset = Charset::named(name).unwrap();
                let bytes = charset.encode(expected);
                assert_ne!(bytes, expected.as_bytes(), "{name}");
                let decoded = charset.decode(&bytes);
                assert_eq!(
                    (decoded.text.as_str(), decoded.undecodable),
                    (expected, 0),
                    "{name}"
                );
                let again = Charset::named(&charset.name().unwrap());
                assert_eq!(again, Some(charset), "{name}");
            }
        }
    }

    #[test]
    fn ascii_and_utf8_are_utf8_and_what_is_none_is_refused() {
        for name in ["UTF-8", "utf8", "ANSI_X3.4-1968", "US-ASCII", "cp65001"] {
            assert_eq!(Charset::named(name), Some(Charset::Utf8), "{name}");
        }
        for name in ["", "klingon", "utf-16le", "iso-2022-jp", "replacement"] {
            assert_eq!(Charset::named(name), None, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_encoded_goes_as_utf8() {
        let charset = Charset::named("cp850").unwrap();
        assert_eq!(charset.encode("日本"), "日本".as_bytes());
        assert_eq!(charset.encode("é"), [0x82]);
        assert_eq!(Charset::Utf8.decode(b"a\xFFb").undecodable, 1);
    }
}
