//! The data directory, which several processes share: documents, logs, streams, and locks that show which
//! process lives.
//!
//! Nothing above this module knows of files or locks.
//!
//! | module | what it holds |
//! |---|---|
//! | `directory`, `notices` | the data directory; problems in it, each reported to the user once |
//! | `document`, `text_document` | documents that are changed atomically |
//! | `cached`, `version_watch` | values parsed from them; waiting for their changes |
//! | `catalogue`, [`servers`], [`apis`], `alias` | configured servers and APIs, by their aliases |
//! | `named_secret` | the secrets of their entries, by name |
//! | `log`, `kept_open` | lines that are only added; files that stay open between two of them |
//! | `backups`, `temporary_files` | old contents, kept until the new ones are whole; files that exist only for a moment |
//! | `versions` | old contents, kept encrypted for a while |
//! | `blobs`, `spool`, `kept` | streams of bytes: all of them, one, and one of which only both ends are kept |
//! | `overflow` | bytes that wait on the disk for somebody who takes them slowly |
//! | `found_facts` | facts that are found out again where they are lost |
//! | `write_once`, `flags` | files that are created once and never changed; names by which processes signal each other |
//! | `process_lock`, `turn` | proof that a process lives; work that one of them does at a time |

mod alias;
pub mod apis;
mod backups;
mod blobs;
mod cached;
mod catalogue;
mod directory;
mod document;
mod flags;
mod found_facts;
mod kept;
mod kept_open;
mod log;
mod named_secret;
mod notices;
mod overflow;
mod process_lock;
pub mod servers;
mod spool;
mod temporary_files;
mod text_document;
mod turn;
mod version_watch;
mod versions;
mod write_once;

pub use alias::{check_alias, check_notes, tags};
pub use backups::{Backup, BackupContent, Backups, NewBackup};
pub use blobs::{Blob, Blobs};
pub use cached::Cached;
pub use catalogue::{Catalogue, CatalogueEntry, CatalogueView};
pub use directory::DataDirectory;
pub use document::{Document, Version};
pub use flags::{Flag, Flags};
pub use found_facts::FoundFacts;
pub use kept::Kept;
#[cfg(test)]
pub use log::ANCHOR_SIZE;
pub use log::{Log, LogPart, LogWriter};
pub use named_secret::{SecretName, StoredSecrets};
pub(crate) use overflow::Overflow;
pub use process_lock::ProcessLock;
pub use spool::Spool;
pub use temporary_files::{TemporaryFile, TemporaryFiles};
pub use text_document::TextDocument;
pub use turn::Turn;
pub use version_watch::VersionWatch;
pub use versions::{ContentPlace, MOST_VERSION_BYTES, NewVersion, Versions};
pub use write_once::WriteOnce;
