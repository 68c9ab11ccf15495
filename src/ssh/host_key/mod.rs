//! Whether a server is the one it was before, or the one that somebody vouches for.

mod identity;
mod known_hosts;
mod name;
mod rule;
mod shown;

use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};

pub(in crate::ssh) use crate::host_key::{Policy, Problem};
pub use identity::{Identity, KeyKind};
pub use known_hosts::KnownHosts;
pub(in crate::ssh) use name::HostName;
pub(in crate::ssh) use rule::HostKeyVerifier;
pub use shown::{HostKeys, Presented, Recorded};

/// The fingerprint as `ssh-keygen -l` prints it: `SHA256:…`.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Whether a text is such a fingerprint.
pub fn is_fingerprint(text: &str) -> bool {
    text.parse::<russh::keys::ssh_key::Fingerprint>()
        .is_ok_and(russh::keys::ssh_key::Fingerprint::is_sha256)
}

/// The key itself: a certificate contains one.
pub(super) fn bare(shown: &PublicKeyOrCertificate) -> PublicKey {
    match shown {
        PublicKeyOrCertificate::PublicKey { key, .. } => key.clone(),
        PublicKeyOrCertificate::Certificate(certificate) => {
            PublicKey::new(certificate.public_key().clone(), "")
        }
    }
}
