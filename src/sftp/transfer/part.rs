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
    /// The owner that it is to have; a new one belongs to whoever creates it.
    pub(crate) owner: Option<(u32, u32)>,
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

    /// Returns whether a copy has the owner and mode that it is to have. An attribute that nobody reports
    /// counts as right.
    pub(crate) fn is_as_intended(&self, copy: &Metadata) -> bool {
        let owners = self.owner.zip(copy.owner);
        let modes = self.mode.zip(copy.mode);
        owners.is_none_or(|(wanted, has)| wanted == has)
            && modes.is_none_or(|(wanted, has)| wanted == has)
    }
}
