//! Work that may wait for a disk, on a thread that may wait.

use std::io;

use tokio::task::spawn_blocking;

use crate::error::Error;

/// Does work on a thread that may wait.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let panicked = |error: tokio::task::JoinError| Error::Internal {
        reason: error.to_string(),
    };
    spawn_blocking(work).await.map_err(panicked)?
}

/// Does work on a thread that may wait, whose failures are the operating system's.
pub(crate) async fn blocking_io<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await?
}
