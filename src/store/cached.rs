//! What was made of a file, for as long as the file stays the same.

use std::sync::{Arc, Mutex};

use super::{JsonFile, Signature};
use crate::error::Error;
use crate::sync::lock;

/// A value made of a [`JsonFile`], made again when another process has changed the file.
#[derive(Debug)]
pub struct Cached<T>(Mutex<Option<(Option<Signature>, Arc<T>)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Cached<T> {
    /// The value of the file's present version, by `make` if it is not at hand.
    pub fn of(
        &self,
        file: &JsonFile,
        make: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        let signature = file.signature();
        let mut cached = lock(&self.0);
        match &*cached {
            Some((known, value)) if *known == signature => Ok(Arc::clone(value)),
            _ => {
                // The signature is older than what is read: at worst the file is read once more.
                let value = Arc::new(make()?);
                *cached = Some((signature, Arc::clone(&value)));
                Ok(value)
            }
        }
    }
}
