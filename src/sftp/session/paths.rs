//! Operations of a session on paths: metadata, links, directories, names.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::path::RemotePath;
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::files::FileHandle;
use crate::sftp::session::{SftpSession, unexpected_response};
use crate::sftp::wire::{
    Attributes, LONGEST_PATH, PacketType, RequestPacket, Response, protocol_error, string,
};

/// Extension that tells a user's home directory.
const EXPAND_PATH: &[u8] = b"expand-path@openssh.com";
/// Extension that tells the free space of a file system.
const STATVFS: &[u8] = b"statvfs@openssh.com";

/// Extension that tells the names of users and groups.
const OWNER_NAMES: &[u8] = b"users-groups-by-id@openssh.com";

/// Outstanding reads of a directory; each brings about a hundred names.
const READS_AHEAD: usize = 4;
/// Most answers in a row without a new name; some name only `.` and `..`.
const MOST_EMPTY: usize = 16;

impl SftpSession {
    fn send_path(&self, kind: PacketType, path: &RemotePath) -> PendingResponse {
        let bytes = path.as_bytes();
        self.client
            .send(RequestPacket::new(kind, bytes.len() + 4).put_string(bytes))
    }

    async fn attributes(&self, kind: PacketType, path: &RemotePath) -> Result<Option<Metadata>> {
        match self.response(self.send_path(kind, path)).await {
            Ok(Response::Attributes(attributes)) => Ok(Some(Metadata::from(&attributes))),
            Ok(_) => Err(unexpected_response()),
            Err(SftpError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Metadata of `path`, symbolic links followed; `None` if nothing is there.
    pub(crate) async fn stat(&self, path: &RemotePath) -> Result<Option<Metadata>> {
        self.attributes(PacketType::Stat, path).await
    }

    /// Metadata of `path` itself; a symbolic link is not followed.
    pub(crate) async fn lstat(&self, path: &RemotePath) -> Result<Option<Metadata>> {
        self.attributes(PacketType::Lstat, path).await
    }

    /// The canonical path.
    pub(crate) async fn real_path(&self, path: &RemotePath) -> Result<RemotePath> {
        self.request_name(PacketType::RealPath, path)
            .await
            .map(|name| RemotePath::of_bytes(&name))
    }

    /// The home directory of a user, where the server offers to say it.
    pub(crate) async fn home_of(&self, user: &str) -> Result<Option<RemotePath>> {
        if !self.offers(EXPAND_PATH) {
            return Ok(None);
        }
        let request = RequestPacket::new(PacketType::Extended, EXPAND_PATH.len() + user.len() + 9)
            .put_string(EXPAND_PATH)
            .put_string(format!("~{user}").as_bytes());
        match self.request(request).await? {
            Response::Names(names) => {
                let (name, _) = names.into_iter().next().ok_or_else(unexpected_response)?;
                Ok(Some(RemotePath::of_bytes(&name)))
            }
            _ => Err(unexpected_response()),
        }
    }

    /// The names of users and groups, in the order of their numbers, where the server offers to say them. One
    /// that is not known is empty.
    pub(crate) async fn owner_names(
        &self,
        users: &[u32],
        groups: &[u32],
    ) -> Result<Option<(Vec<String>, Vec<String>)>> {
        if !self.offers(OWNER_NAMES) {
            return Ok(None);
        }
        let [users, groups] = [users, groups].map(|numbers| {
            let bytes = numbers.iter().flat_map(|number| number.to_be_bytes());
            bytes.collect::<Vec<_>>()
        });
        let room = OWNER_NAMES.len() + users.len() + groups.len() + 12;
        let request = RequestPacket::new(PacketType::Extended, room)
            .put_string(OWNER_NAMES)
            .put_string(&users)
            .put_string(&groups);
        let Response::Extended(mut answer) = self.request(request).await? else {
            return Err(unexpected_response());
        };
        let mut names = || {
            let mut list = string(&mut answer)?;
            let mut names = Vec::new();
            while list.has_remaining() {
                let name = string(&mut list)?;
                names.push(String::from_utf8_lossy(&name).into_owned());
            }
            Ok::<_, SftpError>(names)
        };
        Ok(Some((names()?, names()?)))
    }

    /// The target of a symbolic link.
    pub(crate) async fn read_link(&self, path: &RemotePath) -> Result<Bytes> {
        self.request_name(PacketType::ReadLink, path).await
    }

    async fn request_name(&self, kind: PacketType, path: &RemotePath) -> Result<Bytes> {
        let Response::Names(names) = self.response(self.send_path(kind, path)).await? else {
            return Err(unexpected_response());
        };
        match <[_; 1]>::try_from(names) {
            Ok([(name, _)]) if name.len() <= LONGEST_PATH => Ok(name),
            Ok(_) => {
                let problem = format!("gave a path of more than {LONGEST_PATH} bytes");
                Err(protocol_error(&problem))
            }
            Err(_) => Err(unexpected_response()),
        }
    }

    /// Creates a symbolic link to `target`. OpenSSH takes the two paths in the reverse of the draft's
    /// order, and so does everybody.
    pub(crate) async fn symlink(&self, target: &[u8], path: &RemotePath) -> Result<()> {
        let request = RequestPacket::new(
            PacketType::Symlink,
            target.len() + path.as_bytes().len() + 8,
        )
        .put_string(target)
        .put_string(path.as_bytes());
        self.wait_done(self.client.send(request)).await
    }

    /// Creates a directory.
    pub(crate) fn create_dir(&self, path: &RemotePath) -> PendingResponse {
        let bytes = path.as_bytes();
        let request = RequestPacket::new(PacketType::MakeDir, bytes.len() + 8)
            .put_string(bytes)
            .put_attributes(&Attributes::default());
        self.client.send(request)
    }

    /// Lists a directory without `.` and `..`; symbolic links are not followed.
    pub(crate) async fn read_dir(
        &self,
        path: &RemotePath,
        limit: &EntryLimit,
    ) -> Result<Vec<(Bytes, Metadata)>> {
        let bytes = path.as_bytes();
        let open = RequestPacket::new(PacketType::OpenDir, bytes.len() + 4).put_string(bytes);
        let handle = self.wait_handle(self.client.send(open)).await?;
        let entries = self.read_open_dir(&handle, limit).await;
        drop(self.close(&handle));
        entries
    }

    async fn read_open_dir(
        &self,
        handle: &FileHandle,
        limit: &EntryLimit,
    ) -> Result<Vec<(Bytes, Metadata)>> {
        let read = || {
            let request =
                RequestPacket::new(PacketType::ReadDir, handle.0.len() + 4).put_string(&handle.0);
            self.client.send(request)
        };
        let mut ahead: VecDeque<_> = (0..READS_AHEAD).map(|_| read()).collect();
        let mut entries = Vec::new();
        let mut empty = 0;
        while let Some(next) = ahead.pop_front() {
            let names = match self.response(next).await {
                Ok(Response::Names(names)) => names,
                Ok(_) => return Err(unexpected_response()),
                Err(SftpError::EndOfFile(_)) => break,
                Err(error) => return Err(error),
            };
            let before = entries.len();
            for (name, attributes) in names {
                if !matches!(&name[..], b"." | b"..") {
                    limit.take_entry()?;
                    limit.take_path(name.len())?;
                    entries.push((name, Metadata::from(&attributes)));
                }
            }
            empty = if entries.len() > before { 0 } else { empty + 1 };
            if empty > MOST_EMPTY {
                return Err(protocol_error(
                    "lists a directory without names and without an end",
                ));
            }
            ahead.push_back(read());
        }
        Ok(entries)
    }

    /// Sets the given attributes of a file or directory.
    pub(crate) fn setstat(&self, path: &RemotePath, attributes: &Attributes) -> PendingResponse {
        let request = RequestPacket::new(PacketType::SetStat, path.as_bytes().len() + 32)
            .put_string(path.as_bytes())
            .put_attributes(attributes);
        self.client.send(request)
    }

    /// Renames `from` to `to` by the named extension, or as the draft has it, where an existing `to` is
    /// refused.
    pub(crate) async fn rename(
        &self,
        extension: Option<&[u8]>,
        from: &RemotePath,
        to: &RemotePath,
    ) -> Result<()> {
        let room = from.as_bytes().len() + to.as_bytes().len() + 40;
        let request = match extension {
            Some(name) => RequestPacket::new(PacketType::Extended, room).put_string(name),
            None => RequestPacket::new(PacketType::Rename, room),
        };
        let request = request
            .put_string(from.as_bytes())
            .put_string(to.as_bytes());
        self.wait_done(self.client.send(request)).await
    }

    /// Removes a file.
    pub(crate) async fn remove(&self, path: &RemotePath) -> Result<()> {
        self.wait_done(self.send_path(PacketType::Remove, path))
            .await
    }

    /// Removes an empty directory.
    pub(crate) async fn remove_dir(&self, path: &RemotePath) -> Result<()> {
        self.wait_done(self.send_path(PacketType::RemoveDir, path))
            .await
    }

    /// Bytes that this user may still write to a directory's file system, where the server offers to
    /// say it.
    pub(crate) async fn free_space(&self, directory: &RemotePath) -> Option<u64> {
        if !self.offers(STATVFS) {
            return None;
        }
        let path = directory.as_bytes();
        let request = RequestPacket::new(PacketType::Extended, STATVFS.len() + path.len() + 8)
            .put_string(STATVFS)
            .put_string(path);
        let Ok(Response::Extended(mut answer)) = self.request(request).await else {
            return None;
        };
        // OpenSSH's PROTOCOL, section 4.3: eleven numbers, as statvfs(3) has them.
        let mut numbers = [0; 11];
        for number in &mut numbers {
            *number = answer.try_get_u64().ok()?;
        }
        let [_, unit, _, _, blocks, files, _, free_files, ..] = numbers;
        if files > 0 && free_files == 0 {
            return Some(0);
        }
        Some(unit.saturating_mul(blocks))
    }
}
