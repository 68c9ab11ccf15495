//! Locks on files that processes share.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::private;

/// Longest wait for other processes.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(2);

/// Takes the lock that is the file at `path`, created if it is missing, waiting for other processes at
/// most 10 s. It is released when dropped, and by the operating system when the process ends.
pub(crate) fn lock_exclusively(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    lock_file(&file)?;
    Ok(file)
}

/// Takes the lock of an open file, waiting as long.
pub(crate) fn lock_file(file: &File) -> io::Result<()> {
    wait_for(|| file.try_lock())
}

/// Takes such a lock, waiting for as long as another process holds it.
pub(crate) fn lock_patiently(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    file.lock()?;
    Ok(file)
}

/// Takes such a lock unless another holds it. The holder may remove the file: a lock on a removed file
/// is none.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(is_at(&file, path).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Takes the lock of the file at `path` together with others who only read, waiting as long.
pub(crate) fn lock_for_reading(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    wait_for(|| file.try_lock_shared())?;
    Ok(file)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    private(options.create(true).truncate(false).write(true)).open(path)
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

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (held, there) = (file.metadata().map(inode), fs::metadata(path).map(inode));
    matches!((held, there), (Ok(held), Ok(there)) if held == there)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}
