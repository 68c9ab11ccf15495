//! Masks the secrets that this process has seen.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::held::MaskStyle;
use super::known::matchers;
use super::matchers::Matchers;
use super::redactor::{Redactor, redacted};

/// Masks each secret in a text.
pub fn hide(text: &str) -> Cow<'_, str> {
    hide_of(None, text)
}

/// Masks each secret in a text about a server. Names stay, also if a common secret is a part of one.
pub fn hide_of<'t>(alias: Option<&str>, text: &'t str) -> Cow<'t, str> {
    let Some(Matchers { secrets, names }) = matchers(alias) else {
        return text.into();
    };
    let Some(names) = names else {
        return redacted(&secrets, text);
    };
    // Rare secrets first, because a name may be a part of one.
    let text = hide(text);
    let (mut hidden, mut end) = (String::new(), 0);
    for name in names.find_iter(&*text) {
        hidden += &redacted(&secrets, &text[end..name.start()]);
        hidden += &text[name.range()];
        end = name.end();
    }
    hidden += &redacted(&secrets, &text[end..]);
    if hidden == text { text } else { hidden.into() }
}

/// Masks each secret in the texts of a JSON value. The names of fields stay.
pub fn hide_in(value: &mut Value) {
    hide_in_of(None, value);
}

/// The same for a value about a server.
pub fn hide_in_of(alias: Option<&str>, value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(hidden) = hide_of(alias, text) {
                *text = hidden;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| hide_in_of(alias, value)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| hide_in_of(alias, value)),
        _ => {}
    }
}

/// Masks each secret in a stream of bytes. Lengths stay the same, and so do all positions.
#[derive(Debug)]
pub struct Mask {
    alias: Option<Arc<str>>,
    redactor: Redactor,
}

impl Default for Mask {
    fn default() -> Self {
        Self::with(None)
    }
}

impl Mask {
    /// A mask for a stream that the server with this alias prints.
    pub fn of(alias: &str) -> Self {
        Self::with(Some(alias.into()))
    }

    fn with(alias: Option<Arc<str>>) -> Self {
        Self {
            alias,
            redactor: Redactor::new(MaskStyle::Asterisks),
        }
    }

    /// A mask for another stream of the same server.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::with(self.alias.clone())
    }

    /// Takes the next part, and returns the bytes that are known not to begin a secret.
    pub fn take<'a>(&mut self, part: &'a [u8]) -> Cow<'a, [u8]> {
        // More secrets may have become known.
        let secrets = matchers(self.alias.as_deref()).map(|matchers| matchers.secrets);
        self.redactor.take(secrets.as_ref(), part)
    }

    /// The number of bytes that are held back.
    pub fn held(&self) -> u64 {
        self.redactor.held()
    }

    /// Returns the bytes that were held back, at the end of the stream.
    pub fn rest(&mut self) -> Vec<u8> {
        self.redactor.rest()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use base64::Engine;
    use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::super::MASK;
    use super::super::known::{note_names, rarity, remember, remember_of};
    use super::super::rarity::Rarity;
    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_form() {
        remember("Zq7\"known one");
        let base64 = BASE64_STANDARD_NO_PAD.encode("Zq7\"known one");
        for form in [
            "Zq7\"known one",
            "Zq7\\\"known one",
            "Zq7%22known%20one",
            &base64,
        ] {
            assert_eq!(hide(&format!("a {form} b")), "a *** b");
        }
        remember("short");
        assert_eq!(hide("short"), "short");
    }

    #[test]
    fn secrets_are_hidden_within_other_texts() {
        let secret = "Zq7:~a/within";
        remember(secret);
        for (before, after) in [("", ""), ("u", ":x"), ("us", "\n"), ("user:", "and more")] {
            let encoded = BASE64_STANDARD_NO_PAD.encode(format!("{before}{secret}{after}"));
            let hidden = hide(&encoded);
            assert!(hidden.contains(MASK), "{before:?}, {after:?}: {hidden}");
            assert!(hidden.len() < encoded.len() - secret.len() + MASK.len());
        }
        for form in ["Zq7%3A~a%2Fwithin", "Zq7%3a~a%2fwithin"] {
            assert_eq!(hide(form), MASK, "{form}");
        }
        remember("user:Zq7%2Faddress");
        assert_eq!(hide("Zq7/address Zq7%2Faddress"), "*** ***");
        remember("otpauth://totp/shop:alice?issuer=shop&secret=ZQ7GEZDGNBVGY3T");
        assert_eq!(hide("ZQ7GEZDGNBVGY3T"), MASK);
    }

    /// Tries random mixtures of plain and escaped characters.
    #[test]
    fn any_mixture_of_escapes_is_undone() {
        let secret = "Zq7/ü\"+\\mix 😀ed";
        remember(secret);
        let json = |letter: char, way: usize| match (letter, way % 4) {
            ('"' | '\\', 0 | 1) | ('/', 1) => format!("\\{letter}"),
            ('"' | '\\', _) | (_, 2 | 3) => {
                let mut units = [0; 2];
                let units = letter.encode_utf16(&mut units).iter();
                let small = way % 8 < 4;
                units
                    .map(|unit| {
                        if small {
                            format!("\\u{unit:04x}")
                        } else {
                            format!("\\u{unit:04X}")
                        }
                    })
                    .collect()
            }
            _ => letter.to_string(),
        };
        let percent = |letter: char, way: usize| {
            let encoded = utf8_percent_encode(&letter.to_string(), NON_ALPHANUMERIC).to_string();
            match way % 3 {
                0 => encoded,
                1 if encoded.len() > 1 => encoded.to_ascii_lowercase(),
                _ => {
                    let bytes = letter.to_string().into_bytes();
                    let digits: Vec<_> = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
                    digits.concat()
                }
            }
        };
        for seed in 0..200 {
            let way = |index: usize| (seed * 7 + index * index * 13 + index * seed * 3) >> 1;
            let write = |write: &dyn Fn(char, usize) -> String, text: &str| {
                let letters = text.chars().enumerate();
                letters
                    .map(|(index, letter)| write(letter, way(index)))
                    .collect::<String>()
            };
            let (once, address) = (write(&json, secret), write(&percent, secret));
            for form in [
                write(&json, &once),
                write(&json, &address),
                write(&percent, &address),
                address.replace("%20", "+"),
                once,
                address,
            ] {
                assert_eq!(hide(&format!("<{form}>")), "<***>", "{form}");
                let mut mask = Mask::default();
                let mut masked = mask.take(format!("<{form}>").as_bytes()).into_owned();
                masked.extend(mask.rest());
                let masked = String::from_utf8(masked).unwrap();
                assert_eq!(masked, format!("<{}>", "*".repeat(form.len())), "{form}");
            }
        }
    }

    #[test]
    fn base64_is_found_in_lines_of_any_length() {
        let secret = "Zq7?lines>of~base64";
        remember(secret);
        for before in 0..80 {
            let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(60));
            for encoded in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE.encode(&text)] {
                for (length, end) in [
                    (64, "\n"),
                    (76, "\r\n"),
                    (19, "\\n"),
                    (5, "\\r\\n"),
                    (76, "%0A"),
                ] {
                    let lines: Vec<_> = encoded.as_bytes().chunks(length).collect();
                    let lines: Vec<_> = lines
                        .iter()
                        .map(|line| std::str::from_utf8(line).unwrap())
                        .collect();
                    let text = lines.join(end);
                    let hidden = hide(&text);
                    assert!(hidden.contains(MASK), "{before}, {length}: {text}");
                    // Digits that its neighbours have a part in are left.
                    let left = hidden.len() - MASK.len();
                    let taken = text.len() - left;
                    assert!(
                        taken >= secret.len() * 4 / 3 - 2,
                        "{before}, {length}: {hidden}"
                    );
                }
            }
        }
    }

    #[test]
    fn secrets_in_streams_are_masked_however_they_are_cut() {
        for secret in ["Zq7stream", "Zq7stream-longer", "Zq7Zq7x"] {
            remember(secret);
        }
        let text =
            b"Zq7stream-long Zq7stream-longer; Zq7Zq7Zq7x Zq7strea \xff Zq7\\u0073tream Zq7s";
        let expected =
            b"*********-long ****************; Zq7******* Zq7strea \xff ************** Zq7s";
        for size in 1..text.len() {
            let mut mask = Mask::default();
            let mut out = Vec::new();
            for part in text.chunks(size) {
                out.extend_from_slice(&mask.take(part));
            }
            out.extend(mask.rest());
            assert_eq!(
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(expected),
                "in parts of {size}"
            );
        }
    }

    #[test]
    fn a_secret_that_becomes_known_meanwhile_is_masked_from_then_on() {
        remember("Zq7 known before");
        let mut mask = Mask::default();
        let mut out = mask.take(b"Zq7 known ").into_owned();
        remember("Zq7 known after");
        out.extend_from_slice(&mask.take(b"after, Zq7 known before"));
        out.extend(mask.rest());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "***************, ****************"
        );
    }

    #[test]
    fn a_common_word_is_masked_where_it_belongs_alone() {
        remember_of(Some("box-of-a-word"), "raspberrypi");
        remember_of(Some("box-of-a-name"), "zq7-a-user");
        remember_of(Some("box-of-a-part"), "zq7-part");
        let names = ["zq7-a-user", "zq7-part-of-it"].map(str::to_owned);
        note_names(Path::new("/zq7"), names.into());
        let shown = |alias: &str, text: &'static str| hide_of(Some(alias), text);
        let text = "raspberrypi zq7-a-user zq7-part";
        assert_eq!(hide(text), text);
        assert_eq!(shown("box-of-a-word", text), "*** zq7-a-user zq7-part");
        assert_eq!(shown("box-of-a-name", text), text);
        assert_eq!(shown("box-of-a-part", text), "raspberrypi zq7-a-user ***");
        let text = "zq7-part of `zq7-part-of-it`, zq7-part";
        assert_eq!(shown("box-of-a-part", text), "*** of `zq7-part-of-it`, ***");
        let text = "of `zq7-part-of-it`";
        assert!(matches!(shown("box-of-a-part", text), Cow::Borrowed(_)));
        let text = "raspberrypi zq7-a-user zq7-part";
        assert_eq!(rarity("zq7-a-user"), Rarity::Name);
        note_names(Path::new("/zq7"), BTreeSet::new());
        assert_eq!(hide(text), "raspberrypi *** ***");
        assert_eq!(hide("zq7-partzq7-part"), "******");
    }

    #[test]
    fn a_secret_of_separators_is_taken_in_its_stride() {
        for part in [":", "%25", "%3A", "\\"] {
            let secret = part.repeat(20_000);
            remember(&secret);
            assert_eq!(hide(&secret), MASK);
        }
    }
}
