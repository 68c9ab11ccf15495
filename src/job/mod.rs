//! Jobs: their records, the queue that keeps them, and the engine that runs them.

mod admission;
mod answer;
mod cancel_requests;
mod detached;
mod history;
mod id;
mod job_map;
mod operation;
mod outputs;
mod page;
mod query;
mod queue;
mod record;
mod recorded;
mod runner;
mod saver;
mod sequence;
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
