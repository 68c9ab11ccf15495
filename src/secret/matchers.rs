//! Searches for the secrets that are masked in texts about a server.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::scan::Finder;

/// A search for secrets, and one for names in which a common word is not masked.
#[derive(Clone)]
pub(super) struct Matchers {
    pub(super) secrets: Arc<Finder>,
    pub(super) names: Option<AhoCorasick>,
}

/// The searches for all servers, each made when it is first needed.
pub(super) struct MatcherCache {
    /// Secrets that are masked everywhere.
    rare: Vec<String>,
    /// Secrets that are masked in texts about one server, by its alias.
    common: HashMap<String, Vec<String>>,
    /// Names that contain a common secret.
    names: Vec<String>,
    /// The searches made so far, by their common secrets: many servers have the same.
    made: HashMap<Vec<String>, Matchers>,
}

impl MatcherCache {
    pub(super) fn new(
        rare: Vec<String>,
        common: HashMap<String, Vec<String>>,
        names: Vec<String>,
    ) -> Self {
        Self {
            rare,
            common,
            names,
            made: HashMap::new(),
        }
    }

    fn words(&self, alias: Option<&str>) -> &[String] {
        let words = alias.and_then(|alias| self.common.get(alias));
        words.map_or(&[], Vec::as_slice)
    }

    /// Says whether there is no secret to look for.
    pub(super) fn finds_nothing(&self, alias: Option<&str>) -> bool {
        self.rare.is_empty() && self.words(alias).is_empty()
    }

    /// The search for texts about a server, if it is made already.
    pub(super) fn get(&self, alias: Option<&str>) -> Option<Matchers> {
        self.made.get(self.words(alias)).cloned()
    }

    /// Makes the search for texts about a server.
    pub(super) fn make(&mut self, alias: Option<&str>) -> Matchers {
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

/// A secret in base64, by itself and within a longer text.
fn in_base64(secret: &str) -> Vec<String> {
    let mut forms = vec![BASE64_STANDARD_NO_PAD.encode(secret)];
    forms.extend((0..3).map(|before| within_base64(secret, before)));
    forms
}

/// The digits that base64 has for a secret alone, if `before` other bytes precede it. Digits that also
/// depend on its neighbours are left out.
fn within_base64(secret: &str, before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret.as_bytes());
    let encoded = BASE64_STANDARD_NO_PAD.encode(&bytes);
    let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    encoded[first..end].to_owned()
}
