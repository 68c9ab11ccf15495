//! The audit trail: `audit.jsonl`, a line for each call that acts, each with the hash of the one before.
//!
//! What was changed, taken out or put in between shows: [`verify()`] finds the place. That lines were cut
//! off at the end does not show by itself; it takes the last line's hash, kept elsewhere.

mod entry;
mod trail;
mod verify;

pub use entry::{Entry, Outcome, is_secret, redacted};
pub use trail::Trail;
pub use verify::{Verified, verify};

/// The name of the file that lines are added to.
const FILE: &str = "audit.jsonl";

/// What stands in the place of a hash in the very first line.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The SHA-256 of a line, without its end, as digits.
fn hash(line: &[u8]) -> String {
    use sha2::{Digest, Sha256};

    crate::hex::digits(&Sha256::digest(line))
}
