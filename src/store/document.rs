//! A document that several processes read and change without losing each other's changes: a JSON file.

use std::fmt::{self, Display};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::notices::{DataNotices, SET_ASIDE};
use crate::error::Error;
use crate::fs::{lock_exclusively, private, sibling, write_durably};
use crate::time::Timestamp;
use indexmap::IndexMap;
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Bytes that are read at once of a document whose entries are read one after another.
const READ_AT_ONCE: usize = 64 * 1024;

/// A JSON document in the data directory.
///
/// A change takes the lock (a file beside it, since the data file itself is replaced), reads, writes
/// a new file, syncs it, and renames it over the old one. Readers need no lock.
#[derive(Clone, Debug)]
pub struct Document {
    path: PathBuf,
    backup: Option<PathBuf>,
    /// True if one that does not parse stays and is an error.
    keeps_broken: bool,
    notices: DataNotices,
}

/// Tells one version of a document from the next, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// The exclusive right to change a document; released when dropped.
#[derive(Debug)]
struct Locked<'a> {
    file: &'a Document,
    _lock: File,
}

impl Document {
    /// The file at `path`, without a backup. Problems with it go to `notices`.
    pub(super) fn new(path: PathBuf, notices: DataNotices) -> Self {
        Self {
            path,
            backup: None,
            keeps_broken: false,
            notices,
        }
    }

    /// Keeps the previous version as `name` beside it.
    #[must_use]
    pub fn with_backup(mut self, name: &str) -> Self {
        self.backup = Some(self.path.with_file_name(name));
        self
    }

    /// Makes it an error that the file does not parse, where going on without it would not be safe.
    #[must_use]
    pub fn or_nothing(mut self) -> Self {
        self.keeps_broken = true;
        self
    }

    /// Tells this document from others.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A `STORAGE_ERROR` that names the document.
    pub fn failure(&self, action: &'static str, reason: impl Display) -> Error {
        Error::storage(&self.path, action, reason)
    }

    /// The present version; `None` where there is no document. Another process has changed the document
    /// if it is another one than before.
    pub fn version(&self) -> Option<Version> {
        fs::metadata(&self.path).ok().map(|metadata| Version {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: inode(&metadata),
        })
    }

    /// Reads the file; a missing one is the default.
    ///
    /// One that does not parse is set aside under a dated name, and the backup is used if there is one.
    pub fn read<T: DeserializeOwned + Default>(&self) -> Result<T, Error> {
        match parse(&self.path)? {
            Parsed::Good(value) => Ok(value),
            Parsed::Missing => Ok(T::default()),
            // Under the lock, so that only one process sets it aside.
            Parsed::Broken(_) => self.lock()?.read(),
        }
    }

    /// Reads the entries of a document that is one object, one after another: there may be thousands, and only one is in
    /// memory at once. Of a document that does not parse, the entries before the fault come again, from the backup.
    pub fn for_each_entry(&self, mut each: impl FnMut(&str, &RawValue)) -> Result<(), Error> {
        let failed = |error: &io::Error| Error::storage(&self.path, "read", error);
        let mut text = match File::open(&self.path) {
            Ok(file) => BufReader::with_capacity(READ_AT_ONCE, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&error)),
        };
        let begun = text.fill_buf().map_err(|error| failed(&error))?;
        let mark = begun.len() - without_mark(begun).len();
        text.consume(mark);
        let mut reader = serde_json::Deserializer::from_reader(text);
        let read = EachEntry(&mut each).deserialize(&mut reader);
        if read.and_then(|()| reader.end()).is_ok() {
            return Ok(());
        }
        let kept: IndexMap<String, Box<RawValue>> = self.lock()?.read()?;
        kept.iter().for_each(|(name, entry)| each(name, entry));
        Ok(())
    }

    /// Reads the file; `None` if it is missing.
    pub fn read_present<T: DeserializeOwned + Default>(&self) -> Result<Option<T>, Error> {
        match parse(&self.path)? {
            Parsed::Good(value) => Ok(Some(value)),
            Parsed::Missing => Ok(None),
            Parsed::Broken(_) => self.lock()?.read().map(Some),
        }
    }

    /// Reads, changes and replaces the file as one step that no other process can come between.
    pub fn update<T, R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, Error>
    where
        T: DeserializeOwned + Serialize + Default,
    {
        let locked = self.lock()?;
        let mut value = locked.read()?;
        let result = change(&mut value);
        locked.replace(&value)?;
        Ok(result)
    }

    /// Keeps a copy of the present version beside it, under a dated name.
    pub fn keep_copy(&self, word: &str) -> Result<(), Error> {
        let locked = self.lock()?;
        let copy = self.sibling(&format!("{word}-{}", Timestamp::now().for_file_name()));
        // Its owner's alone, whatever the original was.
        let kept = fs::read(&self.path).and_then(|bytes| {
            let mut file = private(OpenOptions::new().create_new(true).write(true)).open(&copy)?;
            file.write_all(&bytes)?;
            file.sync_all()
        });
        drop(locked);
        kept.map_err(|error| Error::storage(&copy, "write", &error))
    }

    /// Changes and replaces the document as one step, as [`Self::update`] does. The change gets what stands
    /// there, or `None` if that is still the version `known`. Gives what stands there now, and its version.
    pub fn update_from<T>(
        &self,
        known: Option<Version>,
        change: impl FnOnce(Option<T>) -> T,
    ) -> Result<(T, Option<Version>), Error>
    where
        T: DeserializeOwned + Serialize + Default,
    {
        let locked = self.lock()?;
        let theirs = if self.version() == known {
            None
        } else {
            Some(locked.read()?)
        };
        let value = change(theirs);
        let version = locked.replace(&value)?;
        Ok((value, version))
    }

    fn lock(&self) -> Result<Locked<'_>, Error> {
        let path = self.sibling("lock");
        let lock =
            lock_exclusively(&path).map_err(|error| Error::storage(&path, "lock", &error))?;
        Ok(Locked {
            file: self,
            _lock: lock,
        })
    }

    fn sibling(&self, extension: &str) -> PathBuf {
        sibling(&self.path, extension)
    }
}

/// Gives the entries of an object to a function.
struct EachEntry<'f>(&'f mut dyn FnMut(&str, &RawValue));

impl<'de> DeserializeSeed<'de> for EachEntry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EachEntry<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some((name, entry)) = entries.next_entry::<String, Box<RawValue>>()? {
            (self.0)(&name, &entry);
        }
        Ok(())
    }
}

/// The bytes of a file; `None` if it is missing.
fn bytes(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::storage(path, "read", &error)),
    }
}

/// The bytes without the byte order mark that some editors write before UTF-8.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn parse<T: DeserializeOwned + Default>(path: &Path) -> Result<Parsed<T>, Error> {
    let Some(bytes) = bytes(path)? else {
        return Ok(Parsed::Missing);
    };
    let bytes = without_mark(&bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        // Nobody writes such a one: what was in it is lost.
        return Ok(Parsed::Broken("it is empty".to_owned()));
    }
    Ok(match serde_json::from_slice(bytes) {
        Ok(value) => Parsed::Good(value),
        Err(error) => Parsed::Broken(error.to_string()),
    })
}

enum Parsed<T> {
    Good(T),
    Missing,
    Broken(String),
}

impl Locked<'_> {
    /// Reads the file, while nobody can change it. A broken one is set aside.
    fn read<T: DeserializeOwned + Default>(&self) -> Result<T, Error> {
        let file = self.file;
        let problem = match parse(&file.path)? {
            Parsed::Good(value) => return Ok(value),
            Parsed::Missing => return Ok(T::default()),
            Parsed::Broken(problem) => problem,
        };
        if file.keeps_broken {
            let error = io::Error::new(io::ErrorKind::InvalidData, problem);
            return Err(Error::storage(&file.path, "read", &error));
        }
        let aside = file.sibling(&format!("{SET_ASIDE}{}", Timestamp::now().for_file_name()));
        fs::rename(&file.path, &aside)
            .map_err(|error| Error::storage(&file.path, "set aside", &error))?;
        let rescued = match &file.backup {
            Some(backup) => match parse(backup)? {
                Parsed::Good(value) => {
                    // In its place again, or the next reader would find nothing there.
                    fs::read(backup)
                        .and_then(|bytes| write_durably(&file.path, &bytes))
                        .map_err(|error| Error::storage(&file.path, "restore", &error))?;
                    Some(value)
                }
                _ => None,
            },
            None => None,
        };
        let notice = format!(
            "`{}` does not parse ({problem}); it was set aside as `{}` and {}",
            file.path.display(),
            aside.display(),
            if rescued.is_some() {
                "its backup is used"
            } else {
                "a new one is begun"
            },
        );
        tracing::error!("{notice}");
        file.notices.add(notice);
        Ok(rescued.unwrap_or_default())
    }

    /// Replaces the file durably, keeping the previous version as the backup where there is one.
    fn replace<T: Serialize>(&self, value: &T) -> Result<Option<Version>, Error> {
        let file = self.file;
        let write = || -> io::Result<()> {
            let mut bytes = serde_json::to_vec_pretty(value)?;
            bytes.push(b'\n');
            if let Some(backup) = &file.backup {
                keep_backup(&file.path, backup)?;
            }
            write_durably(&file.path, &bytes)
        };
        write().map_err(|error| Error::storage(&file.path, "write", &error))?;
        Ok(file.version())
    }
}

/// Gives the present version a second name, so that there is no moment without the first.
fn keep_backup(path: &Path, backup: &Path) -> io::Result<()> {
    let link = backup.with_extension("link");
    let _ = fs::remove_file(&link);
    match fs::hard_link(path, &link) {
        Ok(()) => fs::rename(&link, backup),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A file system without hard links.
        Err(_) => fs::copy(path, backup).map(|_| ()),
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.ino()
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::DataDirectory;
    use super::*;

    type Numbers = BTreeMap<String, u32>;

    fn file(directory: &tempfile::TempDir) -> Document {
        let directory = DataDirectory::open(directory.path()).unwrap();
        directory
            .document("numbers.json")
            .with_backup("numbers.backup.json")
    }

    #[test]
    fn concurrent_changes_all_stay() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(&directory);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let file = &file;
                scope.spawn(move || {
                    for number in 0..25 {
                        let key = format!("{writer}-{number}");
                        file.update(|numbers: &mut Numbers| numbers.insert(key, number))
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(file.read::<Numbers>().unwrap().len(), 100);
    }

    #[test]
    fn a_broken_file_is_set_aside_and_the_backup_used() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(&directory);
        for number in 0..2 {
            file.update(|numbers: &mut Numbers| numbers.insert(number.to_string(), number))
                .unwrap();
        }
        fs::write(file.path(), "{\"0\": ").unwrap();
        for _ in 0..2 {
            let read: Numbers = file.read().unwrap();
            assert_eq!(read, Numbers::from([("0".to_owned(), 0)]));
        }
        let aside = fs::read_dir(directory.path())
            .unwrap()
            .filter_map(Result::ok)
            .find(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with("numbers.json.broken-")
            })
            .expect("the broken file is kept");
        assert_eq!(fs::read_to_string(aside.path()).unwrap(), "{\"0\": ");
    }

    #[test]
    fn a_broken_file_without_backup_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDirectory::open(directory.path()).unwrap();
        let file = data.document("numbers.json");
        fs::write(file.path(), "[]").unwrap();
        assert!(file.read::<Numbers>().unwrap().is_empty());
        assert!(!file.path().exists());
        let notices = data.take_notices();
        assert!(
            notices.len() == 1 && notices[0].contains("set aside"),
            "{notices:?}"
        );
        assert!(data.take_notices().is_empty());
        assert_eq!(data.set_aside().len(), 1);
    }

    #[test]
    fn a_change_is_seen_in_the_signature() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(&directory);
        let before = file.version();
        file.update(|numbers: &mut Numbers| numbers.insert("a".into(), 1))
            .unwrap();
        let between = file.version();
        file.update(|numbers: &mut Numbers| numbers.insert("a".into(), 2))
            .unwrap();
        assert_eq!(before, None);
        assert_ne!(between, file.version());
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let file = file(&directory);
        file.update(|numbers: &mut Numbers| numbers.insert("a".into(), 1))
            .unwrap();
        for entry in fs::read_dir(directory.path()).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
