//! Secrets: a text type that never prints itself, the vault that stores secrets encrypted, and the masking of
//! secrets in all other texts.
//!
//! # Masking
//!
//! A known secret is masked at two places: when a text is about to be stored, before it is cut to a length,
//! and when a text leaves this process. Nothing in between masks. `redactor` does it everywhere, in a whole
//! text or in bytes that come in parts.
//!
//! | way | text | where |
//! |---|---|---|
//! | in | output of commands | `ssh/output`, and `ssh/command/step` and `ssh/command/device/transcript` for a step of a sequence, with a [`Mask`] of `job/outputs` |
//! | in | a job's call, its errors, and other texts of its record | `job/kind` |
//! | in | message and details of an error | `report` |
//! | in | a line of the log | `logging` |
//! | in | arguments of a call in the audit trail, or in a question before the call | `audit/redacted` |
//! | out | a tool's answer | `server/gate` |
//! | out | a resource, a prompt, a completion | `server/reading` |
//! | out | what the terminal of an open shell shows | `live_shell/answer`, `live_shell/live` |
//! | out | a progress notification | `tools/call` |
//! | out | a question to the person | `tools/ask` |
//! | out | the findings of `doctor` | `doctor` |
//!
//! Passwords that a call writes into a command are not known. `written` recognises them by their place in the text; they
//! are masked in the texts of a call, which are kept and shown to others, and nowhere else: in a file, or in what a
//! command prints, the same letters are content. The files that mask are the same.
//!
//! There are three more cases. `ssh/prompt` masks the answers to a command's prompts in that command's output,
//! which may echo them. `fleet/targets` asks whether an expression for servers holds a secret: an error would quote a
//! part of it, and a part of a secret is not masked. A password or token in an address is recognised by its position
//! in the address, wherever one is shown ([`shown_address`]). A test in `tests/layers.rs` holds the code to this
//! list.

mod address;
mod automaton;
mod common;
mod escape;
mod held;
mod keys;
mod known;
mod mask;
mod matchers;
mod rarity;
mod redactor;
mod reference;
mod scan;
mod vault;
mod view;
mod written;

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use address::{has_secret, masked_host, remember_in, shown_address};
pub(crate) use held::MaskStyle;
pub use known::{note_names, rarity, remember, remember_of};
pub use mask::{Mask, hide, hide_in, hide_in_of, hide_of};
pub use rarity::Rarity;
pub(crate) use redactor::{Redactor, redacted};
pub use reference::{LONGEST, Reference};
pub(crate) use scan::Finder;
pub use vault::Vault;
pub use written::{hide_in_arguments, names_secret, reads_password, without_passwords};

/// A password, passphrase or token as a file or a caller gives it: in clear text, encrypted, or as a
/// [`Reference`]. `Debug` prints `***`; [`Vault::reveal`] returns the clear text.
///
/// It serialises as its text, because files store it that way. Nothing that is shown or logged may be made
/// by serialising a type that contains one.
#[derive(Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(inline, extend("writeOnly" = true))]
#[serde(transparent)]
pub struct Secret(String);

/// The text that is shown instead of a secret.
pub const MASK: &str = "***";

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The place where it is kept, if it is a reference.
    pub fn reference(&self) -> Option<Reference> {
        Reference::of(&self.0)
    }

    /// A form that may be shown: a reference tells the place of a secret and not its text.
    pub fn shown(&self) -> String {
        match self.reference() {
            // A command line may contain a secret.
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
    /// Refuses other types without quoting the value, which serde's own error would do.
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
