//! Secrets: a text that never prints itself, how it is kept, and how it is kept out of everything else.

mod address;
mod automaton;
mod common;
mod escape;
mod held;
mod keys;
mod known;
mod redactor;
mod reference;
mod scan;
mod vault;
mod view;

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use address::{has_secret, remember_in, shown_address};
pub(crate) use held::MaskStyle;
pub use known::{
    Mask, Rarity, hide, hide_in, hide_in_of, hide_of, note_names, rarity, remember, remember_of,
};
pub(crate) use redactor::{Redactor, redacted};
pub use reference::{LONGEST, Reference};
pub(crate) use scan::Finder;
pub use vault::Vault;

/// A password or the like, as it stands in a file or was given by a caller: in clear, encrypted, or as
/// a reference to where it is. `Debug` shows `***`; [`Vault::reveal`] gives the secret itself.
///
/// It serialises as its text, because a file has to hold it; nothing that is shown or logged may be
/// built by serialising a type that contains one.
#[derive(Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(inline, extend("writeOnly" = true))]
#[serde(transparent)]
pub struct Secret(String);

/// What stands in the place of a secret wherever one would be shown.
pub const MASK: &str = "***";

impl Secret {
    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Where it is, if it lies elsewhere.
    pub fn reference(&self) -> Option<Reference> {
        Reference::of(&self.0)
    }

    /// How it may be shown: a reference says where the secret is, and not what.
    pub fn shown(&self) -> String {
        match self.reference() {
            // A command line may hold one.
            Some(Reference::Command(_)) => format!("cmd:{MASK}"),
            Some(_) => self.0.clone(),
            None => MASK.to_owned(),
        }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// The error does not quote the value, as serde's own would.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("invalid type, expected a string")),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_text() {
        assert_eq!(format!("{:?}", Some(Secret::from("hunter2"))), "Some(***)");
    }

    #[test]
    fn a_refusal_shows_no_value() {
        let error = serde_json::from_str::<Secret>("12345").unwrap_err();
        assert!(!error.to_string().contains("12345"), "{error}");
    }

    #[test]
    fn only_references_are_shown() {
        for (text, shown) in [
            ("hunter2", "***"),
            ("sealed:v1:ab:cd", "***"),
            ("env:PASSWORD", "env:PASSWORD"),
            ("file:/run/secrets/web1", "file:/run/secrets/web1"),
            ("cmd:pass show web1", "cmd:***"),
        ] {
            assert_eq!(Secret::from(text).shown(), shown);
        }
    }
}
