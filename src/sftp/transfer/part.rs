//! Part files: hidden files beside their targets, renamed once they are whole.

use crate::sftp::filesystem::metadata::Metadata;

/// A part file and what it becomes.
#[derive(Clone, Debug)]
pub(crate) struct PartFile<P> {
    /// The path written to: the target itself where that is written in place.
    pub(crate) path: P,
    /// The path that it gets once it is whole.
    pub(crate) target: P,
    /// The file to be replaced.
    pub(crate) old: Option<Metadata>,
    pub(crate) mode: Option<u32>,
    pub(crate) modified: Option<u32>,
    /// True if the server does not say if there is one.
    pub(crate) is_unknown: bool,
    /// True if the target is written in place.
    pub(crate) in_place: bool,
}

impl<P: Clone> PartFile<P> {
    /// Makes it a target that is written in place.
    pub(crate) fn in_place(self) -> Self {
        Self {
            path: self.target.clone(),
            in_place: true,
            ..self
        }
    }

    /// Returns whether a copy has owner and mode of the file that it replaces. An attribute that the old
    /// file did not report counts as kept.
    pub(crate) fn is_like_old(&self, copy: &Metadata) -> bool {
        let Some(old) = &self.old else { return true };
        let owners = old.owner.zip(copy.owner);
        let modes = old.mode.zip(copy.mode);
        owners.is_none_or(|(old, new)| old == new) && modes.is_none_or(|(old, new)| old == new)
    }
}
