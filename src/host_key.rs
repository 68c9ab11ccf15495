//! What settings, records and errors say of a host and its key.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The port of SSH servers (RFC 4253, section 4.1).
pub const DEFAULT_PORT: u16 = 22;

/// What becomes of a host whose key is not known. That of a known host has to be the known one always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyPolicy {
    /// Its key is recorded, and has to be the same from then on.
    #[default]
    AcceptNew,
    /// It is refused.
    Strict,
}

impl HostKeyPolicy {
    /// The policy of this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "accept-new" => Some(Self::AcceptNew),
            "strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

/// What is wrong with a host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Others are on record for the host.
    Changed,
    /// None is on record, and the policy is [`HostKeyPolicy::Strict`].
    Unknown,
    /// It is marked `@revoked`.
    Revoked,
    /// A `@cert-authority` is on record for the host, and has not signed it.
    Unvouched,
    /// It is not the one that `hostKeyFingerprint` names.
    NotPinned,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "is not the known one",
            Self::Unknown => "is not known, and the policy is strict",
            Self::Revoked => "is revoked",
            Self::Unvouched => "no authority on record vouches for",
            Self::NotPinned => "is not the one that hostKeyFingerprint names",
        })
    }
}
