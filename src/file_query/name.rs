//! Names of files, as answers show them: any bytes, and none to be mistaken.

use std::fmt::Write;

use crate::readable::is_hidden;

/// A name as it is shown: plain, or in quotes with escapes where it would be mistaken for something else.
pub(crate) fn shown_name(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(plain) if is_plain(plain) => plain.to_owned(),
        _ => quoted(name),
    }
}

fn is_plain(name: &str) -> bool {
    let is_odd = |one: char| is_hidden(one) || one == '"' || one == '\\';
    let begins_oddly = name.starts_with(['-', ' ', '\u{a0}']) || name.ends_with([' ', '\u{a0}']);
    !(name.is_empty() || begins_oddly || name.contains(is_odd) || name.contains(" -> "))
}

fn quoted(name: &[u8]) -> String {
    let mut shown = String::from('"');
    for chunk in name.utf8_chunks() {
        for one in chunk.valid().chars() {
            match one {
                '"' | '\\' => shown.extend(['\\', one]),
                '\n' => shown.push_str("\\n"),
                '\t' => shown.push_str("\\t"),
                '\r' => shown.push_str("\\r"),
                control @ ('\0'..='\x1F' | '\x7F') => {
                    write!(shown, "\\x{:02x}", u32::from(control)).expect("a string takes all");
                }
                hidden if is_hidden(hidden) => {
                    write!(shown, "\\u{{{:x}}}", u32::from(hidden)).expect("a string takes all");
                }
                other => shown.push(other),
            }
        }
        for byte in chunk.invalid() {
            write!(shown, "\\x{byte:02x}").expect("a string takes all");
        }
    }
    shown.push('"');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_in_quotes_and_plain_ones_are_not() {
        for (name, shown) in [
            (&b"nginx.conf"[..], "nginx.conf"),
            (b"a b'$HOME`;*", "a b'$HOME`;*"),
            ("caf\u{e9}".as_bytes(), "caf\u{e9}"),
            (b"two\nlines", "\"two\\nlines\""),
            (b"caf\xE9", "\"caf\\xe9\""),
            (b"-rf", "\"-rf\""),
            (b" ", "\" \""),
            (b"a -> b", "\"a -> b\""),
            (b"\"\\x", "\"\\\"\\\\x\""),
            (b"\x1b[31m\x7f", "\"\\x1b[31m\\x7f\""),
            ("a\u{202e}b".as_bytes(), "\"a\\u{202e}b\""),
        ] {
            assert_eq!(shown_name(name), shown);
        }
    }
}
