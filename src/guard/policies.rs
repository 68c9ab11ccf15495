//! The command policy as it is kept: `policies.json`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::policy::{DEFAULT_BLOCKLIST, Pattern, Policy};
use crate::store::{Cached, DataDirectory, JsonFile};

/// The file's shape.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Written {
    /// What is refused; the default list if the file does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocklist: Option<Vec<String>>,
    /// If there is any, only what it lets through is run.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    allowlist: Vec<String>,
    /// What this version does not know.
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Written {
    fn blocklist(&self) -> Vec<String> {
        self.blocklist.clone().unwrap_or_else(|| {
            DEFAULT_BLOCKLIST
                .iter()
                .map(|rule| (*rule).to_owned())
                .collect()
        })
    }
}

/// The policy of one data directory, read again when the file changes.
#[derive(Debug)]
pub struct Policies {
    file: JsonFile,
    cache: Cached<Policy>,
}

/// The rules as they are written.
#[derive(Clone, Debug, Serialize)]
pub struct Rules {
    /// What is refused.
    pub blocklist: Vec<String>,
    /// If there is any, only what it lets through is run.
    pub allowlist: Vec<String>,
}

impl Policies {
    /// The policy of a data directory.
    pub fn open(data: &DataDirectory) -> Self {
        Self {
            // Whoever wrote rules does not want them replaced by the default ones in silence.
            file: data.file("policies.json").or_nothing(),
            cache: Cached::default(),
        }
    }

    /// The policy as it stands. A rule that is not understood is an error: nothing is run while it is
    /// not known what is refused.
    pub fn current(&self) -> Result<Arc<Policy>, Error> {
        self.cache.of(&self.file, || {
            let rules = self.rules()?;
            Ok(Policy::new(
                self.parsed(&rules.blocklist)?,
                self.parsed(&rules.allowlist)?,
            ))
        })
    }

    /// The rules as they are written.
    pub fn rules(&self) -> Result<Rules, Error> {
        let written: Written = self.file.read()?;
        Ok(Rules {
            blocklist: written.blocklist(),
            allowlist: written.allowlist,
        })
    }

    /// Adds a rule to those of what is refused. Says whether it is new.
    pub fn block(&self, rule: &str) -> Result<bool, Error> {
        Pattern::parse(rule)
            .map_err(|problem| Error::invalid("pattern", format!("is no rule: {problem}")))?;
        self.change(|rules| {
            let is_new = !rules.iter().any(|known| known == rule);
            if is_new {
                rules.push(rule.to_owned());
            }
            is_new
        })
    }

    /// Takes such a rule away. Says whether it was there.
    pub fn unblock(&self, rule: &str) -> Result<bool, Error> {
        self.change(|rules| {
            let before = rules.len();
            rules.retain(|known| known != rule);
            rules.len() < before
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<String>) -> bool) -> Result<bool, Error> {
        self.file.update(|written: &mut Written| {
            let mut rules = written.blocklist();
            let is_changed = change(&mut rules);
            written.blocklist = Some(rules);
            is_changed
        })
    }

    fn parsed(&self, rules: &[String]) -> Result<Vec<Pattern>, Error> {
        let parsed = rules.iter().map(|rule| {
            Pattern::parse(rule).map_err(|problem| {
                let reason = format!("the rule `{rule}` is no rule: {problem}");
                Error::storage(self.file.path(), "read", reason)
            })
        });
        parsed.collect()
    }
}
