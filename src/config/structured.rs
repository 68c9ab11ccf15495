//! The choice of the answers that carry structured content.

use serde::Serialize;

/// The answers that carry structured content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Structured {
    /// Those of the tools that have an output schema, unless the call failed.
    Auto,
    /// All, with the whole record.
    Always,
    /// None.
    Never,
}

impl Structured {
    /// Parses a choice's name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "auto" => Some(Self::Auto),
            "always" => Some(Self::Always),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}
