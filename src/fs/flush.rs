//! Flush of a whole filesystem to disk: one for many files.

use std::fs::File;
use std::io;

/// Writes the filesystem of an open file to disk. Returns whether that is certain. Before Linux 5.8 a failed
/// write is not told (syncfs(2)), and not every filesystem keeps the promise.
#[cfg(target_os = "linux")]
pub(crate) fn flush_filesystem(file: &File) -> io::Result<bool> {
    if !is_safe(rustix::fs::fstatfs(file)?.f_type) || !tells_failures() {
        return Ok(false);
    }
    rustix::fs::syncfs(file)?;
    Ok(true)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn flush_filesystem(_: &File) -> io::Result<bool> {
    Ok(false)
}

/// Returns whether a flush of this type of filesystem (`linux/magic.h`) writes everything to disk.
#[cfg(target_os = "linux")]
fn is_safe(filesystem: rustix::fs::FsWord) -> bool {
    // ext2 to ext4, XFS, Btrfs, F2FS, tmpfs.
    [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994].contains(&filesystem)
}

#[cfg(target_os = "linux")]
fn tells_failures() -> bool {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(8))
}
