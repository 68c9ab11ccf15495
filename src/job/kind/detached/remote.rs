//! The part of a record about work that its server goes on with, whatever becomes of this program.

use serde::{Deserialize, Serialize};

use crate::job::id::JobId;

/// The directory of detached jobs on their servers.
const REMOTE_BASE: &str = "~/.mcp-sftp-orchestrator";

/// The files of a detached job on its server, until they are collected.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remote {
    /// The directory of its output and exit status there.
    #[serde(rename = "remoteDirectory", skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The server that it was started on.
    #[serde(rename = "place", skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Set once it is known to have begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begun: Option<bool>,
    /// Set once its whole output is on this machine, so that its directory may be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected: Option<bool>,
    /// Set if it was asked to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<bool>,
    /// The reason for which it cannot be polled at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
    /// The reason for which it runs in a channel after all, and ends with this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_detached: Option<String>,
}

impl Remote {
    /// Names a directory on the server that no other job has.
    pub(in crate::job) fn of(id: &JobId) -> Self {
        let name = format!("{id}-{}", crate::random::hex::<8>());
        Self {
            directory: Some(format!("{REMOTE_BASE}/{name}")),
            ..Self::default()
        }
    }

    /// Returns whether the job has to do with it: commands in a channel leave it empty.
    pub(in crate::job::kind) fn is_used(&self) -> bool {
        self.directory.is_some() || self.endpoint.is_some() || self.not_detached.is_some()
    }

    /// Returns the name of the directory. It never leads out of the base.
    pub(in crate::job) fn directory_name(&self) -> &str {
        let path = self.directory.as_deref().unwrap_or_default();
        path.rsplit('/')
            .next()
            .filter(|name| !name.starts_with('.'))
            .unwrap_or_default()
    }

    /// Says what becomes of the job where this program ends.
    pub(in crate::job) fn life(&self) -> String {
        match (&self.directory, &self.not_detached) {
            (_, Some(reason)) => format!(
                "It goes on in the background, and ends with this program: its server cannot run it detached \
                 ({reason})."
            ),
            (Some(directory), None) if self.begun == Some(true) => format!(
                "It goes on detached on its server, whatever becomes of this connection and program; a person can \
                 look on there: tail -f {directory}/stdout."
            ),
            _ => "It is to be started detached, and has not been seen to begin.".to_owned(),
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel_requested == Some(true)
    }
}
