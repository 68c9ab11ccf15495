//! The files: which are read, by what name they are called, and what makes one unfit.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

/// No file that a person wrote is larger.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The owner of a file's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileOrigin {
    /// The user's file, and what it includes.
    User,
    /// The system's file, and what it includes.
    System,
}

/// A line of a file. It prints as `~/.ssh/config:12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LinePosition {
    pub(super) file: Rc<str>,
    pub(super) line: usize,
    pub(super) origin: FileOrigin,
}

impl fmt::Display for LinePosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// A path as it is shown: with `~` for the home directory.
pub(super) fn shown(path: &Path, home: &Path) -> String {
    match path.strip_prefix(home) {
        Ok(below) if !home.as_os_str().is_empty() => format!("~/{}", below.display()),
        _ => path.display().to_string(),
    }
}

/// Reads a file; `None` if there is none. An error is the rest of a sentence about the file.
///
/// Such a file names programs to run, so one that others can write to is refused if `guarded`.
pub(super) fn read(path: &Path, guarded: bool) -> Result<Option<Vec<u8>>, String> {
    let absent = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
    };
    let failed = |error: io::Error| format!("cannot be read: {error}");
    let facts = match std::fs::metadata(path) {
        Ok(facts) => facts,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if facts.is_dir() || path == Path::new("/dev/null") {
        return Ok(None);
    }
    // Opening a pipe might wait for ever.
    if !facts.is_file() {
        return Err("is not a regular file".into());
    }
    let mut content = Vec::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if guarded {
        guard(&file.metadata().map_err(failed)?)?;
    }
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("is larger than {MAX_FILE_BYTES} bytes"));
    }
    Ok(Some(content))
}

#[cfg(unix)]
fn guard(facts: &std::fs::Metadata) -> Result<(), String> {
    use super::local::Local;
    use std::os::unix::fs::MetadataExt;

    let owner = facts.uid();
    if owner != 0 && (Local::HERE.user_id)().is_some_and(|user| user != owner) {
        return Err("belongs to another user".into());
    }
    // Files are often writable for a group that only their owner is in.
    let own_group = facts.gid() == owner;
    let mode = facts.mode();
    if mode & 0o002 != 0 || (mode & 0o020 != 0 && !own_group) {
        return Err("can be written to by other users".into());
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn guard(_: &std::fs::Metadata) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_directory_is_shown_short() {
        let home = Path::new("/home/me");
        assert_eq!(shown(Path::new("/home/me/.ssh/c"), home), "~/.ssh/c");
        assert_eq!(shown(Path::new("/home/menu/c"), home), "/home/menu/c");
        assert_eq!(shown(Path::new("/etc/c"), Path::new("")), "/etc/c");
    }

    #[test]
    fn what_is_absent_is_empty_and_what_is_huge_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        assert_eq!(read(&path, true), Ok(None));
        assert_eq!(read(&path.join("below"), true), Ok(None));
        assert_eq!(read(directory.path(), true), Ok(None));
        std::fs::write(&path, "User a").unwrap();
        assert_eq!(read(&path, true), Ok(Some(b"User a".to_vec())));
        assert_eq!(read(&path.join("below"), true), Ok(None));
        std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
        assert!(read(&path, true).unwrap_err().contains("larger"));
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_write_is_refused_where_it_matters() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).unwrap();
        assert!(read(&path, true).unwrap_err().contains("other users"));
        assert!(read(&path, false).is_ok());
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            assert!(read(&pipe, true).unwrap_err().contains("regular"));
        }
    }
}
