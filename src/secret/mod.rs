//! A string that never prints itself.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A password or passphrase. `Debug` shows `***`; only [`Secret::expose`] gives the text.
///
/// It serialises as its text, because `servers.json` has to hold it; nothing that is
/// shown or logged may be built by serialising a type that contains one.
#[derive(Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

/// What stands in the place of a secret wherever one would be shown.
pub const MASK: &str = "***";

impl Secret {
    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
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
}
