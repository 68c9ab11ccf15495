//! One file replaced as a whole, where no other process of ours changes it meanwhile.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::Path;

/// Puts a file with these bytes in the place of `path`, durably; whoever reads it sees the old one or
/// the new one. It has the rights and, if it can be, the owner of `like`; else it is its owner's alone.
pub fn replace_file(path: &Path, bytes: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(bytes)?;
    if let Some(like) = like {
        give_to_owner(new.as_file(), like);
        new.as_file().set_permissions(like.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// Only root can, and only root needs to.
#[cfg(unix)]
fn give_to_owner(file: &File, like: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let _ = fchown(file, Some(like.uid()), Some(like.gid()));
}

#[cfg(not(unix))]
fn give_to_owner(_: &File, _: &Metadata) {}

#[cfg(unix)]
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
