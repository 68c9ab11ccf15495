//! Versions of files, kept before tasks change them.
//!
//! | module | what it holds |
//! |---|---|
//! | `state` | states of paths: nothing, a file, a directory or a link |
//! | `pack` | the versions that a running task keeps, many written at once |
//! | `keeper` | old states, read and kept before they are replaced or removed |

mod keeper;
mod pack;
mod state;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::fs::blocking;
use crate::secret::Vault;
use crate::store::{ContentPlace, DataDirectory, Versions};
use crate::time::Timestamp;
pub(crate) use keeper::OldState;
pub use keeper::VersionKeeper;
pub use pack::VersionPack;
pub use state::{FileFacts, PathState};

/// Directory of the versions in the data directory.
const DIRECTORY: &str = "versions";

/// The longest content that is kept.
pub const LONGEST_VERSION: u64 = 16 * 1024 * 1024;

/// The state of a path before a task changed it, and the one that the task left.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptVersion {
    /// The task.
    pub task: String,
    /// The side that the path is on.
    #[serde(flatten)]
    pub side: VersionSide,
    /// The path.
    pub path: String,
    /// When it was kept.
    pub kept_at: Timestamp,
    /// The state before.
    pub before: PathState,
    /// The state that the task left.
    pub after: PathState,
}

/// A server, or this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionSide {
    /// Alias of the task's server.
    pub alias: String,
    /// User, host and port of the server; `None` for this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// The versions of files, by the tasks that changed them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FileVersions(Versions);

impl FileVersions {
    /// The versions in a data directory.
    pub fn open(data: &DataDirectory, vault: Vault) -> Self {
        Self(data.versions(DIRECTORY, vault))
    }

    /// The versions that a task will keep.
    pub fn pack(&self, task: &str) -> VersionPack {
        VersionPack::new(self.0.clone(), task)
    }

    /// The versions that a task has left, the oldest first.
    pub async fn of_task(&self, task: &str) -> Result<Vec<(ContentPlace, KeptVersion)>, Error> {
        let (versions, task) = (self.0.clone(), task.to_owned());
        blocking(move || Ok::<_, Error>(versions.records_of(&task))).await
    }

    /// A version of each task that has left some.
    pub async fn of_each_task(&self) -> Result<HashMap<String, KeptVersion>, Error> {
        let versions = self.0.clone();
        let first = blocking(move || Ok::<_, Error>(versions.first_records())).await?;
        let first = first.into_iter();
        Ok(first
            .map(|version: KeptVersion| (version.task.clone(), version))
            .collect())
    }

    /// The content of a version; `None` where it is gone, or was not kept.
    pub async fn content(&self, place: &ContentPlace) -> Result<Option<Vec<u8>>, Error> {
        let (versions, place) = (self.0.clone(), place.clone());
        blocking(move || versions.content(&place)).await
    }

    /// Removes what a task has kept: its change did not come about, or was taken back.
    pub async fn discard(&self, task: &str) -> Result<(), Error> {
        let (versions, task) = (self.0.clone(), task.to_owned());
        blocking(move || {
            versions.discard(&task);
            Ok(())
        })
        .await
    }
}
