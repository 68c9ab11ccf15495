//! Putting back what was at paths, on a server or on this machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::Error;
use crate::fs::blocking;
use crate::random;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::file_snapshot::sha256;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::local::{LocalFilesystem, set_attributes};
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::filesystem::roots::Roots;
use crate::sftp::hidden_name::part_name;
use crate::sftp::path::{RemotePath, local_of};
use crate::sftp::remote_files::{RemoteFiles, StagedFile};
use crate::sftp::transfer::replacement::{ExpectedContent, ReplaceOptions};
use crate::sftp::versions::{FileFacts, KeptVersion, OldState, PathState, VersionKeeper};

/// The largest file whose content is compared; of others, length and time are.
const LARGEST_COMPARED: u64 = 64 * 1024 * 1024;

/// The side on which paths are put back.
pub enum RestoreSide<'a> {
    /// A server.
    Server(Box<RemoteFiles<'a>>),
    /// This machine.
    Here(LocalFiles),
}

/// Files of this machine, within the directories that transfers are confined to.
pub struct LocalFiles {
    files: LocalFilesystem,
    roots: Roots,
}

impl LocalFiles {
    /// The files within these directories.
    pub fn within(roots: &Roots) -> Self {
        Self {
            files: LocalFilesystem::within(roots),
            roots: roots.clone(),
        }
    }
}

/// Calls a function with the filesystem of a side and a path on it.
macro_rules! on {
    ($side:expr, $path:expr, $function:ident($($argument:expr),*)) => {
        match $side {
            RestoreSide::Server(server) => {
                $function(server.session(), &RemotePath::of_bytes($path.as_bytes()), $($argument),*).await
            }
            RestoreSide::Here(here) => $function(&here.files, &PathBuf::from($path), $($argument),*).await,
        }
        .map_err(|error: SftpError| error.on_file($path))
    };
}

impl RestoreSide<'_> {
    /// The present state of the path of a version.
    pub async fn state(&self, version: &KeptVersion) -> Result<PathState, Error> {
        on!(self, &version.path, state(version))
    }

    /// The names by which the policy judges a path; none for one of this machine, which has to lie where transfers
    /// may go.
    pub async fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        match self {
            Self::Here(here) => here.roots.check(Path::new(path)).map(|()| Vec::new()),
            Self::Server(server) => {
                let names = server.names(&RemotePath::of_bytes(path.as_bytes())).await;
                names.map_err(|error| error.on_file(path))
            }
        }
    }

    /// Reads what is at a path now, to be kept before it is changed.
    pub(crate) async fn read<'k>(
        &self,
        path: &str,
        keeper: VersionKeeper<'k>,
    ) -> Result<OldState<'k>, Error> {
        on!(self, path, read(keeper))
    }

    /// Keeps what was read.
    pub(crate) async fn keep(
        &self,
        path: &str,
        keeper: VersionKeeper<'_>,
        old: OldState<'_>,
        after: PathState,
    ) -> Result<(), Error> {
        on!(self, path, keep(keeper, old, after))
    }

    /// Puts back what was at a path, in the place of what is there `now`.
    pub async fn restore(
        &self,
        path: &str,
        now: &PathState,
        before: &PathState,
        content: Bytes,
    ) -> Result<Restored, Error> {
        match (before, now) {
            (PathState::Absent, PathState::Directory { .. }) => {
                let is_gone = on!(self, path, remove_empty_directory())?;
                return Ok(if is_gone {
                    Restored::Done
                } else {
                    Restored::Stays
                });
            }
            (PathState::File(facts), PathState::Absent | PathState::File(_)) => {
                return self.write(path, now, facts, content).await;
            }
            (_, PathState::Absent) => {}
            _ => on!(self, path, remove())?,
        }
        match before {
            PathState::Absent => {}
            PathState::File(facts) => {
                return self.write(path, &PathState::Absent, facts, content).await;
            }
            PathState::Directory { .. } => on!(self, path, create_directory())?,
            PathState::Link { target } => on!(self, path, create_link(target))?,
        }
        Ok(Restored::Done)
    }

    /// Sets the mode of a directory that was put back, once all that was in it is.
    pub async fn set_directory_mode(&self, path: &str, mode: Option<u32>) -> Result<(), Error> {
        on!(self, path, set_mode_of_directory(mode))
    }

    async fn write(
        &self,
        path: &str,
        now: &PathState,
        facts: &FileFacts,
        content: Bytes,
    ) -> Result<Restored, Error> {
        match self {
            Self::Server(server) => Ok(Restored::Staged(StagedRestore {
                file: server.stage(path, content, facts.mode).await?,
                facts: facts.clone(),
                expected: expected(now),
            })),
            Self::Here(here) => {
                let written = write_here(&here.roots, path, facts.clone(), content).await;
                written.map_err(|error| error.on_file(path))?;
                Ok(Restored::Done)
            }
        }
    }

    /// Writes the files that were staged, and returns the error of each.
    pub async fn write_staged(&self, files: &[StagedRestore]) -> Vec<Result<(), Error>> {
        let Self::Server(server) = self else {
            return files.iter().map(|_| Ok(())).collect();
        };
        let wishes = files.iter().map(|staged| (&staged.file, staged.wishes()));
        let wishes: Vec<_> = wishes.collect();
        let summary = match server.write_staged(&wishes, true).await {
            Ok(summary) => summary,
            Err(error) => return files.iter().map(|_| Err(error.clone())).collect(),
        };
        let is_one = files.len() == 1;
        let outcomes = files.iter().map(|staged| {
            let (path, source) = (&staged.file.path, staged.file.source());
            let failed = summary.failed.iter().find(|failed| failed.file == source);
            match (failed, &summary.cause) {
                (None, _) if summary.cancelled => Err(SftpError::cancelled().on_file(path)),
                (None, _) => Ok(()),
                (Some(_), Some(cause)) if is_one => Err(cause.on_file(path)),
                (Some(failed), _) => Err(SftpError::failure(&failed.error).on_file(path)),
            }
        });
        outcomes.collect()
    }
}

/// The outcome of putting a path back.
pub enum Restored {
    /// It is as it was.
    Done,
    /// It is a directory that stays, because something else is in it.
    Stays,
    /// It is a file that is still to be written.
    Staged(StagedRestore),
}

/// A file of a server that is still to be written.
pub struct StagedRestore {
    file: StagedFile,
    facts: FileFacts,
    /// The content that it has to have just before.
    expected: Option<ExpectedContent>,
}

impl StagedRestore {
    fn wishes(&self) -> ReplaceOptions<'_> {
        ReplaceOptions {
            expected: self.expected.as_ref(),
            mode: self.facts.mode,
            owner: self.facts.owner,
            modified: self.facts.modified,
        }
    }
}

/// The content that a file has to have just before it is replaced, where that is known.
fn expected(now: &PathState) -> Option<ExpectedContent> {
    match now {
        PathState::Absent => Some(ExpectedContent::Absent),
        PathState::File(facts) => Some(ExpectedContent::File {
            size: facts.size,
            sha256: facts.sha256.clone()?,
        }),
        _ => None,
    }
}

async fn state<T: Filesystem>(
    target: &T,
    path: &T::Path,
    version: &KeptVersion,
) -> Result<PathState> {
    let Some(there) = target.lstat(path).await? else {
        return Ok(PathState::Absent);
    };
    let mode = there.mode;
    match there.file_type {
        FileType::Directory => Ok(PathState::Directory { mode }),
        FileType::Link => {
            let says = target.read_link(path).await?;
            let target = String::from_utf8_lossy(&says).into_owned();
            Ok(PathState::Link { target })
        }
        _ => {
            there.check_kind(&T::shown(path))?;
            let mut facts = FileFacts::of(&there);
            let is_compared = [&version.before, &version.after]
                .iter()
                .any(|state| is_like(state, &there));
            if is_compared && there.length <= LARGEST_COMPARED {
                let length = usize::try_from(there.length).unwrap_or(usize::MAX);
                facts.sha256 = Some(sha256(&target.read_beginning(path, length).await?));
            }
            Ok(PathState::File(facts))
        }
    }
}

/// Returns whether a file of this length is compared with that state by its content.
fn is_like(state: &PathState, there: &Metadata) -> bool {
    matches!(state, PathState::File(facts) if facts.size == there.length && facts.sha256.is_some())
}

async fn read<'k, T: Filesystem>(
    target: &T,
    path: &T::Path,
    keeper: VersionKeeper<'k>,
) -> Result<OldState<'k>> {
    let there = target.lstat(path).await?;
    if let Some(there) = there {
        there.check_kind(&T::shown(path))?;
    }
    keeper.read(target, path, there).await
}

async fn keep<T: Filesystem>(
    _: &T,
    path: &T::Path,
    keeper: VersionKeeper<'_>,
    old: OldState<'_>,
    after: PathState,
) -> Result<()> {
    keeper.keep::<T>(path, old, after).await;
    Ok(())
}

async fn remove<T: Filesystem>(target: &T, path: &T::Path) -> Result<()> {
    target.remove(path).await
}

/// Removes a directory. Returns false where something is in it.
async fn remove_empty_directory<T: Filesystem>(target: &T, path: &T::Path) -> Result<bool> {
    let Err(error) = target.remove_dir(path).await else {
        return Ok(true);
    };
    if error.is_connection_lost() {
        return Err(error);
    }
    tracing::debug!("`{}` stays: {error}", T::shown(path));
    Ok(target.lstat(path).await?.is_none())
}

async fn create_directory<T: Filesystem>(target: &T, path: &T::Path) -> Result<()> {
    for made in target.create_dirs(std::slice::from_ref(path)).await {
        made?;
    }
    Ok(())
}

async fn create_link<T: Filesystem>(target: &T, path: &T::Path, says: &str) -> Result<()> {
    target.symlink(says.as_bytes(), path).await
}

async fn set_mode_of_directory<T: Filesystem>(
    target: &T,
    path: &T::Path,
    mode: Option<u32>,
) -> Result<()> {
    let metadata = Metadata {
        file_type: FileType::Directory,
        mode,
        ..Metadata::LINK
    };
    target.set_directory_attributes(path, &metadata).await;
    Ok(())
}

/// Writes a file of this machine, whole or not at all.
async fn write_here(roots: &Roots, path: &str, facts: FileFacts, content: Bytes) -> Result<()> {
    let (roots, path) = (roots.clone(), PathBuf::from(path));
    blocking(move || {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let part = part_name(&random::hex::<8>(), name, b"");
        let (part, target) = (
            roots.entry(&path.with_file_name(local_of(&part)))?,
            roots.entry(&path)?,
        );
        let written = part.create().and_then(|mut file| {
            file.write_all(&content)?;
            give_owner(&file, facts.owner);
            set_attributes(&file, facts.mode, facts.modified)?;
            file.sync_all()?;
            part.rename_over(&target)
        });
        if written.is_err() {
            let _ = part.remove();
        }
        written
    })
    .await
}

/// Gives a file its owner, where this program may.
#[cfg(unix)]
fn give_owner(file: &std::fs::File, owner: Option<(u32, u32)>) {
    if let Some((user, group)) = owner
        && let Err(error) = std::os::unix::fs::fchown(file, Some(user), Some(group))
    {
        tracing::debug!("a file that is put back does not get its owner: {error}");
    }
}

#[cfg(not(unix))]
fn give_owner(_: &std::fs::File, _: Option<(u32, u32)>) {}
