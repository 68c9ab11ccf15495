//! A string that never prints itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password or passphrase. `Debug` shows `***`; only [`Secret::expose`] gives the text.
///
/// It serialises as its text, because `servers.json` has to hold it; nothing that is
/// shown or logged may be built by serialising a type that contains one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
}
