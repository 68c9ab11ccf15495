//! The host keys that a server presents, beside those on record, for a person who decides.

use russh::keys::PublicKey;
use schemars::JsonSchema;
use serde::Serialize;

use super::fingerprint;
use super::verifier::HostKeyVerifier;
use crate::error::Error;

/// The host keys that a server presents, and those on record for it.
#[derive(Debug)]
pub struct HostKeys {
    verifier: HostKeyVerifier,
    keys: Vec<PublicKey>,
    known: Vec<RecordedKey>,
}

/// A key that a server presents.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PresentedKey {
    /// Its kind, such as `ssh-ed25519`.
    pub kind: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
}

/// A key on record.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordedKey {
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// File and line.
    pub known_at: String,
}

impl HostKeys {
    pub(in crate::ssh) fn of(
        verifier: HostKeyVerifier,
        keys: Vec<PublicKey>,
    ) -> Result<Self, Error> {
        let known = verifier.known_hosts.recorded(&verifier.name)?;
        let known = known
            .into_iter()
            .map(|(fingerprint, known_at)| RecordedKey {
                fingerprint,
                known_at,
            });
        Ok(Self {
            known: known.collect(),
            verifier,
            keys,
        })
    }

    /// The server's host and port.
    pub fn endpoint(&self) -> String {
        format!("{}:{}", self.verifier.host, self.verifier.port)
    }

    /// The keys that the server presents.
    pub fn presented(&self) -> Vec<PresentedKey> {
        let keys = self.keys.iter();
        keys.map(|key| PresentedKey {
            kind: key.algorithm().to_string(),
            fingerprint: fingerprint(key),
        })
        .collect()
    }

    /// The keys on record for it.
    pub fn known(&self) -> &[RecordedKey] {
        &self.known
    }

    /// Records the key with this fingerprint, and removes the other keys that this program has recorded for
    /// the host. Returns whether the server presents such a key; if not, nothing changes. Blocks.
    pub fn trust(&self, wanted: &str) -> Result<bool, Error> {
        let Some(key) = self.keys.iter().find(|key| fingerprint(key) == wanted) else {
            return Ok(false);
        };
        self.verifier
            .known_hosts
            .replace(&self.verifier.name, key)?;
        Ok(true)
    }
}
