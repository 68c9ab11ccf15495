//! Versions of files on servers, kept before tasks change them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::fs::blocking;
use crate::secret::Vault;
use crate::sftp::file_snapshot::FileSnapshot;
use crate::store::{DataDirectory, Versions};
use crate::time::Timestamp;

/// Directory of the versions in the data directory.
const DIRECTORY: &str = "versions";

/// The longest content that is kept.
pub const LONGEST_VERSION: u64 = 16 * 1024 * 1024;

/// A file as it was before a task changed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptVersion {
    /// The task.
    pub task: String,
    /// The server's alias, and what it led to.
    pub alias: String,
    /// User, host and port.
    pub endpoint: String,
    /// The file.
    pub path: String,
    /// When it was kept.
    pub kept_at: Timestamp,
    /// The file; `None` if there was none.
    pub before: Option<FileBefore>,
    /// The SHA-256 of what the task put there; `None` if it removed the file.
    pub after: Option<String>,
    /// Directories that the task made for it, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<String>,
}

/// A file before it was changed, besides its content.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileBefore {
    /// Length of its content.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Permission bits.
    pub mode: Option<u32>,
    /// User and group, by their numbers.
    pub owner: Option<(u32, u32)>,
}

impl FileBefore {
    /// Describes a file; `None` if there is none.
    pub fn of(file: &FileSnapshot) -> Option<Self> {
        let metadata = file.metadata?;
        Some(Self {
            size: file.content.len() as u64,
            sha256: file.sha256()?,
            mode: metadata.mode,
            owner: metadata.owner,
        })
    }

    /// Returns whether its content was short enough to be kept.
    pub fn is_kept(&self) -> bool {
        self.size <= LONGEST_VERSION
    }
}

/// Keeps versions of the files that a task changes.
#[derive(Clone, Copy)]
pub struct VersionKeeper<'a> {
    /// The versions.
    pub versions: &'a FileVersions,
    /// The task.
    pub task: &'a str,
    /// User, host and port of the server.
    pub endpoint: &'a str,
}

impl VersionKeeper<'_> {
    /// Returns whether the task has kept something already.
    pub(crate) async fn has_kept(&self) -> bool {
        let kept = self.versions.of_task(self.task).await;
        kept.is_ok_and(|kept| !kept.is_empty())
    }
}

/// The versions of files, by the tasks that changed them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FileVersions(Versions);

impl FileVersions {
    /// The versions in a data directory.
    pub fn open(data: &DataDirectory, vault: Vault) -> Self {
        Self(data.versions(DIRECTORY, vault))
    }

    /// Keeps a file durably before it is changed; `number` tells the files of a task apart. Returns the
    /// version's name.
    pub async fn keep(
        &self,
        number: usize,
        version: KeptVersion,
        file: &FileSnapshot,
    ) -> Result<String, Error> {
        let name = format!("{}-{number:06}", version.task);
        let (versions, content) = (self.0.clone(), file.content.clone());
        blocking(move || {
            let before = version.before.as_ref();
            let content = before
                .filter(|before| before.is_kept())
                .map(|_| &content[..]);
            versions.keep(&name, &version, content)?;
            Ok(name)
        })
        .await
    }

    /// The versions that a task has left, by their names; the oldest first.
    pub async fn of_task(&self, task: &str) -> Result<Vec<(String, KeptVersion)>, Error> {
        self.of_names(format!("{task}-")).await
    }

    /// A version of each task that has left some.
    pub async fn of_each_task(&self) -> Result<HashMap<String, KeptVersion>, Error> {
        let versions = self.of_names(String::new()).await?.into_iter();
        Ok(versions
            .map(|(_, version)| (version.task.clone(), version))
            .collect())
    }

    /// The versions whose names begin so; the oldest first.
    async fn of_names(&self, prefix: String) -> Result<Vec<(String, KeptVersion)>, Error> {
        let versions = self.0.clone();
        blocking(move || Ok::<_, Error>(versions.records_of(&prefix))).await
    }

    /// The content of a version; `None` where it is gone, or was not kept.
    pub async fn content(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let (versions, name) = (self.0.clone(), name.to_owned());
        blocking(move || versions.content(&name)).await
    }

    /// Removes a version: the change did not come about, or was taken back.
    pub async fn discard(&self, name: &str) -> Result<(), Error> {
        let (versions, name) = (self.0.clone(), name.to_owned());
        blocking(move || {
            versions.discard(&name);
            Ok(())
        })
        .await
    }
}
