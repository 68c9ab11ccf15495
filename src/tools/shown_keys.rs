//! The host keys of several servers, for a person to compare: those as on record by name alone, all others whole.

use futures_util::stream::{self, StreamExt};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::trust::HostKeyReport;
use crate::app::App;
use crate::error::Error;
use crate::text::beginning;

/// The most servers that are asked at a time.
const AT_ONCE: usize = 20;
/// The most bytes of a server's failure.
const LONGEST_FAILURE: usize = 200;

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

impl App {
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
