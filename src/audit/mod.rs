//! The audit trail, `audit.jsonl`. A call that acts has two lines in it, one from before it runs and one from
//! after. Each line holds the hash of the line before it.
//!
//! | module | what it is |
//! |---|---|
//! | `calls` | the calls of this process, from their first line to their second |
//! | `person` | the acts of a person outside of a session |
//! | `entry` | the content of a line |
//! | `redacted` | arguments without secrets, and without the texts of files |
//! | `bounded` | arguments cut to a bounded size |
//! | `responses` | the digest of answers to prompts |
//! | `lines` | reading lines of any length in bounded memory |
//! | `trail` | appending lines, by several processes at once |
//! | `anchor` | the number of lines and the last one's hash, in a file of their own |
//! | `verify` | verifying the trail |
//! | `recent` | the last lines, to be read |
//! | `search` | the calls, to be looked through |
//!
//! A line that was changed, removed or inserted breaks the chain of hashes. Lines that are missing at the
//! beginning or at the end contradict the anchor. A user who may write to the directory can forge both files;
//! only a copy of the last line's hash, kept elsewhere, shows that.
//!
//! The first line is in its file before the call runs, so it outlives this process. It is not flushed to the
//! disk, which would cost every call milliseconds. A power failure may therefore cost the last lines.

mod anchor;
mod bounded;
mod calls;
mod entry;
mod lines;
mod person;
mod recent;
mod redacted;
mod responses;
mod search;
#[cfg(test)]
mod tests;
mod trail;
mod verify;

pub use calls::{CalledServers, Calls};
pub use entry::{CallOutcome, LongCall, SERVERS, Traffic};
pub use person::PersonCall;
pub(crate) use redacted::{hide_written, redacted};
pub use search::TrailCall;
pub use trail::Trail;
pub use verify::{OpenCall, Verified, verify};

/// The name of the log: lines are added to `audit.jsonl`.
const NAME: &str = "audit";

/// The hash before the very first line.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The most bytes of a line.
const LONGEST_LINE: usize = 64 * 1024;

/// The number of finished files that are kept, about half a million calls.
const KEPT: usize = 16;

/// The SHA-256 of a line without its newline, in hexadecimal digits.
fn hash(line: &[u8]) -> String {
    use sha2::{Digest, Sha256};

    crate::hex::digits(&Sha256::digest(line))
}
