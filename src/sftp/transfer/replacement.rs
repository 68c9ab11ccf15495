//! The wishes of a caller who replaces files that it knows.

use std::collections::HashMap;

/// The file that may be replaced, and attributes of the new one. By default, any, with those of the old one.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplaceOptions<'a> {
    /// The content that the file has to have just before it is replaced.
    pub expected: Option<&'a ExpectedContent>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// User and group, by their numbers.
    pub owner: Option<(u32, u32)>,
    /// Modification time in seconds since 1970.
    pub modified: Option<u32>,
}

/// The wishes on the files of a transfer.
#[derive(Clone, Debug, Default)]
pub struct Replacements<'a> {
    /// By the source of each file; those that are missing have none.
    pub by_source: HashMap<String, ReplaceOptions<'a>>,
    /// True if the targets are the server's own paths: nothing in them is expanded, or taken for a mistake.
    pub is_exact: bool,
}

impl<'a> Replacements<'a> {
    /// The wishes on the file with that source.
    pub(crate) fn of(&self, source: impl FnOnce() -> String) -> ReplaceOptions<'a> {
        if self.by_source.is_empty() {
            return ReplaceOptions::default();
        }
        self.by_source.get(&source()).copied().unwrap_or_default()
    }
}

/// The content that a file is expected to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedContent {
    /// There is no file.
    Absent,
    /// A file with this content.
    File {
        /// Its length in bytes.
        size: u64,
        /// Its SHA-256, in hexadecimal digits.
        sha256: String,
    },
}
