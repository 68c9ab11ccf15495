//! What a server's key has to be for a connection to go on.

use russh::keys::{PublicKey, PublicKeyOrCertificate};

use super::known_hosts::Verdict;
use super::{HostKeyPolicy, HostName, KnownHosts, Problem, bare, fingerprint};
use crate::error::Error;

/// Whom a connection is meant to reach, and how that is made sure.
#[derive(Clone, Debug)]
pub(in crate::ssh) struct HostKeyVerifier {
    pub(in crate::ssh) alias: String,
    pub(in crate::ssh) host: String,
    pub(in crate::ssh) port: u16,
    /// Under which its keys are on record.
    pub(in crate::ssh) name: HostName,
    pub(in crate::ssh) policy: HostKeyPolicy,
    /// The fingerprint of the only key to accept.
    pub(in crate::ssh) pin: Option<String>,
    pub(in crate::ssh) known_hosts: KnownHosts,
}

impl HostKeyVerifier {
    /// Accepts the pinned key, or a known one, or, if the policy says so, that of a new host, which it
    /// records. Refuses any other.
    pub(in crate::ssh) fn judge(&self, shown: &PublicKeyOrCertificate) -> Result<(), Error> {
        let key = bare(shown);
        let verdict = self.known_hosts.judge(&self.name, shown)?;
        if let Verdict::Refused {
            problem: Problem::Revoked,
            known,
            known_at,
        } = verdict
        {
            return Err(self.refusal(&key, Problem::Revoked, known, known_at));
        }
        if let Some(pin) = &self.pin {
            return if *pin == fingerprint(&key) {
                if verdict == Verdict::New {
                    self.known_hosts.learn(&self.name, &key)?;
                }
                Ok(())
            } else {
                let known_at = format!("hostKeyFingerprint of `{}`", self.alias);
                Err(self.refusal(&key, Problem::NotPinned, vec![pin.clone()], known_at))
            };
        }
        match verdict {
            Verdict::Known => Ok(()),
            Verdict::New if self.policy == HostKeyPolicy::AcceptNew => {
                self.known_hosts.learn(&self.name, &key)?;
                tracing::info!(
                    "host key of {}:{} recorded on first use: {}",
                    self.host,
                    self.port,
                    fingerprint(&key)
                );
                Ok(())
            }
            Verdict::New => Err(self.refusal(&key, Problem::Unknown, Vec::new(), String::new())),
            Verdict::Refused {
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
