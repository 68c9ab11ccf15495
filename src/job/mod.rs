//! Jobs: their records, the queue that keeps them, and the engine that runs them.

mod entries;
mod history;
mod operation;
mod queue;
mod record;
mod runner;
mod saver;
mod stats;

pub use history::HistoryEntry;
pub use operation::Operation;
pub use queue::Queue;
pub use record::{Job, JobId, Kind, Status};
pub use runner::{Jobs, Options, Ticket};
pub use stats::QueueStats;
