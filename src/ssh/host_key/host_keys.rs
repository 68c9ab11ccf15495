//! The host keys that a server shows, beside those on record, for somebody who decides.

use russh::keys::PublicKey;
use serde::Serialize;

use super::fingerprint;
use super::verifier::HostKeyVerifier;
use crate::error::Error;

/// What a server shows and what is known of it.
#[derive(Debug)]
pub struct HostKeys {
    rule: HostKeyVerifier,
    keys: Vec<PublicKey>,
    known: Vec<Recorded>,
}

/// A key as it is told to people.
#[derive(Clone, Debug, Serialize)]
pub struct Presented {
    /// Its kind, such as `ssh-ed25519`.
    pub kind: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
}

/// A key on record.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// File and line.
    pub known_at: String,
}

impl HostKeys {
    pub(in crate::ssh) fn of(rule: HostKeyVerifier, keys: Vec<PublicKey>) -> Result<Self, Error> {
        let known = rule.known_hosts.recorded(&rule.name)?;
        let known = known.into_iter().map(|(fingerprint, known_at)| Recorded {
            fingerprint,
            known_at,
        });
        Ok(Self {
            known: known.collect(),
            rule,
            keys,
        })
    }

    /// Where the server is.
    pub fn endpoint(&self) -> String {
        format!("{}:{}", self.rule.host, self.rule.port)
    }

    /// The keys that it shows.
    pub fn presented(&self) -> Vec<Presented> {
        let keys = self.keys.iter();
        keys.map(|key| Presented {
            kind: key.algorithm().to_string(),
            fingerprint: fingerprint(key),
        })
        .collect()
    }

    /// The keys on record for it.
    pub fn known(&self) -> &[Recorded] {
        &self.known
    }

    /// Records the key with this fingerprint, in the place of what this program had recorded for the
    /// host. Says whether the server shows such a key; if not, nothing changes. Blocks.
    pub fn trust(&self, wanted: &str) -> Result<bool, Error> {
        let Some(key) = self.keys.iter().find(|key| fingerprint(key) == wanted) else {
            return Ok(false);
        };
        self.rule.known_hosts.replace(&self.rule.name, key)?;
        Ok(true)
    }
}
