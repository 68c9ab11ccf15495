//! The red button: a person holds all servers, or some, and nothing begins there until they release them.
//!
//! It is a document of the data directory, so that every process there heeds it, also after a restart. Tasks that run
//! are stopped by the processes that run them.
//!
//! | module | what it is |
//! |---|---|
//! | this | the servers that are held |
//! | `commands` | the lines that a person types to release them |

mod commands;

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::error::Error;
use crate::store::{Cached, DataDirectory, Document, Version, VersionWatch};
use crate::time::Timestamp;
pub use commands::command_to_type;

/// The interval at which it is looked whether servers are held, while something runs there.
const HEEDED_EVERY: Duration = Duration::from_millis(250);

/// A person's stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The one who said stop.
    pub by: Actor,
    /// When they said so.
    pub since: Timestamp,
}

/// The servers that a stop is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldScope {
    /// Every server.
    All,
    /// The server of this alias.
    Server(String),
}

/// The document.
#[derive(Debug, Default, Serialize, Deserialize)]
struct HeldServers {
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<Hold>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    servers: IndexMap<String, Hold>,
}

/// The holds of a data directory. Each method blocks for a moment.
#[derive(Debug)]
pub struct Holds {
    data: DataDirectory,
    document: Document,
    cached: Cached<HeldServers>,
    changes: VersionWatch,
}

impl Holds {
    /// The holds of a data directory.
    pub fn of(data: &DataDirectory) -> Self {
        // While it cannot be told what is held, everything is.
        let document = data.document("held.json").or_nothing();
        Self {
            data: data.clone(),
            changes: VersionWatch::new(document.clone(), HEEDED_EVERY),
            document,
            cached: Cached::default(),
        }
    }

    /// Holds servers. Returns false if they were held already; the earlier hold stays.
    pub fn hold(&self, scope: &HoldScope, by: Actor) -> Result<bool, Error> {
        let hold = Hold {
            by,
            since: Timestamp::now(),
        };
        self.document.update(|held: &mut HeldServers| match scope {
            HoldScope::All => {
                let is_new = held.all.is_none();
                held.all.get_or_insert(hold);
                is_new
            }
            HoldScope::Server(alias) => {
                let is_new = !held.servers.contains_key(alias);
                held.servers.entry(alias.clone()).or_insert(hold);
                is_new
            }
        })
    }

    /// Releases what is held, and returns it: all of it, or one server alone. A server stays held while all are.
    pub fn release(&self, scope: &HoldScope) -> Result<Vec<(HoldScope, Hold)>, Error> {
        self.document.update(|held: &mut HeldServers| match scope {
            HoldScope::All => std::mem::take(held).list(),
            HoldScope::Server(alias) => {
                let released = held.servers.shift_remove(alias);
                released
                    .map(|hold| (scope.clone(), hold))
                    .into_iter()
                    .collect()
            }
        })
    }

    /// The holds: of all servers first, if there is one.
    pub fn list(&self) -> Result<Vec<(HoldScope, Hold)>, Error> {
        Ok(self.current()?.list())
    }

    /// Refuses to begin something on a server that is held; of no server, only if all are.
    pub fn check(&self, alias: Option<&str>) -> Result<(), Error> {
        let current = self.current()?;
        let Some((scope, hold)) = current.hold_on(alias) else {
            return Ok(());
        };
        let (subject, words) = match scope {
            HoldScope::All => ("everything".to_owned(), "resume --all".to_owned()),
            HoldScope::Server(alias) => (format!("server `{alias}`"), format!("resume {alias}")),
        };
        let resume = command_to_type(self.data.path(), &words);
        Err(Error::Held {
            subject,
            by: hold.by.to_string(),
            since: hold.since.to_string(),
            advice: format!(
                "a person has stopped this; leave it, and tell them. They alone go on, with `{resume}` at a terminal"
            ),
        })
    }

    /// Returns the test whether a server is held now, by one look at the document. While that cannot be read, none is.
    pub fn held_now(&self) -> impl Fn(&str) -> bool + use<> {
        let current = self.current().ok();
        move |alias| {
            let current = current.as_ref();
            current.is_some_and(|held| held.hold_on(Some(alias)).is_some())
        }
    }

    /// Waits until this server is held, and returns the reason to stop what runs there.
    pub async fn until_held(&self, alias: &str) -> String {
        let mut changes = self.changes.changes();
        loop {
            if let Err(error) = self.check(Some(alias)) {
                return error.to_string();
            }
            changes.changed().await;
        }
    }

    /// The version of the document, which changes with each hold and release. It costs a look at the file.
    pub fn version(&self) -> Option<Version> {
        self.document.version()
    }

    fn current(&self) -> Result<Arc<HeldServers>, Error> {
        self.cached.of(&self.document, || self.document.read())
    }
}

impl HeldServers {
    /// The hold on a server, that of all before its own; of no server, only that of all.
    fn hold_on(&self, alias: Option<&str>) -> Option<(HoldScope, &Hold)> {
        if let Some(all) = &self.all {
            return Some((HoldScope::All, all));
        }
        let alias = alias?;
        let hold = self.servers.get(alias)?;
        Some((HoldScope::Server(alias.to_owned()), hold))
    }

    fn list(&self) -> Vec<(HoldScope, Hold)> {
        let all = self.all.iter().map(|hold| (HoldScope::All, hold.clone()));
        let servers = self.servers.iter();
        let servers = servers.map(|(alias, hold)| (HoldScope::Server(alias.clone()), hold.clone()));
        all.chain(servers).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(directory: &tempfile::TempDir) -> Holds {
        Holds::of(&DataDirectory::open(directory.path()).unwrap())
    }

    fn web1() -> HoldScope {
        HoldScope::Server("web1".to_owned())
    }

    #[test]
    fn another_process_sees_a_hold_and_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let (here, there) = (holds(&directory), holds(&directory));
        let ann = Actor {
            name: Some("Ann".to_owned()),
            ..Actor::default()
        };
        assert!(there.check(Some("web1")).is_ok());
        assert!(here.hold(&web1(), ann.clone()).unwrap());
        assert!(!here.hold(&web1(), Actor::default()).unwrap());
        let error = there.check(Some("web1")).unwrap_err();
        assert_eq!(error.code(), "HELD");
        assert!(
            error.to_string().contains("`web1` is held by Ann since 20"),
            "{error}"
        );
        assert!(
            error.hint().contains("resume web1 --data-dir="),
            "{}",
            error.hint()
        );
        assert!(there.check(Some("web2")).is_ok() && there.check(None).is_ok());
        assert!(here.hold(&HoldScope::All, ann).unwrap());
        assert!(there.check(None).is_err() && there.check(Some("web2")).is_err());
        assert_eq!(here.release(&web1()).unwrap().len(), 1);
        assert_eq!(here.release(&web1()).unwrap(), []);
        assert!(there.check(Some("web1")).is_err(), "all are held");
        assert_eq!(here.release(&HoldScope::All).unwrap().len(), 1);
        assert!(there.check(Some("web1")).is_ok());
    }

    #[test]
    fn what_cannot_be_read_holds_everything() {
        let directory = tempfile::tempdir().unwrap();
        let holds = holds(&directory);
        std::fs::write(directory.path().join("held.json"), "{").unwrap();
        assert!(holds.check(None).is_err());
    }
}
