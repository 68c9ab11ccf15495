//! A map of aliases to what was configured under them, kept in one file.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{DataDirectory, JsonFile, Signature};
use crate::error::Error;
use crate::sync::lock;

/// What a catalogue holds. It serialises to an object; a field that is `null` is not written.
pub trait Entry: Serialize + DeserializeOwned {
    /// The file's name in the data directory.
    const FILE: &'static str;
    /// What an entry is called.
    const NOUN: &'static str;

    /// The error that there is none under this alias.
    fn unknown(alias: &str) -> Error;
}

/// The file's shape. Entries stay as they are read, so that unknown fields outlive a change.
type Entries = Map<String, Value>;

/// The entries of one data directory, re-read when another process changes them.
#[derive(Debug)]
pub struct Catalogue<E> {
    file: JsonFile,
    cache: Mutex<Option<(Option<Signature>, Arc<Entries>)>>,
    entry: PhantomData<fn() -> E>,
}

impl<E: Entry> Catalogue<E> {
    /// The catalogue of a data directory.
    pub fn open(data: &DataDirectory) -> Self {
        Self {
            file: data.file(E::FILE),
            cache: Mutex::new(None),
            entry: PhantomData,
        }
    }

    /// What is configured as `alias`.
    pub fn get(&self, alias: &str) -> Result<E, Error> {
        let entries = self.entries()?;
        let entry = entries.get(alias).ok_or_else(|| E::unknown(alias))?;
        E::deserialize(entry).map_err(|error| self.unreadable(alias, &error))
    }

    /// Every entry that can be read, by alias, in the order in which they were added.
    pub fn list(&self) -> Result<Vec<(String, E)>, Error> {
        let mut listed = Vec::new();
        for (alias, entry) in self.entries()?.iter() {
            match E::deserialize(entry) {
                Ok(entry) => listed.push((alias.clone(), entry)),
                Err(error) => tracing::warn!("{}", self.unreadable(alias, &error)),
            }
        }
        Ok(listed)
    }

    /// Adds or updates an entry; fields that this version does not know are kept. Says whether it was new.
    pub fn put(&self, alias: &str, entry: &E) -> Result<bool, Error> {
        let Ok(Value::Object(new)) = serde_json::to_value(entry) else {
            return Err(Error::Internal {
                reason: format!("a {} is always an object", E::NOUN),
            });
        };
        self.file.update(|entries: &mut Entries| {
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

    /// Removes an entry.
    pub fn remove(&self, alias: &str) -> Result<(), Error> {
        let removed = self
            .file
            .update(|entries: &mut Entries| entries.shift_remove(alias))?;
        removed.map(|_| ()).ok_or_else(|| E::unknown(alias))
    }

    fn entries(&self) -> Result<Arc<Entries>, Error> {
        let signature = self.file.signature();
        let mut cache = lock(&self.cache);
        match &*cache {
            Some((cached, entries)) if *cached == signature => Ok(Arc::clone(entries)),
            _ => {
                // The signature is older than what is read: at worst the file is read once more.
                let entries = Arc::new(self.file.read::<Entries>()?);
                *cache = Some((signature, Arc::clone(&entries)));
                Ok(entries)
            }
        }
    }

    fn unreadable(&self, alias: &str, error: &serde_json::Error) -> Error {
        Error::Storage {
            path: self.file.path().to_owned(),
            action: "read",
            reason: format!("the entry `{alias}` is not a {}: {error}", E::NOUN),
        }
    }
}
