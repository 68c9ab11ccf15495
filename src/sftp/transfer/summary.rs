//! The outcome of a transfer.

use crate::error::{Error, FailedFile};
use crate::sftp::error::SftpError;
use crate::sftp::plan::report::PlanReport;
use crate::sftp::transfer::progress::TransferTotals;
use crate::text::beginning;

/// Most failed files that a record names: enough to see the cause, too few to flood queue and model.
const NAMED_FAILURES: usize = 100;
/// Longest path and reason reported of each: both may come from a server.
const LONGEST_TOLD: usize = 1024;

/// Outcome of a transfer.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Files that arrived.
    pub done: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The first files that did not arrive, with the reason for each.
    pub failed: Vec<FailedFile>,
    /// Number of files that did not arrive.
    pub failures: usize,
    /// Number of files and links that were left out, because their copies were the same.
    pub unchanged: usize,
    /// Number of entries that a mirror removed.
    pub deleted: usize,
    /// The plan, if it was only planned.
    pub plan: Option<PlanReport>,
    /// Bytes that did not have to be sent again when files were resumed.
    pub resumed: u64,
    /// Files and bytes that were to be copied.
    pub totals: Option<TransferTotals>,
    /// Notes for the user, a sentence each.
    pub notes: Vec<String>,
    /// Destinations of arrived files: the file, or the directory that they went into.
    pub destinations: Vec<String>,
    /// True if the checksums of both sides were compared for each file that arrived.
    pub verified: bool,
    /// Number of files that may not be written there.
    pub refused: usize,
    /// The refusal of the first of those.
    pub refusal: Option<Error>,
    /// The cause of the first failure, where it is known as one of the engine's.
    pub(crate) cause: Option<SftpError>,
    /// Most failed files that are named, where the caller has to know the outcome of each.
    pub(super) most_named: Option<usize>,
    /// True if it was cancelled before it was complete.
    pub cancelled: bool,
    /// True if the server did not answer then, so that part files may be left on it.
    pub abandoned: bool,
}

impl Summary {
    pub(super) fn refuse(&mut self, file: String, refusal: Error) {
        self.refused += 1;
        let error = refusal.to_string();
        self.refusal.get_or_insert(refusal);
        self.fail(&FailedFile { file, error });
    }

    /// Notes a file that did not arrive, with the cause.
    pub(super) fn fail_by(&mut self, file: String, cause: SftpError) {
        self.fail(&cause.failed_file(file));
        self.cause.get_or_insert(cause);
    }

    pub(super) fn fail(&mut self, failed: &FailedFile) {
        self.failures += 1;
        if self.failed.len() < self.most_named.unwrap_or(NAMED_FAILURES) {
            self.failed.push(FailedFile {
                file: beginning(&failed.file, LONGEST_TOLD).into_owned(),
                error: beginning(&failed.error, LONGEST_TOLD).into_owned(),
            });
        }
    }
}
