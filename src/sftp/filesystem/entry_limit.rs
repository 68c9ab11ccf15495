//! Limit on the listings of a transfer: a server can go on for ever.

use crate::sftp::error::{Result, SftpError};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of paths allowed for each entry, on average; real trees have about a hundred.
const AVERAGE_PATH: usize = 256;
/// Bytes of paths always allowed, however few the entries.
const FEW_PATHS: usize = 1024 * 1024;

/// Counts listed entries and the bytes of their paths against a limit.
#[derive(Debug)]
pub(crate) struct EntryLimit {
    most: usize,
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

impl EntryLimit {
    /// Allows `most` entries, of which `taken` are used up already.
    pub(crate) fn new(most: usize, taken: usize) -> Self {
        Self {
            most,
            entries: AtomicUsize::new(taken),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Counts an entry.
    pub(crate) fn take_entry(&self) -> Result<()> {
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.check()
    }

    /// Counts the bytes of a path.
    pub(crate) fn take_path(&self, length: usize) -> Result<()> {
        self.bytes.fetch_add(length, Ordering::Relaxed);
        self.check()
    }

    /// Returns whether the limit is exceeded.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.check().is_err()
    }

    fn check(&self) -> Result<()> {
        let most = self.most;
        if self.entries.load(Ordering::Relaxed) > most {
            return Err(SftpError::failure(format!(
                "there are more than {most} entries, the most that a transfer takes \
                 (MAX_TRANSFER_ENTRIES); name a part of the tree"
            )));
        }
        let most_bytes = most.saturating_mul(AVERAGE_PATH).max(FEW_PATHS);
        if self.bytes.load(Ordering::Relaxed) > most_bytes {
            return Err(SftpError::failure(format!(
                "the paths together have more than {most_bytes} bytes, {AVERAGE_PATH} for each entry \
                 that a transfer takes (MAX_TRANSFER_ENTRIES); name a part of the tree"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_the_bytes_of_their_paths_are_counted() {
        let limit = EntryLimit::new(3, 1);
        assert!(limit.take_entry().is_ok() && limit.take_entry().is_ok());
        let error = limit.take_entry().unwrap_err().to_string();
        assert!(error.contains("more than 3 entries"), "{error}");
        let limit = EntryLimit::new(2, 0);
        assert!(limit.take_path(FEW_PATHS).is_ok() && !limit.is_exceeded());
        let error = limit.take_path(1).unwrap_err().to_string();
        assert!(
            error.contains("1048576 bytes") && limit.is_exceeded(),
            "{error}"
        );
    }
}
