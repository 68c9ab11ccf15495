//! SFTP: files and trees, both ways (draft-ietf-secsh-filexfer-02).

mod copy;
mod path;
mod pattern;
mod session;
pub mod transfer;
mod walk;

pub use path::RemotePath;
