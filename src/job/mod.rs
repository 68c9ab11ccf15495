//! Jobs: their records, the queue that keeps them, and the engine that runs them.

mod admission;
mod detached;
mod entries;
mod history;
mod id;
mod operation;
mod outputs;
mod page;
mod queue;
mod reading;
mod record;
mod recorded;
mod requests;
mod runner;
mod saver;
mod sequence;
mod share;
mod stats;
mod status;
mod stop;

pub use history::HistoryEntry;
pub use id::JobId;
pub use operation::{Operation, Responses, answers};
pub use outputs::{Outputs, Stream};
pub use page::{Page, Selection};
pub use queue::Queue;
pub use record::Job;
pub use runner::{Jobs, Options, Ticket};
pub use sequence::{Step, StepResult};
pub use stats::QueueStats;
pub use status::{Kind, Status};
