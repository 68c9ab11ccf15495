//! Blocking work, such as waiting for a disk.

use tokio::task::{JoinError, spawn_blocking};

/// Runs blocking work on a thread for such work.
pub async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<JoinError> + Send + 'static,
{
    spawn_blocking(work).await?
}
