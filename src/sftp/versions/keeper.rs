//! Keeping what is about to be replaced or removed, on a server or on this machine.

use std::str;

use bytes::Bytes;
use tokio::sync::SemaphorePermit;

use super::{FileFacts, KeptVersion, LONGEST_VERSION, PathState, VersionPack, VersionSide};
use crate::error::Error;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::file_snapshot::sha256;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::store::MOST_VERSION_BYTES;
use crate::text::in_bytes;
use crate::time::Timestamp;

/// Keeps versions of the files of one side that a task changes.
#[derive(Clone, Copy)]
pub struct VersionKeeper<'a> {
    /// The versions of the task.
    pub pack: &'a VersionPack,
    /// The side that is changed.
    pub side: &'a VersionSide,
}

/// The old state of a path that is about to be replaced or removed, in memory.
pub(crate) struct OldState<'a> {
    state: PathState,
    content: Option<Bytes>,
    /// The reason for which its content is not kept.
    lost: Option<String>,
    _memory: Option<SemaphorePermit<'a>>,
}

impl OldState<'_> {
    /// The state of a path where there is nothing.
    pub(crate) fn absent() -> Self {
        Self::of(PathState::Absent)
    }

    /// The state.
    pub(crate) fn state(&self) -> &PathState {
        &self.state
    }

    /// The reason for which there is no way back to it.
    pub(crate) fn lost_for(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    fn of(state: PathState) -> Self {
        Self {
            state,
            content: None,
            lost: None,
            _memory: None,
        }
    }

    fn lost(metadata: &Metadata, reason: impl Into<String>) -> Self {
        Self {
            lost: Some(reason.into()),
            ..Self::of(PathState::File(FileFacts::of(metadata)))
        }
    }
}

impl<'a> VersionKeeper<'a> {
    /// Reads what is at a path, given its metadata. The only error is a lost connection.
    pub(crate) async fn read<T: Filesystem>(
        &self,
        target: &T,
        path: &T::Path,
        there: Option<Metadata>,
    ) -> Result<OldState<'a>> {
        let Some(there) = there else {
            return Ok(OldState::absent());
        };
        match there.file_type {
            FileType::Directory => {
                let mode = there.mode;
                Ok(OldState::of(PathState::Directory { mode }))
            }
            FileType::Link => {
                let says = unless_lost(target.read_link(path).await)?;
                Ok(match says.map(String::from_utf8) {
                    Ok(Ok(target)) => OldState::of(PathState::Link { target }),
                    Ok(Err(_)) => OldState::lost(&there, "what the link says is not UTF-8"),
                    Err(reason) => OldState::lost(&there, reason),
                })
            }
            _ => {
                let content = async |length| {
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    target.read_beginning(path, length).await
                };
                self.old_file(&there, content).await
            }
        }
    }

    /// A file whose content `read` fetches, given its length.
    pub(crate) async fn old_file(
        &self,
        there: &Metadata,
        read: impl AsyncFnOnce(u64) -> Result<Vec<u8>>,
    ) -> Result<OldState<'a>> {
        let length = there.length;
        if let Some(reason) = too_large(length) {
            return Ok(OldState::lost(there, reason));
        }
        if !self.pack.take_room(length) {
            let limit = in_bytes(MOST_VERSION_BYTES);
            let reason = format!("of one task, {limit} of old contents are kept");
            return Ok(OldState::lost(there, reason));
        }
        let memory = self.pack.hold(length).await;
        let content = match unless_lost(read(length).await)? {
            Ok(content) => content,
            Err(reason) => return Ok(OldState::lost(there, reason)),
        };
        let facts = FileFacts {
            size: content.len() as u64,
            sha256: Some(sha256(&content)),
            ..FileFacts::of(there)
        };
        Ok(OldState {
            state: PathState::File(facts),
            content: Some(content.into()),
            lost: None,
            _memory: memory,
        })
    }

    /// Keeps what is about to be replaced or removed; on return it is on disk. What was absent is noted. The
    /// task goes on without a way back where that fails.
    pub(crate) async fn keep<T: Filesystem>(
        &self,
        path: &T::Path,
        old: OldState<'_>,
        after: PathState,
    ) {
        let OldState {
            state,
            content,
            lost,
            _memory,
        } = old;
        if state == after {
            return;
        }
        let version = |path: &str| KeptVersion {
            task: self.pack.task().to_owned(),
            side: self.side.clone(),
            path: path.to_owned(),
            kept_at: Timestamp::now(),
            before: state.clone(),
            after: after.clone(),
        };
        let bytes = T::bytes(path);
        let Ok(path) = str::from_utf8(&bytes) else {
            let reason = "its name is not UTF-8".to_owned();
            return self.pack.lose(version(&T::shown(path)), reason);
        };
        let kept = match (lost, &state) {
            (Some(reason), _) => Err(reason),
            (None, PathState::Absent) => self.pack.note(version(path)).await.map_err(reason),
            (None, _) => self.pack.keep(version(path), content).await.map_err(reason),
        };
        if let Err(reason) = kept {
            self.pack.lose(version(path), reason);
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn reason(error: Error) -> String {
    error.to_string()
}

/// The reason for which no content of that length is kept.
pub(crate) fn too_large(length: u64) -> Option<String> {
    let limit = in_bytes(LONGEST_VERSION);
    (length > LONGEST_VERSION).then(|| format!("its old content is larger than {limit}"))
}

/// Tells a lost connection from other failures, which become words.
fn unless_lost<T>(outcome: Result<T>) -> Result<std::result::Result<T, String>> {
    match outcome {
        Err(error) if error.is_connection_lost() => Err(error),
        outcome => Ok(outcome.map_err(|error: SftpError| error.to_string())),
    }
}
