//! Free space on this machine: programs leave some for others.

use std::fs::File;
use std::io;
use std::path::Path;

/// Most bytes that are left free on a file system.
#[cfg(unix)]
const RESERVE: u64 = 256 * 1024 * 1024;

/// Refuses to write `more` bytes if that would fill the file system. The error has the kind
/// [`io::ErrorKind::StorageFull`].
#[cfg(unix)]
pub(crate) fn check(file: &File, more: usize) -> io::Result<()> {
    let Ok(found) = rustix::fs::fstatvfs(file) else {
        return Ok(());
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let whole = found.f_blocks.saturating_mul(found.f_frsize);
    let reserve = (whole / 100).min(RESERVE);
    // Some file systems report no size.
    if whole == 0 || free >= reserve.saturating_add(more as u64) {
        return Ok(());
    }
    let problem =
        format!("no space left on this machine: {free} bytes are free, and {reserve} stay so");
    Err(io::Error::new(io::ErrorKind::StorageFull, problem))
}

/// Bytes that this user may still write to a directory's file system; `None` if that is not known.
#[cfg(unix)]
pub(crate) fn of(directory: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(directory).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
pub(crate) fn of(_: &Path) -> Option<u64> {
    None
}

/// Leaves it to the write, which fails.
#[cfg(not(unix))]
pub(crate) fn check(_: &File, _: usize) -> io::Result<()> {
    Ok(())
}
