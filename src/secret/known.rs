//! The secrets that this process has held, so that none of them is shown or recorded.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::MASK;

/// A shorter secret stands in too many texts by chance.
const SHORTEST: usize = 6;

/// What addresses have encoded, at the least (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One for the whole process, for a log line or a panic may come from anywhere.
static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Known {
    forms: BTreeSet<String>,
    /// What finds them; made when it is needed, for secrets become known by the hundred at the start.
    finder: Option<Arc<Finder>>,
}

struct Finder {
    any: AhoCorasick,
    forms: Vec<String>,
}

/// Keeps a secret from being shown or recorded from now on.
pub fn remember(secret: &str) {
    if let Some((_, password)) = secret.split_once(':') {
        // Of a user and a password it is the latter that must not be seen.
        remember(password);
    }
    if secret.starts_with("otpauth://") {
        let fields = secret.split(['?', '&']);
        fields
            .filter_map(|field| field.strip_prefix("secret="))
            .for_each(remember);
    }
    if secret.len() < SHORTEST {
        return;
    }
    if let Ok(Cow::Owned(decoded)) = percent_decode_str(secret).decode_utf8() {
        // In an address a password stands encoded, and is another one where it is used.
        remember(&decoded);
    }
    let is_known = |known: &Known| known.forms.contains(secret);
    if is_known(&KNOWN.read().unwrap_or_else(PoisonError::into_inner)) {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.forms.extend(forms_of(secret));
    known.finder = None;
}

/// The forms that a secret takes where texts of other kinds hold it.
fn forms_of(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), BASE64_STANDARD_NO_PAD.encode(secret)];
    forms.extend((0..3).map(|before| within_base64(secret, before)));
    for set in [NON_ALPHANUMERIC, RESERVED] {
        let encoded = utf8_percent_encode(secret, set).to_string();
        forms.push(with_small_digits(&encoded));
        forms.push(encoded);
    }
    let json = Value::from(secret).to_string();
    forms.push(json[1..json.len() - 1].to_owned());
    forms
}

/// What base64 makes of a secret with so many bytes before it and whatever follows: the characters that
/// no neighbour has a part in.
fn within_base64(secret: &str, before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret.as_bytes());
    let encoded = BASE64_STANDARD_NO_PAD.encode(&bytes);
    let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    encoded[first..end].to_owned()
}

/// The digits of `%3A` as `%3a`.
fn with_small_digits(encoded: &str) -> String {
    let parts = encoded.split('%').enumerate();
    let small = parts.map(|(index, part)| match part.split_at_checked(2) {
        Some((digits, rest)) if index > 0 => format!("%{}{rest}", digits.to_ascii_lowercase()),
        _ => part.to_owned(),
    });
    small.collect()
}

/// What finds every secret that is known; `None` while none is.
fn finder() -> Option<Arc<Finder>> {
    {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        if known.finder.is_some() || known.forms.is_empty() {
            return known.finder.clone();
        }
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.finder.is_none() {
        known.finder = Some(Arc::new(Finder::of(&known.forms)));
    }
    known.finder.clone()
}

/// A text with each secret masked.
pub fn hide(text: &str) -> Cow<'_, str> {
    match finder() {
        Some(finder) if finder.any.is_match(text) => {
            let masks = vec![MASK; finder.forms.len()];
            finder.any.replace_all(text, &masks).into()
        }
        _ => text.into(),
    }
}

/// Masks the secrets in every text of a JSON value; names of fields stay.
pub fn hide_in(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(hidden) = hide(text) {
                *text = hidden;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide_in),
        Value::Object(fields) => fields.values_mut().for_each(hide_in),
        _ => {}
    }
}

/// Masks secrets in bytes that come in parts. The length stays the same, so that a place in what comes
/// out is the same place in what went in.
#[derive(Debug, Default)]
pub struct Mask {
    held: Vec<u8>,
}

impl Mask {
    /// Takes the next part, and gives what can be no secret's beginning.
    pub fn take<'a>(&mut self, part: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(finder) = finder() else {
            return part.into();
        };
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(part);
        let mut sure = 0;
        let matches: Vec<_> = finder.any.find_iter(&bytes).collect();
        let open = finder.beginning_at_end(&bytes);
        for found in matches {
            // What comes may make a longer secret of one that reaches into an open beginning.
            if found.start() >= bytes.len() - open {
                break;
            }
            bytes[found.range()].fill(b'*');
            sure = found.end();
        }
        let keep = bytes.len() - open.min(bytes.len() - sure);
        self.held = bytes.split_off(keep);
        bytes.into()
    }

    /// How many bytes are held back.
    pub fn held(&self) -> u64 {
        self.held.len() as u64
    }

    /// What was held back for a secret that did not come.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut held = std::mem::take(&mut self.held);
        if let Some(finder) = finder() {
            let found: Vec<_> = finder.any.find_iter(&held).collect();
            for found in found {
                held[found.range()].fill(b'*');
            }
        }
        held
    }
}

impl Finder {
    fn of(forms: &BTreeSet<String>) -> Self {
        let any = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(forms);
        Self {
            any: any.expect("the secrets take less than the gigabytes that are the limit"),
            forms: forms.iter().cloned().collect(),
        }
    }

    /// The length of the longest beginning of a secret, short of its end, that ends the bytes.
    fn beginning_at_end(&self, bytes: &[u8]) -> usize {
        let of_one = |form: &String| {
            let form = form.as_bytes();
            let longest = (form.len() - 1).min(bytes.len());
            (1..=longest)
                .rev()
                .find(|length| bytes.ends_with(&form[..*length]))
        };
        self.forms
            .iter()
            .filter_map(of_one)
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn secrets_in_streams_are_masked_however_they_are_cut() {
        for secret in ["Zq7stream", "Zq7stream-longer", "Zq7Zq7x"] {
            remember(secret);
        }
        let text = b"Zq7stream-long Zq7stream-longer; Zq7Zq7Zq7x Zq7strea \xff Zq7stream Zq7s";
        let expected = b"*********-long ****************; Zq7******* Zq7strea \xff ********* Zq7s";
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
}
