//! Local files as transfers read and write them.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use crate::sftp::error::Result;
use crate::sftp::filesystem::roots::Roots;

/// Bytes read from a disk at once.
pub(crate) const BLOCK: usize = 1024 * 1024;

/// Opens a local file to read from `start` on.
pub(crate) fn open_at(roots: &Roots, path: &Path, start: u64) -> Result<File> {
    let mut file = roots.followed(path)?.open_read()?;
    if start > 0 {
        file.seek(SeekFrom::Start(start))?;
    }
    Ok(file)
}

/// Returns whether there are only zeros, as in the hole of a sparse file.
pub(crate) fn is_hole(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
