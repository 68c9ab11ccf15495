//! Files that a person wrote: keys, secrets, settings. Read whole, and never without an end.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Most bytes of such a file.
pub const LONGEST: usize = 64 * 1024;

/// Reads a regular file; symbolic links are followed. Nothing else is read: a pipe may wait for ever,
/// and a device may have no end or act on being read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_up_to(path, LONGEST)
}

/// Reads a regular file of at most `longest` bytes, such as one that programs add to.
pub fn read_up_to(path: &Path, longest: usize) -> io::Result<Vec<u8>> {
    read_open(&open_regular(path)?, longest)
}

/// Opens a regular file, wherever its links lead.
fn open_regular(path: &Path) -> io::Result<File> {
    // A device may act on being opened.
    check(&fs::metadata(path)?)?;
    let file = open(path)?;
    // The file may have been replaced between the two calls.
    check(&file.metadata()?)?;
    Ok(file)
}

fn read_open(file: &File, longest: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(longest as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > longest {
        return Err(unfit(format!("it has more than {longest} bytes")));
    }
    Ok(bytes)
}

/// Reads a regular file that holds text.
pub fn read_text(path: &Path) -> io::Result<String> {
    text(read(path)?)
}

/// Reads a text from a file that does not lie in one of the `closed` directories, wherever its links lead.
pub fn read_text_outside(path: &Path, closed: &[&Path]) -> io::Result<String> {
    let file = open_regular(path)?;
    let real = path.canonicalize()?;
    let is_closed = |directory: &&Path| {
        let directory = directory.canonicalize();
        directory.is_ok_and(|directory| real.starts_with(directory))
    };
    if closed.iter().any(is_closed) {
        return Err(unfit("it leads to a file that no secret is read from"));
    }
    // Its links may have changed between the opening and the look.
    if !is_same(&file.metadata()?, &fs::symlink_metadata(&real)?) {
        return Err(unfit("it has just been replaced"));
    }
    text(read_open(&file, LONGEST)?)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    // The error would quote the bytes.
    String::from_utf8(bytes).map_err(|_| unfit("it is not UTF-8"))
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

fn check(facts: &fs::Metadata) -> io::Result<()> {
    if facts.is_file() {
        Ok(())
    } else {
        Err(unfit("it is not a regular file"))
    }
}

fn unfit(problem: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, problem.into())
}

/// Opens a file. A pipe is not waited for until somebody writes to it.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};

    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_is_read_and_a_large_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, vec![b'x'; LONGEST]).unwrap();
        assert_eq!(read(&path).unwrap().len(), LONGEST);
        fs::write(&path, vec![b'x'; LONGEST + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("more than"));
        fs::write(&path, b"secret \xff").unwrap();
        let error = read_text(&path).unwrap_err();
        assert_eq!(error.to_string(), "it is not UTF-8");
        let error = read(&directory.path().join("none")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_but_regular_files_is_read() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;

        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RUSR).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        symlink("/dev/zero", path("device")).unwrap();
        symlink("pipe", path("link")).unwrap();
        for name in ["pipe", "socket", "device", "link", "."] {
            let error = read(&path(name)).unwrap_err().to_string();
            assert_eq!(error, "it is not a regular file", "{name}");
        }
        fs::write(path("file"), "text").unwrap();
        symlink("file", path("good")).unwrap();
        assert_eq!(read_text(&path("good")).unwrap(), "text");
        // A pipe that takes the file's place before it is opened does not block.
        assert!(check(&open(&path("pipe")).unwrap().metadata().unwrap()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_changes_while_it_is_read_leads_into_no_closed_directory() {
        use std::os::unix::fs::symlink;
        use std::sync::atomic::{AtomicBool, Ordering};

        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("closed")).unwrap();
        fs::write(path("closed/key"), "the key").unwrap();
        fs::write(path("open"), "open").unwrap();
        symlink("open", path("link")).unwrap();
        let is_over = AtomicBool::new(false);
        let closed = path("closed");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for target in ["closed/key", "open"] {
                        symlink(target, path("new")).unwrap();
                        fs::rename(path("new"), path("link")).unwrap();
                    }
                }
            });
            let (mut read, mut refused) = (0, 0);
            while read < 200 || refused < 200 {
                match read_text_outside(&path("link"), &[&closed]) {
                    Ok(text) => {
                        assert_eq!(text, "open");
                        read += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
}
