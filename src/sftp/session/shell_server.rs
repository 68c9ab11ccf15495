//! An SFTP server on top of a POSIX shell, for servers without SFTP.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::DateTime;
use russh::ChannelMsg;
use russh_sftp::extensions::HardlinkExtension;
use russh_sftp::protocol::{
    Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Packet, Status, StatusCode, Version,
};
use russh_sftp::server::{Handler, StatusReply};
use tokio::time::{Duration, timeout};

use crate::charset::Charset;
use crate::random;
use crate::shell::quote;
use crate::ssh::OpenChannel;

const FUNCTIONS: &str = include_str!("shell_server.sh");

const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// Time for an error message after a failed command: it comes on another stream.
const COMPLAINT_PATIENCE: Duration = Duration::from_millis(200);

/// Longest error message that is kept.
const LONGEST_COMPLAINT: usize = 1000;

/// Handles SFTP requests with a shell.
pub(crate) struct ShellServer {
    channel: OpenChannel,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    open: HashMap<String, OpenHandle>,
    next: u64,
}

enum OpenHandle {
    File(String),
    /// A directory's entries; taken by the first read.
    Directory(Option<Vec<File>>),
}

type HandlerResult<T> = Result<T, StatusReply>;

impl ShellServer {
    /// Starts a shell on the channel; `None` if none answers.
    pub(crate) async fn begin(mut channel: OpenChannel) -> Option<Self> {
        channel.exec("sh -s", Charset::Utf8).await.ok()?;
        let mut files = Self {
            channel,
            stdout: Vec::new(),
            stderr: Vec::new(),
            open: HashMap::new(),
            next: 0,
        };
        let functions = format!("{FUNCTIONS}\n");
        files.channel.data(functions.as_bytes()).await.ok()?;
        files.run("facts '' /").await.ok()?;
        Some(files)
    }

    /// Runs a command and returns its output.
    async fn run(&mut self, command: &str) -> HandlerResult<Vec<u8>> {
        let end = random::hex::<16>();
        // In two parts, so that a shell that echoes its input does not send the end marker.
        let (first, second) = end.split_at(end.len() / 2);
        let line =
            format!("{{ {command}\n}} </dev/null; printf '\\n%s%s %s\\n' {first} {second} $?\n");
        self.stderr.clear();
        let sent = self.channel.data(line.as_bytes()).await;
        sent.map_err(|_| StatusReply::from(StatusCode::ConnectionLost))?;
        let end = format!("\n{end} ");
        let mut from = 0;
        let (start, status) = loop {
            if let Some(found) = find(&self.stdout, end.as_bytes(), from)
                && let Some(length) = self.stdout[found + 1..]
                    .iter()
                    .position(|byte| *byte == b'\n')
            {
                let status = &self.stdout[found + end.len()..found + 1 + length];
                break (found, String::from_utf8_lossy(status).trim() == "0");
            }
            from = self.stdout.len().saturating_sub(2 * end.len());
            self.listen().await?;
        };
        let printed = self.stdout[..start].to_vec();
        let rest = find(&self.stdout, b"\n", start + 1).map_or(self.stdout.len(), |end| end + 1);
        self.stdout.drain(..rest);
        if status {
            return Ok(printed);
        }
        // A message may come in parts, and its end tells what it is.
        while !self.stderr.ends_with(b"\n") && self.stderr.len() < LONGEST_COMPLAINT {
            match timeout(COMPLAINT_PATIENCE, self.listen()).await {
                Ok(heard) => heard?,
                Err(_) => break,
            }
        }
        Err(self.refusal())
    }

    async fn listen(&mut self) -> HandlerResult<()> {
        match self.channel.wait().await {
            Some(ChannelMsg::Data { data }) => self.stdout.extend_from_slice(&data),
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let room = LONGEST_COMPLAINT.saturating_sub(self.stderr.len());
                self.stderr.extend_from_slice(&data[..data.len().min(room)]);
            }
            Some(ChannelMsg::Close | ChannelMsg::Failure) | None => {
                return Err(StatusCode::ConnectionLost.into());
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// The shell's error message as a status.
    fn refusal(&self) -> StatusReply {
        let said = String::from_utf8_lossy(&self.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let code = if said.contains("No such file") || said.contains("nonexistent") {
            StatusCode::NoSuchFile
        } else if said.contains("ermission denied") {
            StatusCode::PermissionDenied
        } else {
            StatusCode::Failure
        };
        code.with_message(said)
    }

    async fn attributes_of(&mut self, option: &str, path: &str) -> HandlerResult<FileAttributes> {
        let printed = self
            .run(&format!("facts '{option}' {}", word(path)))
            .await?;
        attributes(&String::from_utf8_lossy(&printed))
            .ok_or_else(|| StatusCode::Failure.with_message("the shell does not say what it is"))
    }

    async fn set(&mut self, path: &str, attributes: &FileAttributes) -> HandlerResult<()> {
        if let Some(size) = attributes.size {
            let cut = format!("dd of={} bs=1 seek={size} count=0 2>/dev/null", word(path));
            self.run(&cut).await?;
        }
        if let Some(mode) = attributes.permissions {
            self.run(&format!("chmod {:o} {}", mode & 0o7777, word(path)))
                .await?;
        }
        let modified = attributes.mtime.map(i64::from);
        if let Some(time) = modified.and_then(|time| DateTime::from_timestamp(time, 0)) {
            let time = time.format("%Y%m%d%H%M.%S");
            self.run(&format!("TZ=UTC0 touch -m -t {time} {}", word(path)))
                .await?;
        }
        Ok(())
    }

    fn keep(&mut self, id: u32, open: OpenHandle) -> Handle {
        self.next += 1;
        let handle = self.next.to_string();
        self.open.insert(handle.clone(), open);
        Handle { id, handle }
    }

    fn path_of(&self, handle: &str) -> HandlerResult<String> {
        match self.open.get(handle) {
            Some(OpenHandle::File(path)) => Ok(path.clone()),
            _ => Err(StatusCode::Failure.with_message("not an open file")),
        }
    }

    async fn done(&mut self, id: u32, command: String) -> HandlerResult<Status> {
        self.run(&command).await.map(|_| ok_status(id))
    }
}

/// Quotes a path as a word that is no option.
fn word(path: &str) -> String {
    match path.strip_prefix('-') {
        Some(_) => quote(&format!("./{path}")),
        None if path.is_empty() => "'.'".to_owned(),
        None => quote(path),
    }
}

fn find(hay: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let mut windows = hay.get(from..)?.windows(needle.len());
    windows
        .position(|window| window == needle)
        .map(|start| from + start)
}

/// The status of a request that was done.
pub(crate) fn ok_status(id: u32) -> Status {
    Status {
        id,
        status_code: StatusCode::Ok,
        error_message: String::new(),
        language_tag: String::new(),
    }
}

/// Parses a line of `stat` as the functions call it, or of `ls -ldn`.
fn attributes(line: &str) -> Option<FileAttributes> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let mut attributes = FileAttributes::empty();
    if let Ok(mode) = u32::from_str_radix(first, 16) {
        attributes.permissions = Some(mode);
        let mut numbers = words.map(|word| word.parse::<u64>().ok());
        let mut number = || numbers.next().flatten();
        attributes.size = Some(number()?);
        let mut small = || number().and_then(|number| u32::try_from(number).ok());
        (attributes.uid, attributes.gid) = (small(), small());
        (attributes.atime, attributes.mtime) = (small(), small());
        return Some(attributes);
    }
    attributes.permissions = Some(mode(first)?);
    let numbers: Vec<u64> = words.skip(1).map_while(|word| word.parse().ok()).collect();
    attributes.size = Some(*numbers.get(2)?);
    Some(attributes)
}

/// Parses a mode as `ls` prints it, such as `drwxr-xr-x`.
fn mode(text: &str) -> Option<u32> {
    let kind = match text.chars().next()? {
        '-' => 0o100_000,
        'd' => 0o040_000,
        'l' => 0o120_000,
        'p' => 0o010_000,
        's' => 0o140_000,
        'b' => 0o060_000,
        'c' => 0o020_000,
        _ => return None,
    };
    let bits = text.get(1..10)?.chars().rev().enumerate();
    let bits = bits.map(|(bit, letter)| u32::from(!"-ST".contains(letter)) << bit);
    Some(kind | bits.sum::<u32>())
}

impl Handler for ShellServer {
    type Error = StatusReply;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported.into()
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> HandlerResult<Version> {
        let mut version = Version::new();
        let extensions = &mut version.extensions;
        extensions.insert(POSIX_RENAME.to_owned(), "1".to_owned());
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        flags: OpenFlags,
        attrs: FileAttributes,
    ) -> HandlerResult<Handle> {
        let path = word(&filename);
        let how = if flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUDE) {
            "new"
        } else if flags.contains(OpenFlags::TRUNCATE) {
            "empty"
        } else {
            "old"
        };
        let exists = flags.contains(OpenFlags::CREATE);
        let command = match (flags.contains(OpenFlags::WRITE), exists) {
            (true, true) => format!("( umask 077; make {path} {how} )"),
            (true, false) => format!("facts -L {path} >/dev/null && ( make {path} {how} )"),
            _ => format!(
                "if [ -d {path} ]; then echo 'Is a directory' >&2; false; else ( : <{path} ); fi"
            ),
        };
        self.run(&command).await?;
        let mode = FileAttributes {
            permissions: attrs.permissions.filter(|_| exists),
            ..FileAttributes::empty()
        };
        self.set(&filename, &mode).await?;
        Ok(self.keep(id, OpenHandle::File(filename)))
    }

    async fn close(&mut self, id: u32, handle: String) -> HandlerResult<Status> {
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
    ) -> HandlerResult<Data> {
        let path = word(&self.path_of(&handle)?);
        let data = self.run(&format!("part {path} {offset} {len}")).await?;
        if data.is_empty() {
            return Err(StatusCode::Eof.into());
        }
        Ok(Data { id, data })
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> HandlerResult<Status> {
        let path = word(&self.path_of(&handle)?);
        let mut octal = String::with_capacity(4 * data.len());
        for byte in data {
            // Every byte is escaped, so that none has a meaning to the shell.
            let _ = write!(octal, "\\{byte:03o}");
        }
        self.done(id, format!("printf '{octal}' | put {path} {offset}"))
            .await
    }

    async fn lstat(&mut self, id: u32, path: String) -> HandlerResult<Attrs> {
        let attrs = self.attributes_of("", &path).await?;
        Ok(Attrs { id, attrs })
    }

    async fn stat(&mut self, id: u32, path: String) -> HandlerResult<Attrs> {
        let attrs = self.attributes_of("-L", &path).await?;
        Ok(Attrs { id, attrs })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> HandlerResult<Attrs> {
        let path = self.path_of(&handle)?;
        self.stat(id, path).await
    }

    async fn setstat(
        &mut self,
        id: u32,
        path: String,
        attrs: FileAttributes,
    ) -> HandlerResult<Status> {
        self.set(&path, &attrs).await.map(|()| ok_status(id))
    }

    async fn fsetstat(
        &mut self,
        id: u32,
        handle: String,
        attrs: FileAttributes,
    ) -> HandlerResult<Status> {
        let path = self.path_of(&handle)?;
        self.setstat(id, path, attrs).await
    }

    async fn opendir(&mut self, id: u32, path: String) -> HandlerResult<Handle> {
        let printed = self.run(&format!("list {}", word(&path))).await?;
        let entries = printed.split(|byte| *byte == 0).filter_map(|entry| {
            let entry = String::from_utf8_lossy(entry);
            let (facts, name) = entry.trim_start_matches('\n').split_once('\n')?;
            Some(File::new(name, attributes(facts)?))
        });
        Ok(self.keep(id, OpenHandle::Directory(Some(entries.collect()))))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> HandlerResult<Name> {
        match self.open.get_mut(&handle) {
            Some(OpenHandle::Directory(entries)) => match entries.take() {
                Some(files) if !files.is_empty() => Ok(Name { id, files }),
                _ => Err(StatusCode::Eof.into()),
            },
            _ => Err(StatusCode::Failure.with_message("not an open directory")),
        }
    }

    async fn remove(&mut self, id: u32, filename: String) -> HandlerResult<Status> {
        self.done(id, format!("rm {}", word(&filename))).await
    }

    async fn mkdir(&mut self, id: u32, path: String, _: FileAttributes) -> HandlerResult<Status> {
        self.done(id, format!("mkdir {}", word(&path))).await
    }

    async fn rmdir(&mut self, id: u32, path: String) -> HandlerResult<Status> {
        self.done(id, format!("rmdir {}", word(&path))).await
    }

    async fn realpath(&mut self, id: u32, path: String) -> HandlerResult<Name> {
        let printed = self.run(&format!("resolve {}", word(&path))).await?;
        let path = String::from_utf8_lossy(&printed);
        let files = vec![File::dummy(path.trim_end_matches('\n'))];
        Ok(Name { id, files })
    }

    async fn readlink(&mut self, id: u32, path: String) -> HandlerResult<Name> {
        let printed = self.run(&format!("readlink {}", word(&path))).await?;
        let target = String::from_utf8_lossy(&printed);
        let files = vec![File::dummy(target.trim_end_matches('\n'))];
        Ok(Name { id, files })
    }

    async fn symlink(&mut self, id: u32, target: String, path: String) -> HandlerResult<Status> {
        self.done(id, format!("ln -s {} {}", quote(&target), word(&path)))
            .await
    }

    async fn rename(&mut self, id: u32, oldpath: String, newpath: String) -> HandlerResult<Status> {
        let (from, to) = (word(&oldpath), word(&newpath));
        let command = format!(
            "if [ -e {to} ]; then echo 'the new name exists' >&2; false; else mv {from} {to}; fi"
        );
        self.done(id, command).await
    }

    async fn extended(&mut self, id: u32, request: String, data: Vec<u8>) -> HandlerResult<Packet> {
        if request != POSIX_RENAME {
            return Err(self.unimplemented());
        }
        let mut data = data.into();
        let paths: HardlinkExtension =
            russh_sftp::de::from_bytes(&mut data).map_err(|_| StatusCode::BadMessage)?;
        let (from, to) = (word(&paths.oldpath), word(&paths.newpath));
        // `mv` would move it into a directory.
        let command = format!(
            "if [ -d {to} ]; then echo 'Is a directory' >&2; false; else mv -f {from} {to}; fi"
        );
        self.done(id, command).await.map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stat_and_ls_say_of_a_file_is_read() {
        let of_stat = attributes("81a4 1234 1000 100 1700000000 1700000001\n").unwrap();
        assert_eq!(
            (
                of_stat.permissions,
                of_stat.size,
                of_stat.uid,
                of_stat.mtime
            ),
            (Some(0o100_644), Some(1234), Some(1000), Some(1_700_000_001))
        );
        for (line, mode, size) in [
            ("-rw-r--r-- 1 0 0 5 Jan  1 00:00 name", 0o100_644, 5),
            ("drwxr-xr-x+ 2 0 0 4096 Jan  1 00:00 name", 0o040_755, 4096),
            ("lrwxrwxrwx 1 0 0 7 Jan  1 2024 a -> b", 0o120_777, 7),
            ("-rwSr-s--T 1 0 0 0 Jan  1 2024 a", 0o100_650, 0),
        ] {
            let of_ls = attributes(line).unwrap();
            assert_eq!(
                (of_ls.permissions, of_ls.size),
                (Some(mode), Some(size)),
                "{line}"
            );
        }
        assert!(attributes("").is_none() && attributes("? 1 2").is_none());
    }

    #[test]
    fn no_path_is_an_option() {
        assert_eq!(word("-rf"), "'./-rf'");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word(""), "'.'");
    }
}
