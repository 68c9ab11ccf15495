//! A value made of a document, for as long as the document stays the same.

use std::sync::{Arc, Mutex};

use super::{Document, Version};
use crate::error::Error;
use crate::sync::lock;

/// A value made of a [`Document`], and made anew once another process has changed the document.
#[derive(Debug)]
pub struct Cached<T>(Mutex<Option<(Option<Version>, Arc<T>)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Cached<T> {
    /// The value of the document's present version; `make` makes it if it is not cached.
    pub fn of(
        &self,
        document: &Document,
        make: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        let version = document.version();
        let mut cached = lock(&self.0);
        match &*cached {
            Some((known, value)) if *known == version => Ok(Arc::clone(value)),
            _ => {
                // The version is older than what is read: at worst the document is read once more.
                let value = Arc::new(make()?);
                *cached = Some((version, Arc::clone(&value)));
                Ok(value)
            }
        }
    }
}
