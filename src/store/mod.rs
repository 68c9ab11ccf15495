//! The data files: JSON, replaced atomically, shared by several processes.

mod file;
mod owner;
pub mod servers;

use std::path::Path;

pub(crate) use file::private;
pub use file::{JsonFile, Signature};
pub use owner::Owner;

use crate::error::Error;

/// Makes the data directory, readable by its owner alone.
pub fn prepare_directory(path: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Storage {
        path: path.to_owned(),
        action: "create",
        reason: error.to_string(),
    };
    std::fs::create_dir_all(path).map_err(failed)?;
    restrict_directory(path).map_err(failed)
}

#[cfg(unix)]
fn restrict_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

// Elsewhere a user's profile directory is private by its inherited access list.
#[cfg(not(unix))]
fn restrict_directory(_: &Path) -> std::io::Result<()> {
    Ok(())
}
