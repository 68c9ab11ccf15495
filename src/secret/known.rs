//! The secrets that this process has seen, so that they can be masked.
//!
//! A rare secret is masked everywhere. A common word, or a part of an alias, a user or a host, is masked only
//! in texts about the servers that use it as a secret. A secret that is itself such a name is not masked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, PoisonError, RwLock};

use percent_encoding::percent_decode_str;

use super::common::is_common;
use super::matchers::{MatcherCache, Matchers};
use super::rarity::Rarity;

/// A shorter secret occurs in too many texts by chance.
const SHORTEST: usize = 6;

/// One registry for the whole process, because a log line or a panic may come from anywhere.
static KNOWN: LazyLock<RwLock<KnownSecrets>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct KnownSecrets {
    /// The secrets, with the aliases of the servers that use them.
    secrets: BTreeMap<String, BTreeSet<String>>,
    /// Aliases, users and hosts, by the file that has them.
    names: HashMap<PathBuf, BTreeSet<String>>,
    /// The searches for them. Made when they are needed, because hundreds of secrets may come at the start.
    matchers: Option<MatcherCache>,
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

    fn matchers(&self) -> MatcherCache {
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
        let names = names.cloned().collect();
        MatcherCache::new(rare, common, names)
    }

    fn holds(&self, secret: &str, alias: Option<&str>) -> bool {
        let holders = self.secrets.get(secret);
        holders.is_some_and(|holders| alias.is_none_or(|alias| holders.contains(alias)))
    }
}

/// Has a secret masked from now on.
pub fn remember(secret: &str) {
    remember_of(None, secret);
}

/// The same for a secret of the server with this alias.
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
        known.matchers = None;
    }
}

/// Records the aliases, users and hosts that a file has now.
pub fn note_names(file: &Path, names: BTreeSet<String>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.names.get(file) != Some(&names) {
        known.names.insert(file.to_owned(), names);
        known.matchers = None;
    }
}

/// Says in which texts a secret can be masked.
pub fn rarity(secret: &str) -> Rarity {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.rarity(secret)
}

/// A secret, and its parts that are secrets by themselves.
fn parts_of(secret: &str) -> Vec<Cow<'_, str>> {
    let mut parts = vec![Cow::Borrowed(secret)];
    if let Some((_, password)) = secret.split_once(':') {
        // It may be a user with a password.
        parts.push(password.into());
    }
    if secret.starts_with("otpauth://") {
        let fields = secret.split(['?', '&']);
        let keys = fields.filter_map(|field| field.strip_prefix("secret="));
        parts.extend(keys.map(Cow::Borrowed));
    }
    // An address has its password percent-encoded, and the server is sent the decoded one.
    for index in 0..parts.len() {
        let decoded = percent_decode_str(&parts[index]).decode_utf8();
        if let Ok(Cow::Owned(decoded)) = decoded {
            parts.push(decoded.into());
        }
    }
    parts
}

/// The search for all secrets that are masked in texts about a server, or about none; `None` while there
/// is no secret.
pub(super) fn matchers(alias: Option<&str>) -> Option<Matchers> {
    {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = &known.matchers {
            let made = cache.get(alias);
            if made.is_some() || cache.finds_nothing(alias) {
                return made;
            }
        }
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let mut cache = match known.matchers.take() {
        Some(cache) => cache,
        None => known.matchers(),
    };
    let made = match cache.get(alias) {
        None if !cache.finds_nothing(alias) => Some(cache.make(alias)),
        made => made,
    };
    known.matchers = Some(cache);
    made
}
