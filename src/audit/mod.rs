//! The audit trail: `audit.jsonl`, two lines for each call that acts, each with the hash of the line before.
//!
//! | module | what it is |
//! |---|---|
//! | `calls` | the calls of this process: each is begun in the trail before it acts, and ended after |
//! | `entry` | what a line says of a call |
//! | `bounded` | arguments cut down, so that every line has a bound |
//! | `responses` | the digest of answers that nobody may read |
//! | `lines` | reading lines of any length in bounded memory |
//! | `trail` | adding lines, by several processes at once |
//! | `anchor` | how many lines there were, and the last one's hash: kept apart from them |
//! | `verify` | checking all of it |
//!
//! What was changed, taken out or put in between shows in the chain of hashes; what was taken off at either
//! end, and a trail that is gone, in the anchor. Whoever may write the directory can make both anew: that
//! shows only to somebody who keeps the last line's hash elsewhere.
//!
//! A line is given to the operating system before its call acts, so that it outlives this process. It is not
//! forced onto the disk, which would cost every call milliseconds: a machine that loses its power may lose
//! the last lines.

mod anchor;
mod bounded;
mod calls;
mod entry;
mod lines;
mod responses;
#[cfg(test)]
mod tests;
mod trail;
mod verify;

pub use calls::Calls;
pub use entry::Outcome;
pub use trail::Trail;
pub use verify::{OpenCall, Verified, verify};

/// The name of the log: lines are added to `audit.jsonl`.
const NAME: &str = "audit";

/// What stands in the place of a hash in the very first line.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// No line is longer.
const LONGEST_LINE: usize = 64 * 1024;

/// How many finished files are kept: half a million calls or so.
const KEPT: usize = 16;

/// The SHA-256 of a line, without its end, as digits.
fn hash(line: &[u8]) -> String {
    use sha2::{Digest, Sha256};

    crate::hex::digits(&Sha256::digest(line))
}
