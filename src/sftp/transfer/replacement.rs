//! The wishes of a caller who replaces one file that it knows.

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
    /// True if the path is the server's own: nothing in it is expanded, or taken for a mistake.
    pub is_exact: bool,
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
