//! Requests to stop a job of another process.

use super::id::JobId;
use crate::error::Error;
use crate::store::{DataDirectory, Flag, Flags};

/// Such requests, shared by the processes of a data directory: the job's ID is a flag.
#[derive(Debug)]
pub(super) struct CancelRequests(Flags);

/// A request that is withdrawn when dropped.
pub(super) struct CancelRequest {
    _flag: Flag,
}

impl CancelRequests {
    pub(super) fn open(data: &DataDirectory) -> Result<Self, Error> {
        data.flags("cancel").map(Self)
    }

    /// Asks whichever process runs the job to stop it.
    pub(super) fn make(&self, id: &JobId) -> Result<CancelRequest, Error> {
        let flag = self.0.raise(id.as_str())?;
        Ok(CancelRequest { _flag: flag })
    }

    /// The jobs that are to be stopped.
    pub(super) fn pending(&self) -> Vec<JobId> {
        let raised = self.0.raised().into_iter();
        raised.map(|name| JobId::from(name.as_str())).collect()
    }
}
