//! The decision on the host key that a server presents.

use russh::keys::{PublicKey, PublicKeyOrCertificate};

use super::known_hosts::KeyVerdict;
use super::{HostKeyPolicy, HostName, KnownHosts, Problem, bare, fingerprint};
use crate::error::Error;

/// The server that a connection is to reach, and the policy for its host key.
#[derive(Clone, Debug)]
pub(in crate::ssh) struct HostKeyVerifier {
    pub(in crate::ssh) alias: String,
    pub(in crate::ssh) host: String,
    pub(in crate::ssh) port: u16,
    /// The name under which its keys are on record.
    pub(in crate::ssh) name: HostName,
    pub(in crate::ssh) policy: HostKeyPolicy,
    /// The fingerprint of the only key to accept.
    pub(in crate::ssh) pin: Option<String>,
    pub(in crate::ssh) known_hosts: KnownHosts,
}

impl HostKeyVerifier {
    /// Returns whether something is on record by which a key of the host is judged, so that no new one is taken.
    pub(in crate::ssh) fn is_on_record(&self) -> Result<bool, Error> {
        Ok(self.pin.is_some()
            || self.known_hosts.has_authority(&self.name)?
            || !self.known_hosts.keys(&self.name)?.is_empty())
    }

    /// Accepts the pinned key, a known one, or, under the policy `accept-new`, that of a new host, which it
    /// records. Refuses any other.
    pub(in crate::ssh) fn judge(&self, presented: &PublicKeyOrCertificate) -> Result<(), Error> {
        let key = bare(presented);
        let verdict = self.known_hosts.judge(&self.name, presented)?;
        if let KeyVerdict::Refused {
            problem: Problem::Revoked,
            known,
            known_at,
        } = verdict
        {
            return Err(self.refusal(&key, Problem::Revoked, known, known_at));
        }
        if let Some(pin) = &self.pin {
            return if *pin == fingerprint(&key) {
                if verdict == KeyVerdict::New {
                    self.known_hosts.learn(&self.name, &key)?;
                }
                Ok(())
            } else {
                let known_at = format!("hostKeyFingerprint of `{}`", self.alias);
                Err(self.refusal(&key, Problem::NotPinned, vec![pin.clone()], known_at))
            };
        }
        match verdict {
            KeyVerdict::Known => Ok(()),
            KeyVerdict::New if self.policy == HostKeyPolicy::AcceptNew => {
                self.known_hosts.learn(&self.name, &key)?;
                tracing::info!(
                    "host key of {}:{} recorded on first use: {}",
                    self.host,
                    self.port,
                    fingerprint(&key)
                );
                Ok(())
            }
            KeyVerdict::New => Err(self.refusal(&key, Problem::Unknown, Vec::new(), String::new())),
            KeyVerdict::Refused {
                problem,
                known,
                known_at,
            } => Err(self.refusal(&key, problem, known, known_at)),
        }
    }

    fn refusal(
        &self,
        key: &PublicKey,
        problem: Problem,
        known: Vec<String>,
        known_at: String,
    ) -> Error {
        Error::HostKeyMismatch {
            alias: self.alias.clone(),
            host: self.host.clone(),
            port: self.port,
            presented: fingerprint(key).into(),
            known,
            known_at: (!known_at.is_empty()).then(|| known_at.into()),
            problem,
        }
    }
}
