//! Requests to stop a job of another process: a file for each, named after the job.

use std::path::PathBuf;

use super::id::JobId;
use crate::error::Error;
use crate::store::DataDirectory;

/// The directory of such requests, shared by the processes of a data directory.
#[derive(Debug)]
pub(super) struct CancelRequests {
    directory: PathBuf,
}

/// A request that is withdrawn when dropped.
pub(super) struct CancelRequest(PathBuf);

impl CancelRequests {
    pub(super) fn open(data: &DataDirectory) -> Result<Self, Error> {
        let directory = data.subdirectory("cancel")?;
        Ok(Self { directory })
    }

    /// Asks whichever process runs the job to stop it.
    pub(super) fn make(&self, id: &JobId) -> Result<CancelRequest, Error> {
        let path = self.directory.join(id.as_str());
        std::fs::write(&path, b"").map_err(|error| Error::storage(&path, "write", error))?;
        Ok(CancelRequest(path))
    }

    /// The jobs that are to be stopped.
    pub(super) fn pending(&self) -> Vec<JobId> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten();
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str().map(JobId::from))
            .collect()
    }
}

impl Drop for CancelRequest {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
