//! The data files: JSON, replaced atomically, shared by several processes.

mod alias;
pub mod apis;
mod cached;
mod catalogue;
mod directory;
mod file;
mod kept;
mod owner;
pub mod servers;
mod spool;

pub(crate) use crate::fs::replace_file;
pub use alias::check_alias;
pub use cached::Cached;
pub use catalogue::{Catalogue, Entry};
pub use directory::DataDirectory;
pub(crate) use directory::make_private;
pub use file::{JsonFile, Signature};
pub(crate) use file::{private, sibling, write_durably};
pub use kept::{Kept, is_beside, remove};
pub use owner::Owner;
pub use spool::Spool;

use crate::error::Error;

/// Does work that touches the disk on a thread that may wait.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Error::Internal {
            reason: error.to_string(),
        })
    })
}
