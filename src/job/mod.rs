//! Jobs: their records, the queue that keeps them, and the engine that runs them.
//!
//! Each kind of job has a file in `kind`.

mod agreement;
mod answer;
mod cancel_requests;
mod children;
mod clear;
mod ending;
mod excerpt;
mod fields;
mod fleet_answer;
mod header;
mod history;
mod id;
mod job_map;
mod kept_work;
pub mod kind;
mod observer;
mod outputs;
mod page;
mod poll;
mod printed;
mod query;
mod questions;
mod queue;
mod record;
mod rehearsal;
mod runner;
mod saver;
mod shown;
mod since;
mod so_far;
mod stats;
mod status;
mod stop;
mod stored;
mod stream;
mod stream_parts;
mod told;
mod watchers;

pub use excerpt::{OutputView, any_output_call, output_call};
pub use history::HistoryEntry;
pub use id::JobId;
pub use kept_work::KeptWork;
pub use kind::Spec;
pub use observer::JobObserver;
pub use page::{Page, Selection};
pub use queue::Queue;
pub use record::Job;
pub use runner::{JobHandle, Jobs, StartOptions};
pub use since::TypedLine;
pub use stats::QueueStats;
pub use status::Status;
pub use stream::Stream;
pub use watchers::Watcher;
