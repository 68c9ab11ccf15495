//! Policy for host keys, and the problems that they may have.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The port of SSH servers (RFC 4253, section 4.1).
pub const DEFAULT_PORT: u16 = 22;

/// The policy for hosts without a key on record. The key of a known host must always match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyPolicy {
    /// The key is recorded, and must match from then on.
    #[default]
    AcceptNew,
    /// The host is refused.
    Strict,
}

impl HostKeyPolicy {
    /// Parses a policy's name.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "accept-new" => Some(Self::AcceptNew),
            "strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

/// A problem with a host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Other keys are on record for the host.
    Changed,
    /// No key is on record, and the policy is [`HostKeyPolicy::Strict`].
    Unknown,
    /// The key is marked `@revoked`.
    Revoked,
    /// A `@cert-authority` is on record for the host, and has not signed the key.
    Unvouched,
    /// The key is not the one in `hostKeyFingerprint`.
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
