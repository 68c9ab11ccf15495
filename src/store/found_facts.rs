//! Facts about servers that are found out again where they are lost: small files, neither locked nor flushed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::fs::{make_private, private, small_file};
use crate::hex::digits;

/// Facts by name, a file each. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FoundFacts(PathBuf);

impl FoundFacts {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// A fact that is at most so old. One whose writer was killed may be cut short. Blocks.
    pub fn get(&self, name: &str, oldest: Duration) -> Option<Vec<u8>> {
        let path = self.path(name);
        let found = path.metadata().ok()?.modified().ok()?;
        // One of a clock that was ahead counts as new.
        let age = SystemTime::now().duration_since(found).unwrap_or_default();
        if age > oldest {
            return None;
        }
        small_file::read(&path).ok()
    }

    /// Keeps a fact in place of the one before. Blocks.
    pub fn put(&self, name: &str, fact: &[u8]) -> Result<(), Error> {
        let path = self.path(name);
        let write = || {
            make_private(&self.0)?;
            let mut options = OpenOptions::new();
            let mut file = private(options.create(true).truncate(true).write(true)).open(&path)?;
            file.write_all(fact)
        };
        write().map_err(|error: io::Error| Error::storage(&path, "write", error))
    }

    /// Forgets a fact. Blocks.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::storage(&path, "remove", error))
            }
            _ => Ok(()),
        }
    }

    /// Names may be of any length, and hold anything.
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(&digits(&Sha256::digest(name))[..32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_there_until_it_is_old_or_removed() {
        let directory = tempfile::tempdir().unwrap();
        let facts = FoundFacts::new(directory.path().join("new"));
        let day = Duration::from_secs(24 * 3600);
        assert_eq!(facts.get("a/../b", day), None);
        facts.remove("a/../b").unwrap();
        for fact in [b"longer".as_slice(), b"short"] {
            facts.put("a/../b", fact).unwrap();
            assert_eq!(facts.get("a/../b", day).as_deref(), Some(fact));
        }
        assert_eq!(facts.get("a/../c", day), None);
        let file = OpenOptions::new()
            .write(true)
            .open(facts.path("a/../b"))
            .unwrap();
        file.set_modified(SystemTime::now() - 2 * day).unwrap();
        assert_eq!(facts.get("a/../b", day), None);
        facts.put("a/../b", b"again").unwrap();
        facts.remove("a/../b").unwrap();
        assert_eq!(facts.get("a/../b", day), None);
    }
}
