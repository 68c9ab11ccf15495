//! Old versions of contents, kept encrypted for a while: a way back from a change.
//!
//! All versions of one task are a pack: a file of entries, each a line with its record and the length of the
//! encrypted content behind it. An entry at the end that a killed process was writing is passed over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::fs::{free_space, make_private, private, sync_directory};
use crate::secret::Vault;

/// The time for which a version is kept.
const LONGEST_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Bytes of all versions together; the oldest packs go first.
pub const MOST_VERSION_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes by which a pack grows between two looks at all of them.
const SWEPT_EVERY: u64 = 8 * 1024 * 1024;
/// The longest record that is read.
const LONGEST_RECORD: u64 = 64 * 1024;
const EXTENSION: &str = "versions";

/// A set of packs, each under a name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Versions {
    directory: PathBuf,
    vault: Vault,
}

/// A version that is to be kept.
#[derive(Debug)]
pub struct NewVersion<R> {
    /// Its record.
    pub record: R,
    /// The content; without one, only the record is kept.
    pub content: Option<Bytes>,
}

/// The place of a version's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentPlace {
    pack: String,
    start: u64,
    length: u64,
}

impl ContentPlace {
    /// Returns whether a content was kept.
    pub fn has_content(&self) -> bool {
        self.length > 0
    }
}

/// The line that begins an entry.
#[derive(Serialize, Deserialize)]
struct EntryHeader<R> {
    /// Bytes of the encrypted content behind the line.
    length: u64,
    record: R,
}

/// A file of the set.
struct PackFile {
    path: PathBuf,
    modified: SystemTime,
    length: u64,
}

impl Versions {
    pub(super) fn new(directory: PathBuf, vault: Vault) -> Self {
        Self { directory, vault }
    }

    /// Adds versions to a pack, and removes the oldest packs where all together are too large. What has to be
    /// there after a loss of power is added `durably`. Blocks.
    pub fn add<R: Serialize>(
        &self,
        pack: &str,
        versions: &[NewVersion<R>],
        durably: bool,
    ) -> Result<(), Error> {
        let path = self.path(pack);
        let mut bytes = Vec::new();
        for NewVersion { record, content } in versions {
            let sealed = content
                .as_ref()
                .map(|content| self.vault.seal_bytes(content));
            let sealed = sealed.transpose()?.unwrap_or_default();
            let length = sealed.len() as u64;
            serde_json::to_writer(&mut bytes, &EntryHeader { length, record })
                .map_err(|error| Error::storage(&path, "write", &error))?;
            bytes.push(b'\n');
            bytes.extend(sealed);
        }
        let before = self
            .append(&path, &bytes, durably)
            .map_err(|error| Error::storage(&path, "write", &error))?;
        if before == 0 || before / SWEPT_EVERY != (before + bytes.len() as u64) / SWEPT_EVERY {
            self.sweep(&path);
        }
        Ok(())
    }

    /// Appends to a pack. Returns the length that it had.
    fn append(&self, path: &Path, bytes: &[u8], durably: bool) -> io::Result<u64> {
        make_private(&self.directory)?;
        let mut file = private(OpenOptions::new().create(true).append(true)).open(path)?;
        let before = file.metadata()?.len();
        free_space::check(&file, bytes.len())?;
        file.write_all(bytes)?;
        if durably {
            file.sync_data()?;
            sync_directory(&self.directory)?;
        }
        Ok(before)
    }

    /// The records of a pack, the oldest first, with the places of their contents. Blocks.
    pub fn records_of<R: DeserializeOwned>(&self, pack: &str) -> Vec<(ContentPlace, R)> {
        let Some(mut entries) = PackReader::open(&self.path(pack)) else {
            return Vec::new();
        };
        let mut records = Vec::new();
        while let Some((record, start, length)) = entries.next() {
            let pack = pack.to_owned();
            let place = ContentPlace {
                pack,
                start,
                length,
            };
            records.extend(record.map(|record| (place, record)));
        }
        records
    }

    /// The first record of each pack. Blocks.
    pub fn first_records<R: DeserializeOwned>(&self) -> Vec<R> {
        let packs = self.files().into_iter();
        let first = packs.filter_map(|pack| {
            pack.path.extension().filter(|own| *own == EXTENSION)?;
            PackReader::open(&pack.path)?.next()?.0
        });
        first.collect()
    }

    /// The content of a version; `None` where it is gone, or was not kept. Blocks.
    pub fn content(&self, place: &ContentPlace) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(&place.pack);
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(place.start))?;
            let mut sealed = Vec::new();
            file.take(place.length).read_to_end(&mut sealed)?;
            Ok::<_, io::Error>(sealed)
        };
        let sealed = match read() {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::storage(&path, "read", &error)),
        };
        if sealed.is_empty() {
            return Ok(None);
        }
        self.vault.unseal_bytes(&sealed).map(Some)
    }

    /// Removes a pack that is not needed any more, if there is one. Blocks.
    pub fn discard(&self, pack: &str) {
        let path = self.path(pack);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("`{}` stays: {error}", path.display());
        }
    }

    fn path(&self, pack: &str) -> PathBuf {
        self.directory.join(pack).with_extension(EXTENSION)
    }

    /// Removes what has been kept for long enough, and the oldest where all together are too large.
    fn sweep(&self, newest: &Path) {
        let mut files = self.files();
        files.sort_by_key(|file| std::cmp::Reverse(file.modified));
        let mut kept = 0;
        for file in files {
            kept += file.length;
            let age = file.modified.elapsed().unwrap_or_default();
            if file.path != newest && (age > LONGEST_KEPT || kept > MOST_VERSION_BYTES) {
                let _ = fs::remove_file(&file.path);
            }
        }
    }

    fn files(&self) -> Vec<PackFile> {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let files = entries.filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some(PackFile {
                path: entry.path(),
                modified: metadata.modified().ok()?,
                length: metadata.len(),
            })
        });
        files.collect()
    }
}

/// Reads the entries of a pack.
struct PackReader {
    file: BufReader<File>,
    at: u64,
    length: u64,
}

impl PackReader {
    fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        Some(Self {
            file: BufReader::new(file),
            at: 0,
            length,
        })
    }

    /// The next entry: its record, if it can be read, and start and length of its content.
    fn next<R: DeserializeOwned>(&mut self) -> Option<(Option<R>, u64, u64)> {
        let mut line = Vec::new();
        let mut limited = (&mut self.file).take(LONGEST_RECORD);
        limited.read_until(b'\n', &mut line).ok()?;
        let header: EntryHeader<&RawValue> = serde_json::from_slice(&line).ok()?;
        let (start, length) = (self.at + line.len() as u64, header.length);
        self.at = start
            .checked_add(length)
            .filter(|end| *end <= self.length)?;
        self.file.seek_relative(i64::try_from(length).ok()?).ok()?;
        Some((
            serde_json::from_str(header.record.get()).ok(),
            start,
            length,
        ))
    }
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

    fn version(record: &'static str, content: Option<&'static [u8]>) -> NewVersion<&'static str> {
        NewVersion {
            record,
            content: content.map(Bytes::from_static),
        }
    }

    fn age(versions: &Versions, pack: &str, age: Duration) -> File {
        let path = versions.path(pack);
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        file
    }

    #[test]
    fn versions_are_kept_encrypted_until_they_are_discarded() {
        let directory = tempfile::tempdir().unwrap();
        let versions = open(&directory);
        assert!(versions.records_of::<String>("a").is_empty());
        let first = [
            version("first", Some(b"old content")),
            version("second", None),
        ];
        versions.add("a", &first, true).unwrap();
        versions
            .add("a", &[version("third", Some(b""))], true)
            .unwrap();
        versions.add("b", &[version("other", None)], true).unwrap();
        let records = versions.records_of::<String>("a");
        let names: Vec<_> = records.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["first", "second", "third"]);
        let contents = records.iter().map(|(place, _)| versions.content(place));
        let contents: Vec<_> = contents.map(Result::unwrap).collect();
        let expected = [Some(b"old content".to_vec()), None, Some(Vec::new())];
        assert_eq!(contents, expected);
        let stored = fs::read(versions.path("a")).unwrap();
        assert!(!stored.windows(3).any(|part| part == b"old"), "{stored:?}");
        assert_eq!(versions.first_records::<String>().len(), 2);
        versions.discard("a");
        assert_eq!(versions.content(&records[0].0).unwrap(), None);
        assert_eq!(versions.first_records::<String>(), ["other"]);
    }

    #[test]
    fn an_entry_that_a_killed_process_was_writing_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let versions = open(&directory);
        let kept = [version("one", Some(b"1")), version("two", Some(b"2"))];
        versions.add("a", &kept, true).unwrap();
        let path = versions.path("a");
        let whole = fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let records = versions.records_of::<String>("a");
            assert!(records.len() < 2, "cut by {cut}");
            for (place, record) in records {
                assert_eq!(record, "one");
                assert_eq!(versions.content(&place).unwrap().unwrap(), b"1");
            }
        }
    }

    #[test]
    fn what_is_too_old_goes_and_a_broken_file_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let versions = open(&directory);
        versions.add("old", &[version("old", None)], true).unwrap();
        age(&versions, "old", LONGEST_KEPT + Duration::from_secs(9));
        fs::write(versions.path("broken"), "{").unwrap();
        versions.add("new", &[version("new", None)], true).unwrap();
        assert_eq!(versions.first_records::<String>(), ["new"]);
        assert!(!versions.path("old").exists());
    }

    #[test]
    fn the_oldest_go_where_all_are_too_large() {
        let directory = tempfile::tempdir().unwrap();
        let versions = open(&directory);
        for (name, seconds) in [("a", 30), ("b", 20), ("c", 10)] {
            versions.add(name, &[version(name, None)], true).unwrap();
            let file = age(&versions, name, Duration::from_secs(seconds));
            file.set_len(MOST_VERSION_BYTES * 2 / 5).unwrap();
            age(&versions, name, Duration::from_secs(seconds));
        }
        versions.add("d", &[version("d", None)], true).unwrap();
        let mut names = versions.first_records::<String>();
        names.sort();
        assert_eq!(names, ["b", "c", "d"]);
    }
}
