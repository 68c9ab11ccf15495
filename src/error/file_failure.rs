//! Failures of operations on single files of servers.

use serde::Serialize;

/// The kind of a failure, by which callers decide what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFailure {
    /// There is no such file, or no such directory above it.
    NotFound,
    /// The server refuses access.
    PermissionDenied,
    /// The file system is full, or a quota is used up.
    NoSpace,
    /// The path leads to a directory, a device, a pipe or the like.
    NotAFile,
    /// The file is larger than such a call may work with.
    TooLarge,
    /// The connection was lost.
    ConnectionLost,
    /// Somebody else has changed the file meanwhile.
    Changed,
    /// The check after a change failed.
    CheckFailed,
    /// Anything else.
    Other,
}

impl FileFailure {
    /// The code that programs match on.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NotFound => "FILE_NOT_FOUND",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::NoSpace => "NO_SPACE",
            Self::NotAFile => "NOT_A_FILE",
            Self::TooLarge => "FILE_TOO_LARGE",
            Self::ConnectionLost => "CONNECTION_FAILED",
            Self::Changed => "HASH_MISMATCH",
            Self::CheckFailed => "CHECK_FAILED",
            Self::Other => "FILE_FAILED",
        }
    }

    /// The advice, in a sentence.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::NotFound => {
                "check the path; a relative one begins at the home directory, and file_list shows what is there"
            }
            Self::PermissionDenied => {
                "it takes a user who may do that there, or task_exec with sudo"
            }
            Self::NoSpace => "free some space on the server, then call again",
            Self::NotAFile => "give the path of a regular file; file_list shows a directory",
            Self::TooLarge => "use task_exec with a program on the server, such as sed",
            Self::ConnectionLost => "look at the file before calling again",
            Self::Changed => "read it again, then call again",
            Self::CheckFailed => "see what the check says, correct the change, then call again",
            Self::Other => "check path and permissions, then call again",
        }
    }
}

/// A line of a file that resembles a text which was not found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NearestLine {
    /// Its number, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
}
