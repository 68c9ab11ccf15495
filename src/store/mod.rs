//! The data directory, which several processes share: documents, logs, streams and proof of life.
//!
//! Nothing above this module knows of files or locks.
//!
//! | module | what it holds |
//! |---|---|
//! | `directory`, `notices` | the data directory; problems that are reported to the user once |
//! | `document`, `text_document`, `cached` | documents that are changed atomically; values made of them |
//! | `catalogue`, [`servers`], [`apis`], `alias` | configured servers and APIs, by their aliases |
//! | `log`, `kept_open` | lines that are only added; files that stay open between two of them |
//! | `backups`, `temporary_files` | contents that are kept until new ones are whole, or for moments |
//! | `blobs`, `spool`, `kept` | streams of any length; those longer than their limit |
//! | `write_once`, `flags` | bytes that are created once; names that processes show each other |
//! | `process_lock` | proof that a process lives |

mod alias;
pub mod apis;
mod backups;
mod blobs;
mod cached;
mod catalogue;
mod directory;
mod document;
mod flags;
mod kept;
mod kept_open;
mod log;
mod notices;
mod process_lock;
pub mod servers;
mod spool;
mod temporary_files;
mod text_document;
mod write_once;

pub use alias::check_alias;
pub use backups::{Backup, BackupContent, Backups, NewBackup};
pub use blobs::{Blob, Blobs};
pub use cached::Cached;
pub use catalogue::{Catalogue, CatalogueEntry};
pub use directory::DataDirectory;
pub use document::{Document, Version};
pub use flags::{Flag, Flags};
pub use kept::Kept;
#[cfg(test)]
pub use log::ANCHOR_SIZE;
pub use log::{Log, LogPart, LogWriter};
pub use process_lock::ProcessLock;
pub use spool::Spool;
pub use temporary_files::TemporaryFiles;
pub use text_document::TextDocument;
pub use write_once::WriteOnce;
