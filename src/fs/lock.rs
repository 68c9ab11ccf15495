//! Locks that processes hold on shared files, for milliseconds.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::private;

/// Longest wait for other processes.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(2);

/// Takes the lock that is the file at `path`, made where there is none, waiting for other processes at
/// most 10 s. It is released when dropped, and by the operating system when the process ends.
pub(crate) fn lock_exclusively(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = private(options.create(true).truncate(false).write(true)).open(path)?;
    lock_file(&file)?;
    Ok(file)
}

/// Takes the lock of an open file, waiting as long.
pub(crate) fn lock_file(file: &File) -> io::Result<()> {
    wait_for(|| file.try_lock())
}

/// Takes the lock of the file at `path` together with others who only read, waiting as long.
pub(crate) fn lock_for_reading(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    wait_for(|| file.try_lock_shared())?;
    Ok(file)
}

fn wait_for(mut attempt: impl FnMut() -> Result<(), TryLockError>) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(RETRY);
            }
            Err(TryLockError::WouldBlock) => {
                let reason = "another process holds its lock";
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
