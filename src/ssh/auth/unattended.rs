//! Logins that took no person: by them it is known which servers may be asked now and then with nobody at hand.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::fs::blocking;
use crate::hex::digits;
use crate::ssh::target::Target;
use crate::store::Document;

/// Name of the document of such logins.
pub(in crate::ssh) const UNATTENDED_LOGINS: &str = "logins.json";

/// The means of each login, by alias.
type LoginMeans = BTreeMap<String, String>;

/// The servers whose last login took no person. Cheap to clone.
#[derive(Clone)]
pub(in crate::ssh) struct UnattendedLogins(Document);

impl UnattendedLogins {
    /// The logins that a document names.
    pub(in crate::ssh) fn in_document(document: Document) -> Self {
        Self(document)
    }

    /// Returns whether the last login by the means of `target` took no person. One by others tells nothing.
    pub(in crate::ssh) async fn have(&self, target: &Target) -> Result<bool, Error> {
        let (document, alias, means) = (self.0.clone(), target.alias.clone(), means(target));
        blocking(move || {
            let known: LoginMeans = document.read()?;
            Ok(known.get(&alias) == Some(&means))
        })
        .await
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

    fn set(&self, alias: String, means: Option<String>) {
        let document = self.0.clone();
        tokio::task::spawn_blocking(move || {
            // Without it, the server's figures are missing on the page, and nothing else.
            if let Err(error) = replace(&document, alias, means) {
                tracing::debug!("a login was not noted: {error}");
            }
        });
    }
}

fn replace(document: &Document, alias: String, means: Option<String>) -> Result<(), Error> {
    let known: LoginMeans = document.read()?;
    if known.get(&alias) == means.as_ref() {
        return Ok(());
    }
    document.update(|known: &mut LoginMeans| match means {
        Some(means) => drop(known.insert(alias, means)),
        None => drop(known.remove(&alias)),
    })
}

/// A digest of the means of a login: address, user, keys and agent.
fn means(target: &Target) -> String {
    let (server, keys, agent) = (&target.server, &target.keys, &target.agent);
    let address = (&server.host, server.port(), &server.user);
    let text = format!("{address:?} {keys:?} {agent:?}");
    digits(&Sha256::digest(text))
}
