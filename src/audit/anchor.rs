//! The anchor: the count of the trail's lines and the hash of the last, kept apart from the trail.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::BEGINNING;
use crate::fs::private;
use crate::time::Timestamp;

/// The name of its file.
pub(super) const ANCHOR_FILE: &str = "audit.anchor";

/// Bytes of the file. It is written over in place by one write, which the end of a process does not cut
/// in two, and which needs no further room on the disk.
const SIZE: usize = 768;

/// The count of the lines that were written, and the hash of the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor {
    /// Every line that was ever written, those of removed files too.
    pub(super) lines: u64,
    /// The last line's hash.
    pub(super) last: String,
    /// The length of the file with that line in it: where it has another one, somebody else wrote.
    pub(super) length: u64,
    /// The lines of the files that rotation removed.
    pub(super) removed: Removed,
    /// When a trail that was there already got its anchor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) adopted: Option<Adopted>,
}

/// The lines of removed files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Removed {
    pub(super) lines: u64,
    /// The hash of the last of them: the first line that is left has to follow it.
    pub(super) last: String,
}

/// Lines that are older than their anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// When the anchor was made.
    pub time: Timestamp,
    /// The count of the lines at that time.
    pub lines: u64,
}

impl Default for Anchor {
    fn default() -> Self {
        Self {
            lines: 0,
            last: BEGINNING.to_owned(),
            length: 0,
            removed: Removed {
                lines: 0,
                last: BEGINNING.to_owned(),
            },
            adopted: None,
        }
    }
}

impl Anchor {
    /// The anchor of a data directory; `None` where there is none that says anything.
    pub(super) fn read(directory: &Path) -> io::Result<Option<Self>> {
        let path = directory.join(ANCHOR_FILE);
        if !is_regular(&path)? {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&fs::read(path)?).ok())
    }

    /// Puts it in the place of the one before. Only with the trail's lock held.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let path = directory.join(ANCHOR_FILE);
        is_regular(&path)?;
        let mut bytes = serde_json::to_vec(self)?;
        bytes.resize(bytes.len().max(SIZE - 1), b' ');
        bytes.push(b'\n');
        let mut options = OpenOptions::new();
        let mut file = private(options.create(true).truncate(false).write(true)).open(path)?;
        file.write_all(&bytes)
    }
}

/// Tells whether a regular file is there. Anything else, such as a device, is an error.
pub(super) fn is_regular(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(facts) if facts.is_file() => Ok(true),
        Ok(facts) if facts.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Err(io::Error::other("it is no regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_anchor_fits_and_a_shorter_one_leaves_nothing_of_it() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Anchor::read(directory.path()).unwrap(), None);
        let long = Anchor {
            lines: u64::MAX,
            length: u64::MAX,
            removed: Removed {
                lines: u64::MAX,
                last: BEGINNING.to_owned(),
            },
            adopted: Some(Adopted {
                time: Timestamp::now(),
                lines: u64::MAX,
            }),
            ..Anchor::default()
        };
        assert!(serde_json::to_vec(&long).unwrap().len() < SIZE);
        for anchor in [long, Anchor::default()] {
            anchor.write(directory.path()).unwrap();
            let read = Anchor::read(directory.path()).unwrap().unwrap();
            assert_eq!((read.lines, read.last), (anchor.lines, anchor.last));
        }
        fs::write(directory.path().join(ANCHOR_FILE), "nonsense").unwrap();
        assert_eq!(Anchor::read(directory.path()).unwrap(), None);
    }
}
