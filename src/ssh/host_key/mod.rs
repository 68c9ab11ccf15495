//! Host keys: those that servers present, and those on record.
//!
//! | module | what it is |
//! |---|---|
//! | `known_hosts`, `name` | the keys on record, and the names under which they are |
//! | `verifier` | the decision on a key that a server presents |
//! | `host_keys` | keys presented and on record side by side, for a person who decides |
//! | `identity` | a host key by its fingerprint |

mod host_keys;
mod identity;
mod known_hosts;
mod name;
mod verifier;

use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};

pub(in crate::ssh) use crate::host_key::{HostKeyPolicy, Problem};
pub use host_keys::{HostKeys, PresentedKey, RecordedKey};
pub use identity::{Identity, KeyKind};
pub use known_hosts::KnownHosts;
pub(in crate::ssh) use name::HostName;
pub(in crate::ssh) use verifier::HostKeyVerifier;

/// The fingerprint as `ssh-keygen -l` prints it: `SHA256:…`.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Returns whether a text is such a fingerprint.
pub fn is_fingerprint(text: &str) -> bool {
    text.parse::<russh::keys::ssh_key::Fingerprint>()
        .is_ok_and(russh::keys::ssh_key::Fingerprint::is_sha256)
}

/// The key itself: a certificate contains one.
pub(super) fn bare(presented: &PublicKeyOrCertificate) -> PublicKey {
    match presented {
        PublicKeyOrCertificate::PublicKey { key, .. } => key.clone(),
        PublicKeyOrCertificate::Certificate(certificate) => {
            PublicKey::new(certificate.public_key().clone(), "")
        }
    }
}
