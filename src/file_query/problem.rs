//! The reasons for which a path of a server cannot be read.

use crate::error::{Error, FileFailure};
use crate::sftp::{FileType, Metadata};

const ABSENT: &str = "No such file or directory";
const DANGLING: &str = "it is a link that leads to nothing";
const DIRECTORY: &str = "it is a directory";

/// Makes the error for what a script says of a path. `pattern` is the parameter that holds a pattern.
pub(super) fn refusal(words: &str, path: &str, pattern: &str) -> Error {
    let (name, said) = words.split_once(' ').unwrap_or((words, ""));
    let (failure, reason) = match name {
        "pattern" => {
            let said = said.trim().trim_start_matches("grep: ");
            let problem = format!("is no regular expression (grep -E): {said}");
            return Error::invalid(pattern, problem);
        }
        "absent" => (FileFailure::NotFound, ABSENT),
        "dangling" => (FileFailure::NotFound, DANGLING),
        "denied" => (FileFailure::PermissionDenied, "Permission denied"),
        "directory" => (FileFailure::NotAFile, DIRECTORY),
        "pipe" => (
            FileFailure::NotAFile,
            "it is a named pipe (FIFO), not a file",
        ),
        "socket" => (FileFailure::NotAFile, "it is a socket, not a file"),
        "device" => (FileFailure::NotAFile, "it is a device, not a file"),
        _ => (FileFailure::Other, "the link in it cannot be followed"),
    };
    error(path, failure, reason)
}

/// Refuses a path where nothing is. `own` is the metadata of the path itself, `target` that of where it leads.
pub(super) fn check_there(
    path: &str,
    own: Option<Metadata>,
    target: Option<Metadata>,
) -> Result<Metadata, Error> {
    match (own, target) {
        (_, Some(target)) => Ok(target),
        (None, None) => Err(error(path, FileFailure::NotFound, ABSENT)),
        (Some(_), None) => Err(error(path, FileFailure::NotFound, DANGLING)),
    }
}

/// Refuses to read anything but a file.
pub(super) fn check_file(
    path: &str,
    own: Option<Metadata>,
    target: Option<Metadata>,
) -> Result<Metadata, Error> {
    let found = check_there(path, own, target)?;
    let reason = match (found.file_type, found.file_type.special()) {
        (FileType::Directory, _) => DIRECTORY.to_owned(),
        (_, Some(special)) => format!("it is {special}, not a file"),
        _ => return Ok(found),
    };
    Err(error(path, FileFailure::NotAFile, &reason))
}

fn error(path: &str, failure: FileFailure, reason: &str) -> Error {
    Error::File {
        path: path.to_owned(),
        failure,
        reason: reason.to_owned(),
    }
}
