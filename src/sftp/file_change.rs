//! Single files of a server as they are before a change, and the way back from it.

use bytes::Bytes;

use crate::error::{Error, FileFailure};
use crate::random;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::file_snapshot::FileSnapshot;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::hidden_name::part_name;
use crate::sftp::path::RemotePath;
use crate::sftp::plan::destination::{Destination, WritePolicy};
use crate::sftp::remote_files::RemoteFiles;
use crate::sftp::session::remote_file::RemoteFile;
use crate::sftp::transfer::checksum::ServerFile;
use crate::sftp::transfer::replacement::ExpectedContent;
use crate::ssh::script::home;

/// Mode of a new file, before the server's user takes bits away (umask).
const NEW_FILE: u32 = 0o644;

/// A file that may be written, found by the path that a caller gave.
#[derive(Clone, Debug)]
pub struct LocatedFile {
    path: RemotePath,
    /// The path as the caller gave it.
    given: String,
    names: Vec<String>,
}

impl LocatedFile {
    /// Its path; where a symbolic link was given, that of the file.
    pub fn path(&self) -> String {
        self.path.to_string()
    }

    /// The names by which the policy judges it.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl RemoteFiles<'_> {
    /// Finds the file that a path leads to, and refuses one that may not be written.
    pub async fn locate(&self, path: &str) -> Result<LocatedFile, Error> {
        let locate = async {
            if path.ends_with('/') {
                return Err(SftpError::NotAFile(format!("`{path}` is a directory")));
            }
            let file = self.resolve_at_home(path).await?;
            let policy = WritePolicy::new(Some(self.access.may_write));
            policy.fetch_home(self.session()).await?;
            let (there, destination) = tokio::join!(
                self.session().lstat(&file),
                Destination::of(self.session(), &file)
            );
            let (there, destination) = (there?, destination?);
            if let Err(refusal) = policy.judge(&destination) {
                return Ok(Err(refusal));
            }
            let names = policy.names(&destination);
            let is_link = there.is_some_and(|there| there.file_type == FileType::Link);
            if !is_link {
                return Ok(Ok((file, names)));
            }
            if self.session().stat(&file).await?.is_none() {
                return Err(SftpError::NotAFile(
                    "it is a symbolic link that leads to nothing".to_owned(),
                ));
            }
            Ok(Ok((destination.real().cloned().unwrap_or(file), names)))
        };
        let located = locate.await.map_err(|error| error.on_file(path))?;
        let (file, names) = located?;
        Ok(LocatedFile {
            path: file,
            given: path.to_owned(),
            names,
        })
    }

    /// Resolves a path that begins at home where the shell has that, as it is read there: SFTP sessions may begin
    /// elsewhere.
    async fn resolve_at_home(&self, path: &str) -> Result<RemotePath> {
        let file = self.resolve(path).await?;
        if file.is_absolute() {
            return Ok(file);
        }
        let Some(home) = home::own(self.pool(), self.alias()).await else {
            return Ok(file);
        };
        let home = RemotePath::new(&home);
        let there = self.session().stat(&home).await?;
        Ok(match there {
            Some(there) if there.is_directory() => home.join(file.as_bytes()),
            _ => file,
        })
    }

    /// Reads a file with its metadata, at most `longest` bytes; larger ones are refused.
    pub async fn state(&self, file: &LocatedFile, longest: u64) -> Result<FileSnapshot, Error> {
        let given = &file.given;
        let failed = |error: SftpError| error.on_file(given);
        let metadata = self.session().stat(&file.path).await.map_err(failed)?;
        let Some(metadata) = metadata else {
            return Ok(FileSnapshot {
                path: file.path(),
                metadata: None,
                content: Bytes::new(),
            });
        };
        check_kind(&metadata, given).map_err(failed)?;
        let too_large = |length: u64| Error::File {
            path: given.clone(),
            failure: FileFailure::TooLarge,
            reason: format!("it has {length} bytes, and at most {longest} can be worked with"),
        };
        if metadata.length > longest {
            return Err(too_large(metadata.length));
        }
        let content = self
            .content(&file.path, metadata.length)
            .await
            .map_err(failed)?;
        Ok(FileSnapshot {
            path: file.path(),
            metadata: Some(metadata),
            content: content.into(),
        })
    }

    async fn content(&self, path: &RemotePath, length: u64) -> Result<Vec<u8>> {
        let handle = self.session().open_read(path).await?;
        let open = RemoteFile::new(self.session(), path, handle);
        let content = self.read_open(&open.handle, 0..length + 1).await?;
        if content.len() as u64 > length {
            return Err(SftpError::Changed("it grew while it was read".to_owned()));
        }
        Ok(content)
    }

    /// Owner and mode that a new file at this path gets there: one is created for a moment beside it.
    pub async fn new_file_metadata(&self, file: &LocatedFile) -> Result<Metadata, Error> {
        let token = random::hex::<8>();
        let name = file.path.file_name().unwrap_or_default();
        let beside = part_name(&token, name, b"");
        let beside = file.path.with_file_name(&beside);
        let created = async {
            let handle = self.session().create(&beside, NEW_FILE).await?;
            let seen = self.session().fstat(&handle);
            let closed = self.session().close(&handle);
            let seen = self.session().wait_metadata(seen).await;
            let closed = self.session().wait_done(closed).await;
            self.session().remove(&beside).await?;
            closed?;
            seen
        };
        created.await.map_err(|error| error.on_file(&file.given))
    }

    /// The directories above a file that are missing, the outermost first.
    pub async fn missing_directories(&self, file: &LocatedFile) -> Result<Vec<String>, Error> {
        let mut missing = Vec::new();
        let mut next = file.path.parent();
        while let Some(directory) = next {
            let there = self.session().stat(&directory).await;
            match there.map_err(|error| error.on_file(&file.given))? {
                Some(there) if there.is_directory() => break,
                Some(_) => {
                    let reason = format!("`{directory}` is not a directory");
                    return Err(SftpError::NotAFile(reason).on_file(&file.given));
                }
                None => missing.push(directory.to_string()),
            }
            next = directory.parent();
        }
        missing.reverse();
        Ok(missing)
    }

    /// Returns whether a file has this content now.
    pub async fn has_content(
        &self,
        file: &LocatedFile,
        expected: &ExpectedContent,
    ) -> Result<bool, Error> {
        let (access, path) = (self.access, &file.path);
        let compare = async {
            let there = self.session().stat(path).await?;
            match (there, expected) {
                (None, ExpectedContent::Absent) => Ok(true),
                (Some(there), ExpectedContent::File { size, sha256 })
                    if there.length == *size && there.file_type == FileType::File =>
                {
                    let file = ServerFile {
                        pool: access.pool,
                        alias: access.alias,
                        session: self.session(),
                        path,
                    };
                    Ok(file.sha256(*size, sha256).await? == *sha256)
                }
                _ => Ok(false),
            }
        };
        let compared: Result<bool> = compare.await;
        compared.map_err(|error| error.on_file(&file.given))
    }

    /// Removes a file that has this content. Between the comparison and the removal lies one request.
    pub async fn remove_expected(
        &self,
        file: &LocatedFile,
        expected: &ExpectedContent,
    ) -> Result<(), Error> {
        if !self.has_content(file, expected).await? {
            let changed = SftpError::Changed("it was changed meanwhile".to_owned());
            return Err(changed.on_file(&file.given));
        }
        let removed = self.session().remove(&file.path).await;
        removed.map_err(|error| error.on_file(&file.given))
    }

    /// Removes directories that are empty, the innermost first. Others stay.
    pub async fn remove_empty_directories(&self, directories: &[String]) {
        for directory in directories.iter().rev() {
            if let Err(error) = self.session().remove_dir(&RemotePath::new(directory)).await {
                tracing::debug!("`{directory}` stays: {error}");
            }
        }
    }
}

fn check_kind(metadata: &Metadata, shown: &str) -> Result<()> {
    if metadata.is_directory() {
        return Err(SftpError::NotAFile(format!("`{shown}` is a directory")));
    }
    metadata.check_kind(shown)?;
    // Links are followed: some servers report a device so.
    if metadata.file_type != FileType::File {
        return Err(SftpError::NotAFile(format!("`{shown}` is not a file")));
    }
    Ok(())
}
