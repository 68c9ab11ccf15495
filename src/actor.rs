//! The person or program on whose behalf something is done: in records of tasks, in the audit trail, in answers to
//! questions.

use std::fmt;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::ssh_config::user_name;
use crate::sync::lock;

/// The name of an actor who types at a terminal.
pub const AT_TERMINAL: &str = "terminal";

/// The most characters of a client's name and version.
const LONGEST_CLIENT: usize = 100;

/// The person or program that acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The system user as whom this program runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The MCP client with its version, or the way by which a person acts: `terminal`, `web`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The name that `MCP_ACTOR` gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl From<Actor> for CurrentActor {
    fn from(actor: Actor) -> Self {
        Self(Arc::new(Mutex::new(actor)))
    }
}

impl Actor {
    /// The one who acts by this way, with these settings.
    pub fn of(config: &Config, client: &str) -> Self {
        Self {
            user: user_name(),
            client: Some(client.to_owned()),
            name: config.actor.clone(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.name.as_deref().or(self.user.as_deref());
        f.write_str(who.unwrap_or("somebody"))?;
        match &self.client {
            Some(client) => write!(f, " ({client})"),
            None => Ok(()),
        }
    }
}

/// The actor of this process, whose client is known once it has introduced itself. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct CurrentActor(Arc<Mutex<Actor>>);

impl CurrentActor {
    /// The actor of a process with these settings.
    pub fn new(config: &Config) -> Self {
        Self::from(Actor {
            user: user_name(),
            client: None,
            name: config.actor.clone(),
        })
    }

    /// The actor as it is known now.
    pub fn get(&self) -> Actor {
        lock(&self.0).clone()
    }

    /// Notes the client that calls.
    pub fn note_client(&self, name: &str, version: &str) {
        let client = format!("{name} {version}");
        let client: String = client.trim().chars().take(LONGEST_CLIENT).collect();
        lock(&self.0).client = Some(client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_name_counts_and_the_client_stands_beside_it() {
        let mut actor = Actor {
            user: Some("root".to_owned()),
            ..Actor::default()
        };
        assert_eq!(actor.to_string(), "root");
        actor.name = Some("Ann".to_owned());
        actor.client = Some(AT_TERMINAL.to_owned());
        assert_eq!(actor.to_string(), "Ann (terminal)");
        assert_eq!(Actor::default().to_string(), "somebody");
    }
}
