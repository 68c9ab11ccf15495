//! The secrets that this process has held, so that none of them is shown or recorded.
//!
//! A secret is masked everywhere. One that is a common word, or part of a name that is shown everywhere,
//! is masked in what concerns the servers that hold it, and one that is such a name is not masked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::common::is_common;
use super::held::MaskStyle;
use super::redactor::{Redactor, redacted};
use super::scan::Finder;

/// A shorter secret stands in too many texts by chance.
const SHORTEST: usize = 6;

/// One for the whole process, for a log line or a panic may come from anywhere.
static KNOWN: LazyLock<RwLock<KnownSecrets>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct KnownSecrets {
    /// The secrets, and the aliases of the servers that are known to hold them.
    secrets: BTreeMap<String, BTreeSet<String>>,
    /// Aliases, users and hosts, by the file that has them.
    names: HashMap<PathBuf, BTreeSet<String>>,
    /// What finds them; made when it is needed, for secrets become known by the hundred at the start.
    finders: Option<Finders>,
}

/// What finds the secrets as they are known now.
struct Finders {
    rare: Vec<String>,
    /// The common words among them, by the alias of a server that holds them.
    common: HashMap<String, Vec<String>>,
    /// What finds the rare ones and these words; many servers have the same.
    made: HashMap<Vec<String>, Matchers>,
    /// Names with a common word in them.
    names: Vec<String>,
}

/// What finds secrets, and names in which a common word is none.
#[derive(Clone)]
struct Matchers {
    secrets: Arc<Finder>,
    names: Option<AhoCorasick>,
}

/// How well a secret can be kept out of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rarity {
    /// It is masked everywhere.
    Rare,
    /// It is masked in what concerns the server that holds it.
    Common,
    /// It is not masked: it is an alias, a user or a host.
    Name,
    /// It is not masked: it stands everywhere by chance.
    Short,
}

impl Rarity {
    /// What somebody has to know who sets such a secret, as the rest of a sentence.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Rare => None,
            Self::Common => Some(
                "is a common word or part of a name, so that it is masked only in what this server prints and in its tasks; better choose another",
            ),
            Self::Name => Some(
                "is also an alias, a user or a host here, so that it is not masked anywhere; better choose another",
            ),
            Self::Short => Some(
                "has fewer than 6 characters, so that it is not masked anywhere; better choose another",
            ),
        }
    }
}

impl KnownSecrets {
    fn rarity(&self, secret: &str) -> Rarity {
        let mut names = self.names.values().flatten();
        if secret.len() < SHORTEST {
            Rarity::Short
        } else if self.names.values().any(|names| names.contains(secret)) {
            Rarity::Name
        } else if is_common(secret) || names.any(|name| name.contains(secret)) {
            Rarity::Common
        } else {
            Rarity::Rare
        }
    }

    fn finders(&self) -> Finders {
        let (mut rare, mut common) = (Vec::new(), HashMap::<_, Vec<_>>::new());
        for (secret, holders) in &self.secrets {
            match self.rarity(secret) {
                Rarity::Rare => rare.push(secret.clone()),
                Rarity::Common => {
                    for holder in holders {
                        let words = common.entry(holder.clone()).or_default();
                        words.push(secret.clone());
                    }
                }
                Rarity::Name | Rarity::Short => {}
            }
        }
        let words: BTreeSet<_> = common.values().flatten().collect();
        let names = self.names.values().flatten();
        let names = names.filter(|name| words.iter().any(|word| name.contains(word.as_str())));
        Finders {
            names: names.cloned().collect(),
            rare,
            common,
            made: HashMap::new(),
        }
    }

    fn holds(&self, secret: &str, alias: Option<&str>) -> bool {
        let holders = self.secrets.get(secret);
        holders.is_some_and(|holders| alias.is_none_or(|alias| holders.contains(alias)))
    }
}

/// Keeps a secret from being shown or recorded from now on.
pub fn remember(secret: &str) {
    remember_of(None, secret);
}

/// The same for a secret that the server of an alias holds.
pub fn remember_of(alias: Option<&str>, secret: &str) {
    for secret in parts_of(secret) {
        let is_known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        if secret.len() < SHORTEST || is_known.holds(&secret, alias) {
            continue;
        }
        drop(is_known);
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        let holders = known.secrets.entry(secret.into_owned()).or_default();
        holders.extend(alias.map(ToOwned::to_owned));
        known.finders = None;
    }
}

/// Takes note of the aliases, users and hosts that a file has now.
pub fn note_names(file: &Path, names: BTreeSet<String>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.names.get(file) != Some(&names) {
        known.names.insert(file.to_owned(), names);
        known.finders = None;
    }
}

/// How well a secret can be kept out of texts.
pub fn rarity(secret: &str) -> Rarity {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.rarity(secret)
}

/// A secret, and what in it is one by itself.
fn parts_of(secret: &str) -> Vec<Cow<'_, str>> {
    let mut parts = vec![Cow::Borrowed(secret)];
    if let Some((_, password)) = secret.split_once(':') {
        // Of a user and a password it is the latter that must not be seen.
        parts.push(password.into());
    }
    if secret.starts_with("otpauth://") {
        let fields = secret.split(['?', '&']);
        let keys = fields.filter_map(|field| field.strip_prefix("secret="));
        parts.extend(keys.map(Cow::Borrowed));
    }
    // In an address a password stands encoded, and is another one where it is used.
    for index in 0..parts.len() {
        let decoded = percent_decode_str(&parts[index]).decode_utf8();
        if let Ok(Cow::Owned(decoded)) = decoded {
            parts.push(decoded.into());
        }
    }
    parts
}

/// What base64 makes of a secret, by itself and as a part of something longer.
fn in_base64(secret: &str) -> Vec<String> {
    let mut forms = vec![BASE64_STANDARD_NO_PAD.encode(secret)];
    forms.extend((0..3).map(|before| within_base64(secret, before)));
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

impl Finders {
    fn words(&self, alias: Option<&str>) -> &[String] {
        let words = alias.and_then(|alias| self.common.get(alias));
        words.map_or(&[], Vec::as_slice)
    }

    fn finds_nothing(&self, alias: Option<&str>) -> bool {
        self.rare.is_empty() && self.words(alias).is_empty()
    }

    /// What was made already.
    fn at_hand(&self, alias: Option<&str>) -> Option<Matchers> {
        self.made.get(self.words(alias)).cloned()
    }

    fn make(&mut self, alias: Option<&str>) -> Matchers {
        let words = self.words(alias).to_vec();
        let texts = || self.rare.iter().chain(&words).map(String::as_str);
        let names = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&self.names);
        let has_names = !words.is_empty() && !self.names.is_empty();
        let made = Matchers {
            secrets: Arc::new(Finder::of(texts(), texts().flat_map(in_base64))),
            names: names.ok().filter(|_| has_names),
        };
        self.made.insert(words, made.clone());
        made
    }
}

/// What finds every secret that is to be masked in what concerns a server, or none; `None` while there
/// is no secret.
fn finder(alias: Option<&str>) -> Option<Matchers> {
    {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(finders) = &known.finders {
            let made = finders.at_hand(alias);
            if made.is_some() || finders.finds_nothing(alias) {
                return made;
            }
        }
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let mut finders = match known.finders.take() {
        Some(finders) => finders,
        None => known.finders(),
    };
    let made = match finders.at_hand(alias) {
        None if !finders.finds_nothing(alias) => Some(finders.make(alias)),
        made => made,
    };
    known.finders = Some(finders);
    made
}

/// A text with each secret masked.
pub fn hide(text: &str) -> Cow<'_, str> {
    hide_of(None, text)
}

/// A text that concerns a server, with each secret masked. Names in it stay, also where a common word is
/// a part of one.
pub fn hide_of<'t>(alias: Option<&str>, text: &'t str) -> Cow<'t, str> {
    let Some(Matchers { secrets, names }) = finder(alias) else {
        return text.into();
    };
    let Some(names) = names else {
        return redacted(&secrets, text);
    };
    // The rare ones first: a name may be a part of one.
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

/// Masks the secrets in every text of a JSON value; names of fields stay.
pub fn hide_in(value: &mut Value) {
    hide_in_of(None, value);
}

/// The same for a value that concerns a server.
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

/// Masks the known secrets in bytes that come in parts. The length stays the same, so that a place in
/// what comes out is the same place in what went in.
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
    /// For what the server of an alias prints.
    pub fn of(alias: &str) -> Self {
        Self::with(Some(alias.into()))
    }

    fn with(alias: Option<Arc<str>>) -> Self {
        Self {
            alias,
            redactor: Redactor::new(MaskStyle::Asterisks),
        }
    }

    /// For something else that the same server prints.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::with(self.alias.clone())
    }

    /// Takes the next part, and gives what can be no secret's beginning.
    pub fn take<'a>(&mut self, part: &'a [u8]) -> Cow<'a, [u8]> {
        // More may have become known.
        let found = finder(self.alias.as_deref()).map(|found| found.secrets);
        self.redactor.take(found.as_ref(), part)
    }

    /// How many bytes are held back.
    pub fn held(&self) -> u64 {
        self.redactor.held()
    }

    /// What was held back for a secret that did not come.
    pub fn rest(&mut self) -> Vec<u8> {
        self.redactor.rest()
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::super::MASK;
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

    /// Each character as it is or as it may be escaped, in every mixture that chance brings.
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
                    // What is left of it has a neighbour in it.
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
