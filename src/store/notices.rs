//! Problems with the data, reported to the user once.

use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// Part of the name of a file that was set aside.
pub(super) const SET_ASIDE: &str = "broken-";

/// Problems with the data files that the user has not been told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct DataNotices(Arc<Mutex<Vec<String>>>);

impl DataNotices {
    pub(super) fn add(&self, notice: String) {
        lock(&self.0).push(notice);
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}
