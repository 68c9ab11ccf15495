//! Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02): requests written, answers read.

use crate::sftp::error::{Result, SftpError};

use bytes::{Buf, Bytes, BytesMut};

/// Protocol version: OpenSSH's own, and the most widely implemented.
pub(crate) const VERSION: u32 = 3;

/// Longest packet that is accepted: OpenSSH's limit, with room for other servers.
pub(crate) const LONGEST_PACKET: usize = 1024 * 1024;

/// Longest path that is accepted, as on Linux (`PATH_MAX`). A longer name is kept only so far that it
/// can be recognised.
pub(crate) const LONGEST_PATH: usize = 4096;

/// The longest handle (draft-ietf-secsh-filexfer-02, section 6.2).
const LONGEST_HANDLE: usize = 256;

/// Longest message of a status that is kept.
const LONGEST_WORDS: usize = 512;

/// Most extensions that are kept, and their longest name and value: OpenSSH offers ten.
const MOST_EXTENSIONS: usize = 100;
const LONGEST_EXTENSION: usize = 256;

/// Longest piece that is joined with others, so that a server cannot make each byte cost an allocation.
const SHORT_PIECE: usize = 1024;

/// Request types (section 3).
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum PacketType {
    Init = 1,
    Open = 3,
    Close = 4,
    Read = 5,
    Write = 6,
    Lstat = 7,
    Fstat = 8,
    SetStat = 9,
    FsetStat = 10,
    OpenDir = 11,
    ReadDir = 12,
    Remove = 13,
    MakeDir = 14,
    RemoveDir = 15,
    RealPath = 16,
    Stat = 17,
    Rename = 18,
    ReadLink = 19,
    Symlink = 20,
    Extended = 200,
}

/// Flags for opening a file (section 6.3).
pub(crate) mod flags {
    pub(crate) const READ: u32 = 0x01;
    pub(crate) const WRITE: u32 = 0x02;
    pub(crate) const CREATE: u32 = 0x08;
    pub(crate) const TRUNCATE: u32 = 0x10;
    pub(crate) const EXCLUSIVE: u32 = 0x20;
}

/// Status codes that are told apart (section 7).
pub(crate) mod status {
    pub(crate) const OK: u32 = 0;
    pub(crate) const EOF: u32 = 1;
    pub(crate) const NO_SUCH_FILE: u32 = 2;
    pub(crate) const PERMISSION_DENIED: u32 = 3;
    pub(crate) const FAILURE: u32 = 4;
    pub(crate) const UNSUPPORTED: u32 = 8;
}

const SIZE: u32 = 0x01;
const OWNER: u32 = 0x02;
const PERMISSIONS: u32 = 0x04;
const TIMES: u32 = 0x08;
const EXTENDED: u32 = 0x8000_0000;

/// Attributes of a file, reported or to be set (section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) size: Option<u64>,
    /// User and group, by their numbers.
    pub(crate) owner: Option<(u32, u32)>,
    /// File type and permission bits, as POSIX has them.
    pub(crate) permissions: Option<u32>,
    /// Access and modification time, in seconds since 1970.
    pub(crate) times: Option<(u32, u32)>,
}

/// A request packet.
#[derive(Debug)]
pub(crate) struct RequestPacket {
    packet: Vec<u8>,
    /// Most bytes of content in its answer.
    content: u32,
    is_slow: bool,
}

impl RequestPacket {
    /// Creates a request with room for `more` bytes. Its number is set when it is sent.
    pub(crate) fn new(kind: PacketType, more: usize) -> Self {
        Self::in_buffer(Vec::new(), kind, more)
    }

    /// Creates a request in the memory of an earlier one.
    pub(crate) fn in_buffer(mut bytes: Vec<u8>, kind: PacketType, more: usize) -> Self {
        bytes.clear();
        bytes.reserve_exact(Self::HEAD + more);
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(kind as u8);
        bytes.extend_from_slice(&[0; 4]);
        Self {
            packet: bytes,
            content: 0,
            is_slow: matches!(kind, PacketType::Close | PacketType::Extended),
        }
    }

    /// Allows that many bytes of content in the answer.
    pub(crate) fn answered_by(mut self, content: u32) -> Self {
        self.content = content;
        self
    }

    /// Most bytes of content in its answer.
    pub(crate) fn content(&self) -> u32 {
        self.content
    }

    /// Returns whether a server may have to write to its disk before it answers.
    pub(crate) fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// Length, type and number.
    pub(crate) const HEAD: usize = 9;

    pub(crate) fn put_u32(mut self, value: u32) -> Self {
        self.packet.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn put_u64(mut self, value: u64) -> Self {
        self.packet.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn put_string(self, text: &[u8]) -> Self {
        let mut this = self.put_u32(length(text.len()));
        this.packet.extend_from_slice(text);
        this
    }

    pub(crate) fn put_attributes(self, attributes: &Attributes) -> Self {
        let mut present = 0;
        for (flag, is_there) in [
            (SIZE, attributes.size.is_some()),
            (OWNER, attributes.owner.is_some()),
            (PERMISSIONS, attributes.permissions.is_some()),
            (TIMES, attributes.times.is_some()),
        ] {
            if is_there {
                present |= flag;
            }
        }
        let mut this = self.put_u32(present);
        if let Some(size) = attributes.size {
            this = this.put_u64(size);
        }
        if let Some((user, group)) = attributes.owner {
            this = this.put_u32(user).put_u32(group);
        }
        if let Some(permissions) = attributes.permissions {
            this = this.put_u32(permissions);
        }
        if let Some((accessed, modified)) = attributes.times {
            this = this.put_u32(accessed).put_u32(modified);
        }
        this
    }

    /// Buffer at whose end content can be appended.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.packet
    }

    /// The finished packet, with its number.
    pub(crate) fn finish(mut self, number: u32) -> Bytes {
        let all = length(self.packet.len() - 4);
        self.packet[..4].copy_from_slice(&all.to_be_bytes());
        self.packet[5..9].copy_from_slice(&number.to_be_bytes());
        self.packet.into()
    }

    /// The first packet of a session, which has the version in the number's place.
    pub(crate) fn init() -> Bytes {
        Self::new(PacketType::Init, 0).finish(VERSION)
    }
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a packet is far shorter than 4 GiB")
}

/// A response packet.
#[derive(Debug)]
pub(crate) enum Response {
    Version(Vec<(Bytes, Bytes)>),
    Status(u32, String),
    Handle(Bytes),
    Data(Vec<Bytes>),
    Names(Vec<(Bytes, Attributes)>),
    Attributes(Attributes),
    Extended(Bytes),
}

impl Response {
    /// Number of bytes of content in it.
    pub(crate) fn content(&self) -> usize {
        match self {
            Self::Data(pieces) => pieces.iter().map(Bytes::len).sum(),
            _ => 0,
        }
    }
}

/// Parses a response, with the number of its request.
pub(crate) fn read(packet: PacketBytes) -> Result<(u32, Response)> {
    let mut packet = packet;
    let kind = packet.byte()?;
    let number = packet.number()?;
    if kind == 103 {
        let length = packet.number()? as usize;
        if length != packet.remaining() {
            return Err(malformed());
        }
        return Ok((number, Response::Data(packet.0)));
    }
    let mut rest = packet.joined();
    let rest = &mut rest;
    let answer = match kind {
        2 => {
            let mut extensions = Vec::new();
            while rest.has_remaining() {
                let (name, value) = (string(rest)?, string(rest)?);
                let is_short = name.len().max(value.len()) <= LONGEST_EXTENSION;
                if is_short && extensions.len() < MOST_EXTENSIONS {
                    extensions.push((kept(&name, name.len()), kept(&value, value.len())));
                }
            }
            Response::Version(extensions)
        }
        101 => {
            let code = rest.try_get_u32().map_err(|_| malformed())?;
            // Old servers omit the message.
            let words = string(rest).unwrap_or_default();
            let words = &words[..words.len().min(LONGEST_WORDS)];
            Response::Status(code, String::from_utf8_lossy(words).into_owned())
        }
        102 => {
            let handle = string(rest)?;
            if handle.len() > LONGEST_HANDLE {
                return Err(malformed());
            }
            Response::Handle(kept(&handle, LONGEST_HANDLE))
        }
        104 => {
            let count = rest.try_get_u32().map_err(|_| malformed())?;
            let mut names = Vec::new();
            for _ in 0..count {
                let name = string(rest)?;
                let _as_ls_shows_it = string(rest)?;
                names.push((kept(&name, LONGEST_PATH + 1), attributes(rest)?));
            }
            if rest.has_remaining() {
                return Err(malformed());
            }
            Response::Names(names)
        }
        105 => Response::Attributes(attributes(rest)?),
        201 => Response::Extended(std::mem::take(rest)),
        _ => return Err(malformed()),
    };
    Ok((number, answer))
}

/// Copies the first `most` bytes: a slice would keep the whole packet in memory.
fn kept(bytes: &[u8], most: usize) -> Bytes {
    Bytes::copy_from_slice(&bytes[..bytes.len().min(most)])
}

fn malformed() -> SftpError {
    protocol_error("sent what is no SFTP packet; a shell start-up file that prints does that too")
}

/// The error that says how the server broke the protocol.
pub(crate) fn protocol_error(how: &str) -> SftpError {
    SftpError::Protocol(format!("the server {how}"))
}

/// Takes a string off the beginning.
pub(crate) fn string(bytes: &mut Bytes) -> Result<Bytes> {
    let length = bytes.try_get_u32().map_err(|_| malformed())? as usize;
    if length > bytes.remaining() {
        return Err(malformed());
    }
    Ok(bytes.split_to(length))
}

fn attributes(bytes: &mut Bytes) -> Result<Attributes> {
    let mut attributes = Attributes::default();
    let number = |bytes: &mut Bytes| bytes.try_get_u32().map_err(|_| malformed());
    let present = number(bytes)?;
    if present & SIZE != 0 {
        attributes.size = Some(bytes.try_get_u64().map_err(|_| malformed())?);
    }
    if present & OWNER != 0 {
        attributes.owner = Some((number(bytes)?, number(bytes)?));
    }
    if present & PERMISSIONS != 0 {
        attributes.permissions = Some(number(bytes)?);
    }
    if present & TIMES != 0 {
        attributes.times = Some((number(bytes)?, number(bytes)?));
    }
    if present & EXTENDED != 0 {
        for _ in 0..number(bytes)? {
            string(bytes)?;
            string(bytes)?;
        }
    }
    Ok(attributes)
}

/// A packet's bytes in pieces as received, so that a file's content is never joined.
#[derive(Debug, Default)]
pub(crate) struct PacketBytes(Vec<Bytes>);

impl PacketBytes {
    fn remaining(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn byte(&mut self) -> Result<u8> {
        let piece = self.0.iter_mut().find(|piece| !piece.is_empty());
        piece.map(Buf::get_u8).ok_or_else(malformed)
    }

    fn number(&mut self) -> Result<u32> {
        let mut number = 0;
        for _ in 0..4 {
            number = number << 8 | u32::from(self.byte()?);
        }
        Ok(number)
    }

    fn joined(mut self) -> Bytes {
        self.0.retain(|piece| !piece.is_empty());
        match <[Bytes; 1]>::try_from(self.0) {
            Ok([only]) => only,
            Err(pieces) => pieces.concat().into(),
        }
    }
}

/// Splits the byte stream of a channel into packets.
#[derive(Debug, Default)]
pub(crate) struct PacketDecoder {
    pieces: std::collections::VecDeque<Bytes>,
    /// Short pieces, joined, that follow the others.
    short: BytesMut,
    held: usize,
    /// Length of the packet being received.
    length: Option<usize>,
}

impl PacketDecoder {
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.held += bytes.len();
        if bytes.len() <= SHORT_PIECE {
            self.short.extend_from_slice(&bytes);
        } else {
            self.join();
            self.pieces.push_back(bytes);
        }
    }

    fn join(&mut self) {
        if !self.short.is_empty() {
            self.pieces.push_back(self.short.split().freeze());
        }
    }

    /// The next whole packet, without its length.
    pub(crate) fn next(&mut self) -> Result<Option<PacketBytes>> {
        let length = match self.length {
            Some(length) => length,
            None if self.held < 4 => return Ok(None),
            None => {
                let length = self.take(4).number()? as usize;
                if length > LONGEST_PACKET {
                    return Err(malformed());
                }
                self.length = Some(length);
                length
            }
        };
        if self.held < length {
            return Ok(None);
        }
        self.length = None;
        Ok(Some(self.take(length)))
    }

    fn take(&mut self, length: usize) -> PacketBytes {
        self.join();
        let mut taken = Vec::new();
        let mut missing = length;
        while missing > 0 {
            let Some(mut piece) = self.pieces.pop_front() else {
                break;
            };
            if piece.len() > missing {
                self.pieces.push_front(piece.split_off(missing));
            }
            missing -= piece.len();
            taken.push(piece);
        }
        self.held -= length;
        PacketBytes(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(stream: &[u8], step: usize) -> Vec<Response> {
        let mut decoder = PacketDecoder::default();
        let mut answers = Vec::new();
        for bytes in stream.chunks(step) {
            decoder.push(Bytes::copy_from_slice(bytes));
            while let Some(packet) = decoder.next().unwrap() {
                answers.push(read(packet).unwrap().1);
            }
        }
        answers
    }

    #[test]
    fn packets_are_found_however_the_stream_is_cut() {
        let mut stream = vec![0, 0, 0, 12, 103, 0, 0, 0, 7, 0, 0, 0, 3];
        stream.extend_from_slice(b"abc");
        stream.extend_from_slice(&[0, 0, 0, 13, 102, 0, 0, 0, 8, 0, 0, 0, 4, 1, 2, 3, 4]);
        stream.extend_from_slice(&[0, 0, 0, 9, 101, 0, 0, 0, 9, 0, 0, 0, 2]);
        for step in 1..=stream.len() {
            let answers = cut(&stream, step);
            let [
                Response::Data(data),
                Response::Handle(handle),
                Response::Status(2, words),
            ] = &answers[..]
            else {
                panic!("{answers:?}");
            };
            assert_eq!(data.concat(), b"abc");
            assert_eq!((&handle[..], &**words), (&[1, 2, 3, 4][..], ""));
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for packet in [
            &[103, 0, 0, 0, 1, 0, 0, 0, 9, 1][..],
            &[102, 0, 0, 0, 1, 0, 0, 1, 0, 1],
            &[104, 0, 0, 0, 1, 255, 255, 255, 255],
            &[105, 0, 0, 0, 1, 0, 0, 0, 1],
            &[104, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
            &[55, 0, 0, 0, 1],
            &[101],
        ] {
            let pieces = PacketBytes(vec![Bytes::copy_from_slice(packet)]);
            assert!(read(pieces).is_err(), "{packet:?}");
        }
        let mut decoder = PacketDecoder::default();
        decoder.push(Bytes::from_static(&[255, 255, 255, 255]));
        assert!(decoder.next().is_err());
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        let request = RequestPacket::new(PacketType::Open, 64)
            .put_string(b"a\xFF")
            .put_u32(flags::READ)
            .put_attributes(&Attributes {
                permissions: Some(0o600),
                ..Attributes::default()
            })
            .finish(5);
        let expected: &[u8] = &[
            0, 0, 0, 23, 3, 0, 0, 0, 5, 0, 0, 0, 2, b'a', 0xFF, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 1,
            0x80,
        ];
        assert_eq!(&request[..], expected);
        assert_eq!(&RequestPacket::init()[..], [0, 0, 0, 5, 1, 0, 0, 0, 3]);
    }
}
