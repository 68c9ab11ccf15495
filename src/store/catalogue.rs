//! A map of aliases to what was configured under them, kept in one file.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Cached, DataDirectory, Document};
use crate::error::{Error, KnownAliases};
use crate::secret::{Secret, Vault, note_names, remember_of};

/// A kind of entry of a catalogue. It serialises to an object; a field that is `null` is not written.
pub trait CatalogueEntry: Clone + Serialize + DeserializeOwned {
    /// The file's name in the data directory.
    const FILE: &'static str;
    /// The noun for an entry, in messages.
    const NOUN: &'static str;

    /// The error that there is none under this alias.
    fn unknown(alias: &str, known: KnownAliases) -> Error;
    /// Its secrets, each as it stands in the file.
    fn secrets(&mut self) -> Vec<&mut Secret>;
    /// The user and the host that it names.
    fn names(&self) -> Vec<&str>;
    /// The alias of the server that holds its secrets, if it is one.
    fn holder(alias: &str) -> Option<&str>;
}

/// The file's shape. StoredEntries stay as they are read, so that unknown fields outlive a change.
type StoredEntries = Map<String, Value>;

/// The entries of one data directory, re-read when another process changes them.
#[derive(Debug)]
pub struct Catalogue<E> {
    document: Document,
    vault: Vault,
    cache: Cached<StoredEntries>,
    entry: PhantomData<fn() -> E>,
}

/// The entries as they stand at one look at the file.
pub struct CatalogueView<'c, E> {
    catalogue: &'c Catalogue<E>,
    entries: Arc<StoredEntries>,
}

impl<E: CatalogueEntry> Catalogue<E> {
    /// The catalogue of a data directory.
    pub fn open(data: &DataDirectory, vault: Vault) -> Self {
        Self {
            document: data.document(E::FILE),
            vault,
            cache: Cached::default(),
            entry: PhantomData,
        }
    }

    /// Looks at the file.
    pub fn view(&self) -> Result<CatalogueView<'_, E>, Error> {
        let entries = self.cache.of(&self.document, || {
            let entries: StoredEntries = self.document.read()?;
            note_names(self.document.path(), names::<E>(&entries));
            Ok(entries)
        })?;
        Ok(CatalogueView {
            catalogue: self,
            entries,
        })
    }

    /// The entry that is configured as `alias`.
    pub fn get(&self, alias: &str) -> Result<E, Error> {
        self.view()?.get(alias)
    }

    /// Returns whether there is an entry `alias`, readable or not.
    pub fn has(&self, alias: &str) -> Result<bool, Error> {
        Ok(self.view()?.has(alias))
    }

    /// Returns whether there is a file.
    pub fn is_there(&self) -> bool {
        self.document.version().is_some()
    }

    /// Refuses a name that a new entry may not have. An existing entry keeps its name.
    pub fn check_alias(&self, alias: &str) -> Result<(), Error> {
        if self.has(alias)? {
            return Ok(());
        }
        super::check_alias(alias)
    }

    /// Every entry that can be read, by alias, in the order in which they were added.
    pub fn list(&self) -> Result<Vec<(String, E)>, Error> {
        let mut listed = Vec::new();
        for (alias, entry) in self.view()?.iter() {
            match E::deserialize(entry) {
                Ok(entry) => listed.push((alias.clone(), entry)),
                Err(error) => tracing::warn!("{}", self.unreadable(alias, &error)),
            }
        }
        Ok(listed)
    }

    /// Problems of the entries that [`Catalogue::list`] leaves out, or of the file.
    pub fn unreadable_entries(&self) -> Vec<Error> {
        let view = match self.view() {
            Ok(view) => view,
            Err(error) => return vec![error],
        };
        let read = view.iter().map(|(alias, entry)| {
            E::deserialize(entry).map_err(|error| self.unreadable(alias, &error))
        });
        read.filter_map(Result::err).collect()
    }

    /// Adds or updates an entry, its secrets encrypted; fields that this version does not know are kept.
    /// Says whether it was new.
    pub fn put(&self, alias: &str, entry: &E) -> Result<bool, Error> {
        let mut clear = entry.clone();
        for secret in clear.secrets() {
            if Vault::is_clear(secret) {
                remember_of(E::holder(alias), secret.expose());
            }
        }
        let new = fields(&self.sealed(clear)?.0)?;
        self.document.update(|entries: &mut StoredEntries| {
            let added = !entries.contains_key(alias);
            let entry = entries.entry(alias).or_insert_with(|| Map::new().into());
            if !entry.is_object() {
                *entry = Map::new().into();
            }
            for (field, value) in new {
                entry[field] = value;
            }
            if let Some(fields) = entry.as_object_mut() {
                fields.retain(|_, value| !value.is_null());
            }
            added
        })
    }

    /// Encrypts every secret that stands in clear in the file, and says of how many entries. The old
    /// file is kept beside it if `keeps_old` says so.
    pub fn seal_clear(&self, keeps_old: bool) -> Result<usize, Error> {
        let has_clear = |entry: &Value| {
            let entry = E::deserialize(entry);
            entry.is_ok_and(|mut entry| {
                let secrets = entry.secrets();
                secrets.iter().any(|secret| Vault::is_clear(secret))
            })
        };
        if !self.view()?.iter().any(|(_, entry)| has_clear(entry)) {
            return Ok(0);
        }
        if keeps_old {
            self.document.keep_copy("clear")?;
        }
        self.document.update(|entries: &mut StoredEntries| {
            let mut changed = 0;
            for entry in entries.values_mut() {
                let Ok(read) = E::deserialize(&*entry) else {
                    continue;
                };
                let (sealed, count) = self.sealed(read)?;
                if count == 0 {
                    continue;
                }
                changed += 1;
                for (field, value) in fields(&sealed)? {
                    if !value.is_null() {
                        entry[field] = value;
                    }
                }
            }
            Ok(changed)
        })?
    }

    /// Decrypts every secret that is kept here, so that none of them is shown or recorded from now on.
    /// Blocks, also on the keyring.
    pub fn remember_secrets(&self) {
        for (alias, mut entry) in self.list().unwrap_or_default() {
            for secret in entry.secrets() {
                match self.vault.unseal(secret) {
                    Ok(text) if !Vault::is_reference(secret) => {
                        remember_of(E::holder(&alias), &text);
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!("{} `{alias}`: {error}", E::NOUN),
                }
            }
        }
    }

    /// The entry with its secrets encrypted, and how many of them were not.
    fn sealed(&self, mut entry: E) -> Result<(E, usize), Error> {
        let mut count = 0;
        for secret in entry.secrets() {
            if Vault::is_clear(secret) {
                *secret = self.vault.seal(secret)?;
                count += 1;
            }
        }
        Ok((entry, count))
    }

    /// Removes an entry.
    pub fn remove(&self, alias: &str) -> Result<(), Error> {
        let removed = self
            .document
            .update(|entries: &mut StoredEntries| entries.shift_remove(alias))?;
        match removed {
            Some(_) => Ok(()),
            None => self.get(alias).map(|_| ()),
        }
    }

    fn unreadable(&self, alias: &str, error: &serde_json::Error) -> Error {
        let reason = format!("the entry `{alias}` is not a {}: {error}", E::NOUN);
        self.document.failure("read", reason)
    }
}

impl<E: CatalogueEntry> CatalogueView<'_, E> {
    /// The entry that is configured as `alias`.
    pub fn get(&self, alias: &str) -> Result<E, Error> {
        let entry = self.entries.get(alias);
        let entry = entry.ok_or_else(|| self.unknown(alias))?;
        E::deserialize(entry).map_err(|error| self.catalogue.unreadable(alias, &error))
    }

    /// The error that there is no entry `alias`.
    pub fn unknown(&self, alias: &str) -> Error {
        E::unknown(alias, self.known_beside(alias))
    }

    /// The aliases that there are, beside one that is not among them.
    pub fn known_beside(&self, alias: &str) -> KnownAliases {
        KnownAliases::beside(alias, self.entries.keys())
    }

    /// Returns whether there is an entry `alias`, readable or not.
    pub fn has(&self, alias: &str) -> bool {
        self.entries.contains_key(alias)
    }

    /// The entries that can be read and are meant, by alias.
    pub fn matching(&self, is_meant: impl Fn(&E) -> bool) -> Vec<(String, E)> {
        let read = self.iter().filter_map(|(alias, entry)| {
            let entry = E::deserialize(entry).ok().filter(&is_meant)?;
            Some((alias.clone(), entry))
        });
        read.collect()
    }

    /// Every entry by alias, in the order in which they were added; `None` for one that cannot be read.
    pub fn all(&self) -> impl Iterator<Item = (&String, Option<E>)> {
        self.iter()
            .map(|(alias, entry)| (alias, E::deserialize(entry).ok()))
    }

    fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.entries.iter()
    }
}

/// Names that are shown everywhere, and therefore are no secrets.
fn names<E: CatalogueEntry>(entries: &StoredEntries) -> BTreeSet<String> {
    let mut names: BTreeSet<_> = entries.keys().cloned().collect();
    for entry in entries.values() {
        if let Ok(entry) = E::deserialize(entry) {
            let given = entry.names().into_iter().filter(|name| !name.is_empty());
            names.extend(given.map(ToOwned::to_owned));
        }
    }
    names
}

fn fields<E: CatalogueEntry>(entry: &E) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(entry) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Error::Internal {
            reason: format!("a {} is always an object", E::NOUN),
        }),
    }
}
