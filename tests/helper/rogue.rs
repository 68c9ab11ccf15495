//! An SSH server whose SFTP answers are a test's own, byte by byte: what no honest server sends.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use mcp_sftp_orchestrator::demo::{PASSWORD, USER, configuration};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// Request types (draft-ietf-secsh-filexfer-02, section 3).
pub mod kind {
    pub const INIT: u8 = 1;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSETSTAT: u8 = 10;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const REALPATH: u8 = 16;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const READLINK: u8 = 19;
    pub const EXTENDED: u8 = 200;
}

/// Modes with their file types.
pub const FILE: u32 = 0o100_644;
pub const DIRECTORY: u32 = 0o040_755;
pub const LINK: u32 = 0o120_777;

/// A request.
pub struct Asked {
    pub kind: u8,
    pub number: u32,
    /// The number of requests of its kind for the same path or handle before it in this session.
    pub earlier: usize,
    body: Vec<u8>,
}

impl Asked {
    /// Its first string: a path or a handle.
    pub fn name(&self) -> &str {
        let Some((length, rest)) = self.body.split_first_chunk() else {
            return "";
        };
        std::str::from_utf8(&rest[..u32::from_be_bytes(*length) as usize]).unwrap()
    }

    /// Offset and length of a read.
    pub fn range(&self) -> (u64, u32) {
        let rest = &self.body[4 + self.name().len()..];
        let offset = u64::from_be_bytes(rest[..8].try_into().unwrap());
        (offset, u32::from_be_bytes(rest[8..12].try_into().unwrap()))
    }

    fn packet(&self, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        packet(kind, self.number, parts)
    }

    pub fn status(&self, code: u32, words: &str) -> Vec<u8> {
        let parts: [&[u8]; 3] = [&code.to_be_bytes(), &string(words.as_bytes()), &string(b"")];
        self.packet(101, &parts)
    }

    pub fn handle(&self, handle: &str) -> Vec<u8> {
        self.packet(102, &[&string(handle.as_bytes())])
    }

    pub fn data(&self, data: &[u8]) -> Vec<u8> {
        self.packet(103, &[&string(data)])
    }

    /// The whole of a directory: names with their modes and lengths, and then the end.
    pub fn listing(&self, names: &[(&str, u32, u64)]) -> Vec<u8> {
        match self.earlier {
            0 => self.names(names),
            _ => self.status(1, ""),
        }
    }

    /// Names with their modes and lengths.
    pub fn names(&self, names: &[(&str, u32, u64)]) -> Vec<u8> {
        let mut body = u32::try_from(names.len()).unwrap().to_be_bytes().to_vec();
        for (name, mode, length) in names {
            body.extend(
                [
                    string(name.as_bytes()),
                    string(b""),
                    attributes(*mode, *length),
                ]
                .concat(),
            );
        }
        self.packet(104, &[&body])
    }

    pub fn attributes(&self, mode: u32, length: u64) -> Vec<u8> {
        self.packet(105, &[&attributes(mode, length)])
    }
}

/// A packet of any kind and number.
pub fn packet(kind: u8, number: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = [&[kind][..], &number.to_be_bytes(), &parts.concat()].concat();
    string(&body)
}

pub fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

fn attributes(mode: u32, length: u64) -> Vec<u8> {
    let size_and_mode = 5_u32.to_be_bytes();
    [
        &size_and_mode[..],
        &length.to_be_bytes(),
        &mode.to_be_bytes(),
    ]
    .concat()
}

/// The answer of a server whose files all have ten bytes. A path that ends in `dir` is an empty directory;
/// one that ends in `new`, and a pattern, does not exist.
fn plainly(asked: &Asked) -> Vec<u8> {
    let name = asked.name();
    match asked.kind {
        kind::INIT => packet(2, 3, &[]),
        kind::STAT | kind::LSTAT if name.ends_with("dir") || name == "/" => {
            asked.attributes(DIRECTORY, 0)
        }
        kind::STAT | kind::LSTAT if name.ends_with("new") || name.contains('*') => {
            asked.status(2, "")
        }
        kind::STAT | kind::LSTAT => asked.attributes(FILE, 10),
        // A handle may have 256 bytes.
        kind::OPEN | kind::OPENDIR => asked.handle(&name[name.len().saturating_sub(200)..]),
        kind::READ => match asked.range() {
            (0, _) => asked.data(b"ten bytes."),
            _ => asked.status(1, ""),
        },
        kind::READDIR => asked.status(1, ""),
        kind::REALPATH => asked.names(&[(name, FILE, 0)]),
        _ => asked.status(0, ""),
    }
}

type Answers = dyn Fn(&Asked) -> Option<Vec<u8>> + Send + Sync;

/// The server. It ends when dropped.
pub struct Rogue {
    pub port: u16,
    accepting: AbortHandle,
}

impl Rogue {
    /// Starts a server that answers a request with these bytes, or plainly where there are none.
    pub async fn start(
        answers: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(configuration().unwrap());
        let answers: Arc<Answers> = Arc::new(answers);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepting = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                let connection = RogueConnection {
                    answers: Arc::clone(&answers),
                    channels: HashMap::new(),
                };
                let config = Arc::clone(&config);
                tokio::spawn(async move {
                    if let Ok(session) = server::run_stream(config, tcp, connection).await {
                        let _ = session.await;
                    }
                });
            }
        });
        Self {
            port,
            accepting: accepting.abort_handle(),
        }
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct RogueConnection {
    answers: Arc<Answers>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl server::Handler for RogueConnection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(if (user, password) == (USER, PASSWORD) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(stream) = self.channels.remove(&channel) else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        tokio::spawn(serve(stream, Arc::clone(&self.answers)));
        Ok(())
    }
}

async fn serve(channel: Channel<Msg>, answers: Arc<Answers>) {
    let mut stream = channel.into_stream();
    let mut earlier = HashMap::new();
    while let Ok(length) = stream.read_u32().await {
        let mut request = vec![0; length as usize];
        if stream.read_exact(&mut request).await.is_err() {
            return;
        }
        let mut asked = Asked {
            kind: request[0],
            number: u32::from_be_bytes(request[1..5].try_into().unwrap()),
            earlier: 0,
            body: request.split_off(5),
        };
        let count = earlier
            .entry((asked.kind, asked.name().to_owned()))
            .or_insert(0);
        asked.earlier = *count;
        *count += 1;
        let answer = answers(&asked).unwrap_or_else(|| plainly(&asked));
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}
