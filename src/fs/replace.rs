//! One file replaced as a whole, where no other process of ours changes it meanwhile.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::Path;

/// Puts a file with these bytes in the place of `path`, durably; whoever reads it sees the old one or
/// the new one. It has the rights and, if it can be, the owner of `like`; else it is its owner's alone.
pub(crate) fn replace_file(path: &Path, bytes: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(bytes)?;
    if let Some(like) = like {
        take_after(new.as_file(), like)?;
    }
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

#[cfg(unix)]
fn take_after(file: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    let mut rights = like.permissions();
    if fchown(file, Some(like.uid()), Some(like.gid())).is_err() {
        // Its group would be another one.
        rights.set_mode(rights.mode() & !0o070);
    }
    file.set_permissions(rights)
}

#[cfg(not(unix))]
fn take_after(file: &File, like: &Metadata) -> io::Result<()> {
    file.set_permissions(like.permissions())
}

#[cfg(unix)]
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
