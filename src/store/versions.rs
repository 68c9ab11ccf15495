//! Old versions of contents, kept encrypted for a while: a way back from a change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::fs::{free_space, make_private, private, write_durably};
use crate::secret::Vault;

/// The time for which a version is kept.
const LONGEST_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Bytes of all versions together; the oldest go first.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// The longest record that is read.
const LONGEST_RECORD: u64 = 64 * 1024;
const EXTENSION: &str = "version";

/// A set of versions, each under a name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Versions {
    directory: PathBuf,
    vault: Vault,
}

/// A file of the set: a record in a line, and the encrypted content after it.
struct VersionFile {
    path: PathBuf,
    modified: SystemTime,
    length: u64,
}

impl Versions {
    pub(super) fn new(directory: PathBuf, vault: Vault) -> Self {
        Self { directory, vault }
    }

    /// Keeps a version durably, and removes the oldest ones where there are too many. Without a content,
    /// only the record is kept. Blocks.
    pub fn keep(
        &self,
        name: &str,
        record: &impl Serialize,
        content: Option<&[u8]>,
    ) -> Result<(), Error> {
        let path = self.path(name);
        let sealed = content.map(|content| self.vault.seal_bytes(content));
        let sealed = sealed.transpose()?.unwrap_or_default();
        let write = || {
            make_private(&self.directory)?;
            let mut bytes = serde_json::to_vec(record)?;
            bytes.push(b'\n');
            bytes.extend(sealed);
            check_room(&self.directory, bytes.len())?;
            write_durably(&path, &bytes)
        };
        write().map_err(|error| Error::storage(&path, "write", &error))?;
        self.sweep(&path);
        Ok(())
    }

    /// The names and records of all versions that can be read, the oldest first. Blocks.
    pub fn records<R: DeserializeOwned>(&self) -> Vec<(String, R)> {
        self.records_of("")
    }

    /// The same of the versions whose names begin so. No other record is read. Blocks.
    pub fn records_of<R: DeserializeOwned>(&self, prefix: &str) -> Vec<(String, R)> {
        let mut files = self.files();
        files.sort_by(|one, other| (one.modified, &one.path).cmp(&(other.modified, &other.path)));
        let records = files.iter().filter_map(|file| {
            let name = file.path.file_stem()?.to_str()?.to_owned();
            if !name.starts_with(prefix) {
                return None;
            }
            let is_whole = file.path.extension().is_some_and(|own| own == EXTENSION);
            Some((name, read_record(&file.path).filter(|_| is_whole)?))
        });
        records.collect()
    }

    /// The content of a version; `None` where it is gone, or was not kept. Blocks.
    pub fn content(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::storage(&path, "read", &error)),
        };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let sealed = end.map(|end| &bytes[end + 1..]).unwrap_or_default();
        if sealed.is_empty() {
            return Ok(None);
        }
        self.vault.unseal_bytes(sealed).map(Some)
    }

    /// Removes a version that is not needed any more. Blocks.
    pub fn discard(&self, name: &str) {
        let path = self.path(name);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!("`{}` stays: {error}", path.display());
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name).with_extension(EXTENSION)
    }

    /// Removes what has been kept for long enough, and the oldest where all together are too large.
    fn sweep(&self, newest: &Path) {
        let mut files = self.files();
        files.sort_by_key(|file| std::cmp::Reverse(file.modified));
        let mut kept = 0;
        for file in files {
            kept += file.length;
            let age = file.modified.elapsed().unwrap_or_default();
            if file.path != newest && (age > LONGEST_KEPT || kept > MOST_BYTES) {
                let _ = fs::remove_file(&file.path);
            }
        }
    }

    /// All files, also such as a killed process was writing.
    fn files(&self) -> Vec<VersionFile> {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let files = entries.filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some(VersionFile {
                path: entry.path(),
                modified: metadata.modified().ok()?,
                length: metadata.len(),
            })
        });
        files.collect()
    }
}

fn check_room(directory: &Path, more: usize) -> io::Result<()> {
    let probe = directory.join("room");
    let file = private(OpenOptions::new().create(true).truncate(true).write(true)).open(&probe)?;
    let checked = free_space::check(&file, more);
    let _ = fs::remove_file(probe);
    checked
}

fn read_record<R: DeserializeOwned>(path: &Path) -> Option<R> {
    let mut line = Vec::new();
    let file = File::open(path).ok()?.take(LONGEST_RECORD);
    BufReader::new(file).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn open(directory: &tempfile::TempDir) -> Versions {
        let key = Some(Secret::from("a key of a test"));
        let vault = Vault::open(directory.path(), key, false);
        Versions::new(directory.path().join("versions"), vault)
    }

    #[test]
    fn versions_are_kept_encrypted_until_they_are_discarded() {
        let directory = tempfile::tempdir().unwrap();
        let versions = open(&directory);
        assert!(versions.records::<String>().is_empty());
        versions
            .keep("a-0", &"first", Some(b"old content"))
            .unwrap();
        versions.keep("a-1", &"second", None).unwrap();
        versions.keep("a-2", &"third", Some(b"")).unwrap();
        let records = versions.records::<String>();
        let names: Vec<_> = records.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a-0", "a-1", "a-2"]);
        assert_eq!(records[1].1, "second");
        assert_eq!(versions.content("a-0").unwrap().unwrap(), b"old content");
        assert_eq!(versions.content("a-1").unwrap(), None);
        assert_eq!(versions.content("a-2").unwrap().unwrap(), b"");
        let stored = fs::read(versions.path("a-0")).unwrap();
        assert!(!stored.windows(3).any(|part| part == b"old"), "{stored:?}");
        versions.discard("a-0");
        assert_eq!(versions.content("a-0").unwrap(), None);
        assert_eq!(versions.records::<String>().len(), 2);
    }

    #[test]
    fn what_is_too_old_goes_and_a_broken_file_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let versions = open(&directory);
        versions.keep("old", &"old", None).unwrap();
        let long_ago = SystemTime::now() - LONGEST_KEPT - Duration::from_secs(9);
        let file = File::options()
            .write(true)
            .open(versions.path("old"))
            .unwrap();
        file.set_modified(long_ago).unwrap();
        fs::write(versions.path("broken"), "{").unwrap();
        versions.keep("new", &"new", None).unwrap();
        let records = versions.records::<String>();
        assert_eq!(records, [("new".to_owned(), "new".to_owned())]);
    }

    #[test]
    fn the_oldest_go_where_all_are_too_large() {
        let directory = tempfile::tempdir().unwrap();
        let versions = open(&directory);
        for (name, age) in [("a", 30), ("b", 20), ("c", 10)] {
            versions.keep(name, &name, None).unwrap();
            let file = File::options()
                .write(true)
                .open(versions.path(name))
                .unwrap();
            file.set_len(MOST_BYTES * 2 / 5).unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(time).unwrap();
        }
        versions.keep("d", &"d", None).unwrap();
        let names = versions
            .records::<String>()
            .into_iter()
            .map(|(name, _)| name);
        assert_eq!(names.collect::<Vec<_>>(), ["b", "c", "d"]);
    }
}
