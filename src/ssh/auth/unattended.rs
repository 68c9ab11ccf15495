//! Logins that took no person: by them it is known which servers may be asked now and then with nobody at hand.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::fs::blocking;
use crate::hex::digits;
use crate::ssh::target::Target;
use crate::store::{DataDirectory, FoundFacts};

/// The servers whose last login took no person. Of each there is a digest of its means. Cheap to clone.
#[derive(Clone)]
pub(in crate::ssh) struct UnattendedLogins(FoundFacts);

impl UnattendedLogins {
    /// The logins that a data directory has.
    pub(in crate::ssh) fn new(data: &DataDirectory) -> Self {
        Self(data.found_facts("logins"))
    }

    /// Returns whether the last login by the means of `target` took no person. One by others tells nothing.
    pub(in crate::ssh) async fn have(&self, target: &Target) -> Result<bool, Error> {
        let (logins, alias, means) = (self.clone(), target.alias.clone(), means(target));
        blocking(move || Ok(logins.is(&alias, &means))).await
    }

    /// Notes how a login has ended: that it took no person, or that it did, or failed. The login does not wait for that.
    pub(super) fn note(&self, target: &Target, took_nobody: bool) {
        let means = took_nobody.then(|| means(target));
        self.set(target.alias.clone(), means);
    }

    /// Forgets the login of a server that is gone.
    pub(in crate::ssh) fn forget(&self, alias: &str) {
        self.set(alias.to_owned(), None);
    }

    fn is(&self, alias: &str, means: &str) -> bool {
        self.0.get(alias, Duration::MAX).as_deref() == Some(means.as_bytes())
    }

    fn set(&self, alias: String, means: Option<String>) {
        let logins = self.clone();
        tokio::task::spawn_blocking(move || {
            let set = match means {
                Some(means) if logins.is(&alias, &means) => Ok(()),
                Some(means) => logins.0.put(&alias, means.as_bytes()),
                None => logins.0.remove(&alias),
            };
            // Without it, the server's figures are missing on the page, and nothing else.
            if let Err(error) = set {
                tracing::debug!("a login was not noted: {error}");
            }
        });
    }
}

/// A digest of the means of a login: address, user, keys and agent.
fn means(target: &Target) -> String {
    let (server, keys, agent) = (&target.server, &target.keys, &target.agent);
    let address = (&server.host, server.port(), &server.user);
    let text = format!("{address:?} {keys:?} {agent:?}");
    digits(&Sha256::digest(text))
}
