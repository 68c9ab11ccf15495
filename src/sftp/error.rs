//! Failures of file operations, told apart as transfers have to.

use std::io;

use tokio::task::JoinError;

use crate::error::{Error, FailedFile, FileFailure};

/// The result of a file operation.
pub(crate) type Result<T, E = SftpError> = std::result::Result<T, E>;

/// A failed operation on a file of a server or of this machine, with words for the user: where there
/// are any, those of the server or of the operating system.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum SftpError {
    /// The session or its connection is gone; the operation can be repeated over another.
    #[error("{0}")]
    ConnectionLost(String),
    /// The server broke the protocol, and would do so again.
    #[error("{0}")]
    Protocol(String),
    /// The transfer was cancelled.
    #[error("{0}")]
    Cancelled(String),
    /// The file system is full, or a quota is used up.
    #[error("{0}")]
    NoSpace(String),
    #[error("{0}")]
    PermissionDenied(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    AlreadyExists(String),
    #[error("{0}")]
    Unsupported(String),
    /// The end of a file or of a directory's entries.
    #[error("{0}")]
    EndOfFile(String),
    /// The path is a likely mistake of the user.
    #[error("{0}")]
    InvalidPath(String),
    #[error("{0}")]
    NameTooLong(String),
    /// The path leads to a directory, or to something that is neither copied nor replaced.
    #[error("{0}")]
    NotAFile(String),
    /// The file does not have the content that the caller expects.
    #[error("{0}")]
    Changed(String),
    /// Nothing can be put in the target's place, so that it has to be written in place.
    #[error("{0}")]
    NotReplaceable(String),
    /// The replaced file has lost its name and could not get it back.
    #[error("{0}")]
    Stranded(String),
    /// Any other failure of this machine's operating system.
    #[error("{0}")]
    Local(String),
    /// Any other failure. The protocol has one status for most of them (`SSH_FX_FAILURE`).
    #[error("{0}")]
    Failure(String),
}

impl SftpError {
    pub(crate) fn failure(words: impl Into<String>) -> Self {
        Self::Failure(words.into())
    }

    pub(crate) fn not_replaceable(reason: impl Into<String>) -> Self {
        Self::NotReplaceable(reason.into())
    }

    pub(crate) fn cancelled() -> Self {
        Self::Cancelled("cancelled".to_owned())
    }

    /// The same failure in other words.
    #[must_use]
    pub(crate) fn reworded(&self, words: impl Into<String>) -> Self {
        let mut error = self.clone();
        match &mut error {
            Self::ConnectionLost(own)
            | Self::Protocol(own)
            | Self::Cancelled(own)
            | Self::NoSpace(own)
            | Self::PermissionDenied(own)
            | Self::NotFound(own)
            | Self::AlreadyExists(own)
            | Self::Unsupported(own)
            | Self::EndOfFile(own)
            | Self::InvalidPath(own)
            | Self::NameTooLong(own)
            | Self::NotAFile(own)
            | Self::Changed(own)
            | Self::NotReplaceable(own)
            | Self::Stranded(own)
            | Self::Local(own)
            | Self::Failure(own) => *own = words.into(),
        }
        error
    }

    pub(crate) fn is_connection_lost(&self) -> bool {
        matches!(self, Self::ConnectionLost(_))
    }

    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    pub(crate) fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace(_))
    }

    /// Returns whether the operation is refused as such, so that another may be allowed.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::PermissionDenied(_) | Self::Unsupported(_))
    }

    /// Returns whether its kind says nothing of the cause.
    pub(crate) fn is_unspecific(&self) -> bool {
        matches!(
            self,
            Self::Failure(_) | Self::NotReplaceable(_) | Self::Stranded(_)
        )
    }

    /// Returns whether it leaves open what is at a path: some servers refuse to tell.
    pub(crate) fn leaves_open(&self) -> bool {
        self.is_refusal() || self.is_unspecific()
    }

    /// The file that it keeps from being transferred.
    pub(crate) fn failed_file(&self, file: String) -> FailedFile {
        FailedFile {
            file,
            error: self.to_string(),
        }
    }
}

impl SftpError {
    /// Becomes the program's error on one file.
    pub(crate) fn on_file(&self, path: &str) -> Error {
        let failure = match self {
            Self::NotFound(_) => FileFailure::NotFound,
            Self::PermissionDenied(_) => FileFailure::PermissionDenied,
            Self::NoSpace(_) => FileFailure::NoSpace,
            Self::NotAFile(_) => FileFailure::NotAFile,
            Self::ConnectionLost(_) => FileFailure::ConnectionLost,
            Self::Changed(_) => FileFailure::Changed,
            _ => FileFailure::Other,
        };
        Error::File {
            path: path.to_owned(),
            failure,
            reason: self.to_string(),
        }
    }
}

impl From<io::Error> for SftpError {
    fn from(error: io::Error) -> Self {
        let state = match error.kind() {
            // Servers do not tell these apart.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound,
            io::ErrorKind::AlreadyExists => Self::AlreadyExists,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            io::ErrorKind::Unsupported => Self::Unsupported,
            io::ErrorKind::InvalidFilename => Self::NameTooLong,
            io::ErrorKind::Other => Self::Failure,
            _ => Self::Local,
        };
        state(error.to_string())
    }
}

#[cfg(unix)]
impl From<rustix::io::Errno> for SftpError {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

impl From<JoinError> for SftpError {
    fn from(error: JoinError) -> Self {
        Self::Failure(error.to_string())
    }
}

/// A refusal by the roots or the policy.
impl From<Error> for SftpError {
    fn from(refusal: Error) -> Self {
        Self::PermissionDenied(refusal.to_string())
    }
}
