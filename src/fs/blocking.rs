//! Work that may wait for a disk, on a thread that may wait.

use tokio::task::{JoinError, spawn_blocking};

/// Does work on a thread that may wait.
pub async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<JoinError> + Send + 'static,
{
    spawn_blocking(work).await?
}
