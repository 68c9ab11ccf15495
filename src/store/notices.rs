//! What is found to be wrong with the data, and told to a user once.

use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// What the name of a file that was set aside has in it.
pub(super) const SET_ASIDE: &str = "broken-";

/// What a user has to be told of the data files, until an answer has taken it along.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices(Arc<Mutex<Vec<String>>>);

impl Notices {
    pub(super) fn add(&self, notice: String) {
        lock(&self.0).push(notice);
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}
