//! Atomic replacement of a file: a reader sees the old one or the new one.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::private;

/// Replaces a file durably. The new one has the permissions and, if possible, the owner of `like`.
/// Without `like`, only its owner may access it.
pub(crate) fn replace_file(path: &Path, bytes: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let new = NamedTempFile::new_in(directory_of(path))?;
    if let Some(like) = like {
        take_after(new.as_file(), like)?;
    }
    put_in_place(new, path, bytes)
}

/// Replaces a file durably whose lock this process holds. The new one is written under a name that is
/// always the same, so that the next process overwrites a leftover of a killed one.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = sibling(path, "new");
    let file = private(OpenOptions::new().create(true).truncate(true).write(true)).open(&new)?;
    put_in_place(
        NamedTempFile::from_parts(file, TempPath::try_from_path(new)?),
        path,
        bytes,
    )
}

/// Creates a file durably that only its owner may access. An existing file stays, with an error of the
/// kind [`io::ErrorKind::AlreadyExists`].
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = directory_of(path);
    let mut new = NamedTempFile::new_in(directory)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// Writes the new file and renames it. On failure it is removed: it would fill a full disk further.
fn put_in_place(mut new: NamedTempFile, path: &Path, bytes: &[u8]) -> io::Result<()> {
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    sync_directory(directory_of(path))
}

/// Returns the path with a dot and `extension` after the whole file name.
pub(crate) fn sibling(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    path.with_file_name(name)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory != "" => directory,
        _ => Path::new("."),
    }
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
