//! Host keys as a person sees them, of one server or of several: of several, those as on record by name alone.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::error::Error;
use crate::ssh::host_key::{HostKeys, PresentedKey, RecordedKey};
use crate::text::beginning;

/// The most servers that are asked at a time.
const AT_ONCE: usize = 20;
/// The most bytes of a server's failure.
const LONGEST_FAILURE: usize = 200;

/// The host keys of one server.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostKeyReport {
    pub(super) alias: String,
    pub(super) host: String,
    presented: Vec<PresentedKey>,
    pub(super) known: Vec<RecordedKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trusted: Option<String>,
    /// The only key that the server's entry accepts. It is told in the text.
    #[serde(skip)]
    pinned: Option<String>,
}

/// The host keys of several servers.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct KeysOfSeveral {
    /// Servers that could not be asked, each with the reason.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    failed: IndexMap<String, String>,
    /// Servers that present other keys than those on record.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    changed: IndexMap<String, HostKeyReport>,
    /// Servers without a key on record, each with the fingerprints that it presents.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    new: IndexMap<String, Vec<String>>,
    /// Servers that present a key on record.
    #[serde(rename = "asKnown", skip_serializing_if = "Vec::is_empty")]
    as_known: Vec<String>,
}

impl KeysOfSeveral {
    fn add(&mut self, alias: String, shown: Result<HostKeyReport, Error>) {
        let report = match shown {
            Ok(report) => report,
            Err(error) => {
                let reason = error.to_string();
                let reason = beginning(&reason, LONGEST_FAILURE).into_owned();
                self.failed.insert(alias, reason);
                return;
            }
        };
        if report.known.is_empty() {
            let presented = report.presented.into_iter();
            let fingerprints = presented.map(|key| key.fingerprint).collect();
            self.new.insert(alias, fingerprints);
        } else if report.presents_known() {
            self.as_known.push(alias);
        } else {
            self.changed.insert(alias, report);
        }
    }

    /// The servers for people: failures first, then what a person has to look at.
    pub(super) fn text(&self) -> String {
        let failed = self.failed.iter();
        let failed = failed.map(|(alias, reason)| format!("{alias}: {reason}"));
        let changed = self.changed.values();
        let changed = changed.map(|report| format!("CHANGED: {}", report.text()));
        let new = self.new.iter();
        let new = new.map(|(alias, keys)| format!("{alias}: new, {}", keys.join(", ")));
        let as_known = (!self.as_known.is_empty())
            .then(|| format!("as on record: {}", self.as_known.join(", ")));
        let lines = failed.chain(changed).chain(new).chain(as_known);
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl HostKeyReport {
    fn presents(&self) -> String {
        let keys = self.presented.iter();
        listed(keys.map(|key| (&key.fingerprint, &key.kind)))
    }

    /// Returns whether one of the keys that it presents is on record.
    fn presents_known(&self) -> bool {
        let known: Vec<_> = self.known.iter().map(|key| &key.fingerprint).collect();
        let mut presented = self.presented.iter();
        presented.any(|key| known.contains(&&key.fingerprint))
    }

    /// Refuses a fingerprint of a key that the server does not present.
    pub(super) fn check_presented(&self, wanted: &str) -> Result<(), Error> {
        let mut presented = self.presented.iter();
        if presented.any(|key| key.fingerprint == wanted) {
            return Ok(());
        }
        let problem = format!(
            "is of no key that the server presents; nothing was changed. It presents {}",
            self.presents()
        );
        Err(Error::invalid("fingerprint", problem))
    }

    pub(super) fn text(&self) -> String {
        let known = self.known.iter();
        let known = listed(known.map(|key| (&key.fingerprint, &key.known_at)));
        let text = format!(
            "server `{}` at {} presents {}; known: {known}",
            self.alias,
            self.host,
            self.presents()
        );
        match (&self.trusted, &self.pinned) {
            (Some(trusted), _) => format!("{text}. Trusted from now on: {trusted}"),
            (None, Some(pinned)) => format!("{text}; its entry accepts only {pinned}"),
            (None, None) => text,
        }
    }
}

impl App {
    /// The host keys that a server presents now, and those on record.
    pub(super) async fn shown_keys(
        &self,
        alias: String,
    ) -> Result<(HostKeyReport, Arc<HostKeys>), Error> {
        let keys = Arc::new(self.pool().host_keys(&alias).await?);
        let report = HostKeyReport {
            host: keys.endpoint(),
            presented: keys.presented(),
            known: keys.known().to_vec(),
            pinned: self
                .servers()
                .get(&alias)
                .ok()
                .and_then(|server| server.host_key_fingerprint),
            alias,
            trusted: None,
        };
        Ok((report, keys))
    }

    /// The host keys that these servers present. None of them is accepted.
    pub(super) async fn keys_of_several(&self, aliases: Vec<String>) -> KeysOfSeveral {
        let asked = aliases.into_iter().map(|alias| async move {
            let shown = self.shown_keys(alias.clone()).await;
            (alias, shown.map(|(report, _)| report))
        });
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let mut keys = KeysOfSeveral::default();
        for (alias, shown) in answers {
            keys.add(alias, shown);
        }
        keys
    }
}

/// Fingerprints, each with a remark.
fn listed<'k>(keys: impl Iterator<Item = (&'k String, &'k String)>) -> String {
    let shown: Vec<_> = keys
        .map(|(fingerprint, remark)| format!("{fingerprint} ({remark})"))
        .collect();
    match shown.as_slice() {
        [] => "none".to_owned(),
        some => some.join(", "),
    }
}
