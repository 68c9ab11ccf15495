//! Blocking work, such as waiting for a disk.

use std::sync::Mutex;

use tokio::runtime::Handle;
use tokio::task::{JoinError, spawn_blocking};

/// Runs blocking work on a thread for such work.
pub async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<JoinError> + Send + 'static,
{
    spawn_blocking(work).await?
}

/// Runs short work that may block, such as adding a line to a file, on the threads of its callers: to wait for another
/// thread takes several times as long. A disk that hangs holds up one of them at most.
#[derive(Debug, Default)]
pub struct BriefWork(Mutex<()>);

impl BriefWork {
    /// Runs work, at once if no other is under way and another thread is there for the runtime's other tasks.
    pub async fn run<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<JoinError> + Send + 'static,
    {
        if Handle::current().metrics().num_workers() > 1
            && let Ok(_turn) = self.0.try_lock()
        {
            return work();
        }
        blocking(work).await
    }
}
