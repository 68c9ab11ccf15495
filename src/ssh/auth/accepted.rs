//! The keys that servers have accepted. A further login offers its key first: each refused key before it
//! costs a round trip, and one of the attempts that the server allows (`MaxAuthTries`).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::ssh::target::Target;
use crate::sync::lock;

/// A key as it was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OfferedKey {
    /// A private key in this file.
    File(PathBuf),
    /// A key of the agent, by its fingerprint.
    Agent(String),
}

/// The key that was accepted last, by alias and user.
#[derive(Clone, Default)]
pub(in crate::ssh) struct AcceptedKeys(Arc<Mutex<HashMap<(String, String), OfferedKey>>>);

impl AcceptedKeys {
    pub(super) fn get(&self, target: &Target) -> Option<OfferedKey> {
        lock(&self.0).get(&name(target)).cloned()
    }

    pub(super) fn note(&self, target: &Target, key: OfferedKey) {
        lock(&self.0).insert(name(target), key);
    }
}

fn name(target: &Target) -> (String, String) {
    (target.alias.clone(), target.server.user.clone())
}
