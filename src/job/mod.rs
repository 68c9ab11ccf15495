//! Jobs: their records, the queue that keeps them, and the engine that runs them.

mod operation;
mod queue;
mod record;
mod runner;

use std::fmt::Write;

pub use operation::Operation;
pub use queue::{HistoryEntry, Queue, QueueStats};
pub use record::{Job, JobId, Kind, Status};
pub use runner::{Jobs, Options};

/// `N` random bytes as lower-case hexadecimal digits.
pub fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
        .iter()
        .fold(String::with_capacity(2 * N), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
