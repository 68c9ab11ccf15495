//! Directories that are seen in a second place.

/// A directory that is seen in a second place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mount {
    pub(super) at: String,
    pub(super) of: String,
    /// True if the second place is a symbolic link, so that removing it removes nothing else.
    pub(super) is_link: bool,
}
