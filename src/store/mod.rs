//! The data files: JSON, replaced atomically, shared by several processes.

mod alias;
pub mod apis;
mod blobs;
mod cached;
mod catalogue;
mod directory;
mod document;
mod flags;
mod kept;
mod log;
mod notices;
mod process_lock;
pub mod servers;
mod spool;
mod text_document;
mod write_once;

pub use alias::check_alias;
pub use blobs::{Blob, Blobs};
pub use cached::Cached;
pub use catalogue::{Catalogue, Entry};
pub use directory::DataDirectory;
pub use document::{Document, Version};
pub use flags::{Flag, Flags};
pub use kept::Kept;
#[cfg(test)]
pub use log::ANCHOR_SIZE;
pub use log::{Log, LogPart, LogWriter};
pub use process_lock::ProcessLock;
pub use spool::Spool;
pub use text_document::TextDocument;
pub use write_once::WriteOnce;
