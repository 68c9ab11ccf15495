//! Free space on this machine: a transfer leaves some to everybody else.

use crate::sftp::error::{Result, SftpError};
use std::fs::File;
use std::path::Path;

/// What stays free of a file system, at most.
#[cfg(unix)]
const RESERVE: u64 = 256 * 1024 * 1024;

/// Refuses to write `more` bytes to a file whose file system would be full then.
#[cfg(unix)]
pub(crate) fn check(file: &File, more: usize) -> Result<()> {
    let Ok(found) = rustix::fs::fstatvfs(file) else {
        return Ok(());
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let whole = found.f_blocks.saturating_mul(found.f_frsize);
    let reserve = (whole / 100).min(RESERVE);
    // Some file systems do not say how large they are.
    if whole == 0 || free >= reserve.saturating_add(more as u64) {
        return Ok(());
    }
    let words =
        format!("no space left on this machine: {free} bytes are free, and {reserve} stay so");
    Err(SftpError::NoSpace(words))
}

/// The bytes that a directory's file system still takes from this user, where that is known.
#[cfg(unix)]
pub(crate) fn of(directory: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(directory).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
pub(crate) fn of(_: &Path) -> Option<u64> {
    None
}

/// Elsewhere the write itself tells.
#[cfg(not(unix))]
pub(crate) fn check(_: &File, _: usize) -> Result<()> {
    Ok(())
}
