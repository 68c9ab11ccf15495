//! The embedded server's files: SFTP onto the local file system (draft-ietf-secsh-filexfer-02).

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use russh_sftp::extensions::HardlinkExtension;
use russh_sftp::protocol::{
    Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Packet, Status, StatusCode, Version,
};
use russh_sftp::server::{Handler, StatusReply};

use super::permit::SessionPermit;
use crate::sftp::ok_status;

const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// The longest read that it answers, so that an answer fits a packet.
const LONGEST_READ: u32 = 255 * 1024;

/// The most names in an answer, so that it fits a packet.
const NAMES_AT_ONCE: usize = 100;

/// One SFTP session.
pub struct SftpHandler {
    home: PathBuf,
    open: HashMap<String, Open>,
    next: u64,
    _permit: SessionPermit,
}

enum Open {
    File(fs::File),
    /// A directory's entries that are not read yet.
    Directory(Vec<File>),
}

impl SftpHandler {
    /// Begins a session whose relative paths start at `home`.
    pub fn new(home: &Path, permit: SessionPermit) -> Self {
        Self {
            home: home.to_owned(),
            open: HashMap::new(),
            next: 0,
            _permit: permit,
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.join(path)
    }

    fn keep(&mut self, id: u32, open: Open) -> Handle {
        self.next += 1;
        let handle = self.next.to_string();
        self.open.insert(handle.clone(), open);
        Handle { id, handle }
    }

    fn file(&mut self, handle: &str) -> Result<&mut fs::File, StatusReply> {
        match self.open.get_mut(handle) {
            Some(Open::File(file)) => Ok(file),
            _ => Err(StatusCode::Failure.with_message("not an open file")),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn refused(error: io::Error) -> StatusReply {
    let code = match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        _ => StatusCode::Failure,
    };
    code.with_message(error.to_string())
}

fn attributes(id: u32, metadata: &fs::Metadata) -> Attrs {
    let attrs = attributes_of(metadata);
    Attrs { id, attrs }
}

/// The attributes of a file. The crate's own conversion makes links of devices: it sets the bits of a regular file
/// besides theirs.
fn attributes_of(metadata: &fs::Metadata) -> FileAttributes {
    #[cfg_attr(
        not(unix),
        expect(unused_mut, reason = "the mode is known on Unix alone")
    )]
    let mut attributes = FileAttributes::from(metadata);
    #[cfg(unix)]
    {
        attributes.permissions = Some(std::os::unix::fs::MetadataExt::mode(metadata));
    }
    attributes
}

#[cfg(unix)]
fn set_mode(path: &Path, attributes: &FileAttributes) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match attributes.permissions {
        Some(mode) => fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777)),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn set_open_mode(file: &fs::File, attributes: &FileAttributes) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match attributes.permissions {
        Some(mode) => file.set_permissions(fs::Permissions::from_mode(mode & 0o7777)),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: &FileAttributes) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn set_open_mode(_: &fs::File, _: &FileAttributes) -> io::Result<()> {
    Ok(())
}

impl Handler for SftpHandler {
    type Error = StatusReply;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported.into()
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Result<Version, Self::Error> {
        let mut version = Version::new();
        version
            .extensions
            .insert(POSIX_RENAME.to_owned(), "1".to_owned());
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        pflags: OpenFlags,
        attrs: FileAttributes,
    ) -> Result<Handle, Self::Error> {
        let mut options = fs::OpenOptions::from(pflags);
        #[cfg(unix)]
        if let Some(mode) = attrs.permissions {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode & 0o7777);
        }
        let file = options.open(self.path(&filename)).map_err(refused)?;
        Ok(self.keep(id, Open::File(file)))
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, Self::Error> {
        match self.open.remove(&handle) {
            Some(_) => Ok(ok_status(id)),
            None => Err(StatusCode::Failure.with_message("not an open handle")),
        }
    }

    async fn read(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        len: u32,
    ) -> Result<Data, Self::Error> {
        let file = self.file(&handle)?;
        file.seek(SeekFrom::Start(offset)).map_err(refused)?;
        let mut data = Vec::new();
        file.take(len.min(LONGEST_READ).into())
            .read_to_end(&mut data)
            .map_err(refused)?;
        if data.is_empty() {
            Err(StatusCode::Eof.into())
        } else {
            Ok(Data { id, data })
        }
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Status, Self::Error> {
        let file = self.file(&handle)?;
        file.seek(SeekFrom::Start(offset)).map_err(refused)?;
        file.write_all(&data).map_err(refused)?;
        Ok(ok_status(id))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        Ok(attributes(
            id,
            &fs::symlink_metadata(self.path(&path)).map_err(refused)?,
        ))
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        Ok(attributes(
            id,
            &fs::metadata(self.path(&path)).map_err(refused)?,
        ))
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, Self::Error> {
        Ok(attributes(
            id,
            &self.file(&handle)?.metadata().map_err(refused)?,
        ))
    }

    async fn setstat(
        &mut self,
        id: u32,
        path: String,
        attrs: FileAttributes,
    ) -> Result<Status, Self::Error> {
        set_mode(&self.path(&path), &attrs).map_err(refused)?;
        Ok(ok_status(id))
    }

    async fn fsetstat(
        &mut self,
        id: u32,
        handle: String,
        attrs: FileAttributes,
    ) -> Result<Status, Self::Error> {
        set_open_mode(self.file(&handle)?, &attrs).map_err(refused)?;
        Ok(ok_status(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Self::Error> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.path(&path)).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let metadata = entry.metadata().map_err(refused)?;
            entries.push(File::new(
                entry.file_name().to_string_lossy(),
                attributes_of(&metadata),
            ));
        }
        Ok(self.keep(id, Open::Directory(entries)))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, Self::Error> {
        match self.open.get_mut(&handle) {
            Some(Open::Directory(entries)) if entries.is_empty() => Err(StatusCode::Eof.into()),
            Some(Open::Directory(entries)) => {
                let rest = entries.split_off(entries.len().min(NAMES_AT_ONCE));
                let files = std::mem::replace(entries, rest);
                Ok(Name { id, files })
            }
            _ => Err(StatusCode::Failure.with_message("not an open directory")),
        }
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, Self::Error> {
        fs::remove_file(self.path(&filename)).map_err(refused)?;
        Ok(ok_status(id))
    }

    async fn mkdir(
        &mut self,
        id: u32,
        path: String,
        _: FileAttributes,
    ) -> Result<Status, Self::Error> {
        fs::create_dir(self.path(&path)).map_err(refused)?;
        Ok(ok_status(id))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Result<Status, Self::Error> {
        fs::remove_dir(self.path(&path)).map_err(refused)?;
        Ok(ok_status(id))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, Self::Error> {
        let path = fs::canonicalize(self.path(&path)).map_err(refused)?;
        Ok(Name {
            id,
            files: vec![File::dummy(path.to_string_lossy())],
        })
    }

    async fn rename(
        &mut self,
        id: u32,
        oldpath: String,
        newpath: String,
    ) -> Result<Status, Self::Error> {
        let to = self.path(&newpath);
        if to.exists() {
            return Err(StatusCode::Failure.with_message("the new name exists"));
        }
        fs::rename(self.path(&oldpath), to).map_err(refused)?;
        Ok(ok_status(id))
    }

    async fn extended(
        &mut self,
        id: u32,
        request: String,
        data: Vec<u8>,
    ) -> Result<Packet, Self::Error> {
        if request != POSIX_RENAME {
            return Err(self.unimplemented());
        }
        let mut data = data.into();
        let paths: HardlinkExtension =
            russh_sftp::de::from_bytes(&mut data).map_err(|_| StatusCode::BadMessage)?;
        fs::rename(self.path(&paths.oldpath), self.path(&paths.newpath)).map_err(refused)?;
        Ok(ok_status(id).into())
    }
}
