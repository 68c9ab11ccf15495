//! A text document in the format of other programs, which read it too.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use crate::error::Error;
use crate::fs::{lock_exclusively, private, sibling, small_file, write_durably};

/// A document of lines, which several processes read and change without losing each other's changes.
#[derive(Clone, Debug)]
pub struct TextDocument {
    path: PathBuf,
    /// Bytes of the longest that is read.
    longest: usize,
}

impl TextDocument {
    pub(super) fn new(path: PathBuf, longest: usize) -> Self {
        Self { path, longest }
    }

    /// The text; empty if there is none. Invalid UTF-8 in it is replaced.
    pub fn read(&self) -> Result<String, Error> {
        match small_file::read_up_to(&self.path, self.longest) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(self.failure("read", error)),
        }
    }

    /// Adds a line at the end, durably.
    pub fn add_line(&self, line: &str) -> Result<(), Error> {
        let append = || -> io::Result<()> {
            let _lock = lock_exclusively(&sibling(&self.path, "lock"))?;
            let is_torn = fs::read(&self.path)
                .is_ok_and(|bytes| bytes.last().is_some_and(|byte| *byte != b'\n'));
            let separator = if is_torn { "\n" } else { "" };
            let mut file =
                private(OpenOptions::new().create(true).append(true)).open(&self.path)?;
            // One write: programs of others may add lines without the lock.
            file.write_all(format!("{separator}{line}\n").as_bytes())?;
            file.sync_all()
        };
        append().map_err(|error| self.failure("write", error))
    }

    /// Changes the text as one step that no other process of this program can come between. One that is not
    /// UTF-8 is not changed.
    pub fn update(&self, change: impl FnOnce(&str) -> String) -> Result<(), Error> {
        let replace = || -> io::Result<()> {
            let _lock = lock_exclusively(&sibling(&self.path, "lock"))?;
            let text = match fs::read_to_string(&self.path) {
                Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
                read => read?,
            };
            write_durably(&self.path, change(&text).as_bytes())
        };
        replace().map_err(|error| self.failure("write", error))
    }

    fn failure(&self, action: &'static str, reason: impl Display) -> Error {
        Error::storage(&self.path, action, reason)
    }

    /// Its path, to be shown.
    pub fn location(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_added_meanwhile_outlive_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let document = TextDocument::new(directory.path().join("text"), 1 << 20);
        fs::write(directory.path().join("text"), "torn").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let document = &document;
                scope.spawn(move || {
                    for number in 0..25 {
                        document.add_line(&format!("{writer}-{number}")).unwrap();
                        document
                            .update(|text| text.replace("torn", "whole"))
                            .unwrap();
                    }
                });
            }
        });
        let text = document.read().unwrap();
        assert_eq!(
            (text.lines().count(), text.lines().next()),
            (51, Some("whole"))
        );
    }
}
