//! The data files: JSON, replaced atomically, shared by several processes.

mod alias;
pub mod apis;
mod cached;
mod catalogue;
mod directory;
mod file;
mod kept;
mod owner;
pub mod servers;
mod spool;

pub use alias::check_alias;
pub use cached::Cached;
pub use catalogue::{Catalogue, Entry};
pub use directory::DataDirectory;
pub use file::{JsonFile, Signature};
pub use kept::{Kept, is_beside, remove};
pub use owner::Owner;
pub use spool::Spool;
