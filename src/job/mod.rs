//! Jobs: their records, the queue that keeps them, and the engine that runs them.

mod entries;
mod history;
mod operation;
mod queue;
mod record;
mod runner;
mod stats;

use std::fmt::Write;

pub use history::HistoryEntry;
pub use operation::Operation;
pub use queue::Queue;
pub use record::{Job, JobId, Kind, Status};
pub use runner::{Jobs, Options, Ticket};
pub use stats::QueueStats;

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
