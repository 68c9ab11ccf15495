//! A file of a server as it is at a moment.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::hex::digits;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::transfer::replacement::ExpectedContent;

/// A file as it is at a moment; `metadata` is `None` where there is none.
#[derive(Clone, Debug)]
pub struct FileSnapshot {
    /// Its path.
    pub path: String,
    /// Its metadata.
    pub metadata: Option<Metadata>,
    /// Its content; empty where there is no file.
    pub content: Bytes,
}

impl FileSnapshot {
    /// Returns whether there is a file.
    pub fn exists(&self) -> bool {
        self.metadata.is_some()
    }

    /// The SHA-256 of its content, in hexadecimal digits; `None` where there is no file.
    pub fn sha256(&self) -> Option<String> {
        self.exists().then(|| sha256(&self.content))
    }

    /// This content, as one that a file is expected to have.
    pub fn expected(&self) -> ExpectedContent {
        match self.sha256() {
            Some(sha256) => ExpectedContent::File {
                size: self.content.len() as u64,
                sha256,
            },
            None => ExpectedContent::Absent,
        }
    }
}

/// The SHA-256 of a content, in hexadecimal digits.
pub fn sha256(content: &[u8]) -> String {
    digits(&Sha256::digest(content))
}
