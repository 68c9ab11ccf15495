//! A host key by its fingerprint: it identifies a server under any name.

use russh::keys::{Algorithm, PublicKey};

use super::fingerprint;

/// A kind of host key, of which a server has one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA, on whichever curve.
    Ecdsa,
    /// RSA, with whichever hash.
    Rsa,
    /// Another, or not known.
    Other,
}

/// The fingerprint and kind of a host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// Its kind.
    pub kind: KeyKind,
}

impl From<&PublicKey> for Identity {
    fn from(key: &PublicKey) -> Self {
        Self {
            fingerprint: fingerprint(key),
            kind: match key.algorithm() {
                Algorithm::Ed25519 => KeyKind::Ed25519,
                Algorithm::Ecdsa { .. } => KeyKind::Ecdsa,
                Algorithm::Rsa { .. } => KeyKind::Rsa,
                _ => KeyKind::Other,
            },
        }
    }
}
