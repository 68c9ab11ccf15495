//! Directories of a server, read one at a time, and what is asked about their entries.

use std::sync::Arc;

use crate::error::{Error, FileFailure};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::owners::OwnerNames;
use crate::sftp::path::RemotePath;
use crate::sftp::remote_files::RemoteFiles;
use crate::ssh::ScriptFailure;
use crate::ssh::script::usage;

impl RemoteFiles<'_> {
    /// The path that a caller means.
    pub async fn remote_path(&self, path: &str) -> Result<RemotePath, Error> {
        let resolved = self.resolve(path).await;
        resolved.map_err(|error| error.on_file(path))
    }

    /// Lists a directory with at most `most` entries; symbolic links are not followed.
    pub(crate) async fn read_directory(
        &self,
        path: &RemotePath,
        most: usize,
    ) -> Result<Vec<(Vec<u8>, Metadata)>, Error> {
        let limit = Arc::new(EntryLimit::new(most, 0));
        match self.session().read_dir(path, &limit).await {
            Ok(entries) => {
                let entries = entries.into_iter();
                Ok(entries
                    .map(|(name, metadata)| (name.to_vec(), metadata))
                    .collect())
            }
            Err(_) if limit.is_exceeded() => Err(Error::File {
                path: path.to_string(),
                failure: FileFailure::TooLarge,
                reason: format!("it has more than {most} entries"),
            }),
            Err(error) => Err(error.on_file(&path.to_string())),
        }
    }

    /// The target of a symbolic link.
    pub(crate) async fn link_target(&self, path: &RemotePath) -> Result<Vec<u8>, Error> {
        let target = self.session().read_link(path).await;
        let target = target.map_err(|error| error.on_file(&path.to_string()))?;
        Ok(target.to_vec())
    }

    /// The names of users and groups; none where the server does not say them.
    pub(crate) async fn owner_names(
        &self,
        owners: impl Iterator<Item = (u32, u32)>,
    ) -> Result<OwnerNames, Error> {
        let names = OwnerNames::fetch(self.session(), owners).await;
        names.map_err(|error| error.on_file("."))
    }

    /// The bytes that trees take on disk, as far as a shell tells them; `None` where there is no shell.
    pub(crate) async fn disk_usage(&self, directories: &[RemotePath]) -> Option<Vec<Option<u64>>> {
        // Names that are not UTF-8 cannot be put on a command line here.
        let name = |path: &RemotePath| String::from_utf8(path.as_bytes().to_vec()).ok();
        let names: Vec<_> = directories.iter().map(name).collect();
        let known: Vec<_> = names.iter().flatten().map(String::as_str).collect();
        let sizes = match usage::of_trees(self.pool(), self.alias(), &known).await {
            Ok(sizes) => sizes,
            Err(ScriptFailure::Refused(_)) => return None,
            Err(_) => Vec::new(),
        };
        let mut sizes = sizes.into_iter();
        let sizes = names
            .iter()
            .map(|name| name.as_ref().and_then(|_| sizes.next().flatten()));
        Some(sizes.collect())
    }
}
