//! A second reading of the bytes of a login, for a request that the SSH library does not pass on.
//!
//! A server may answer a password with the request to change it (RFC 4252, section 8). The library takes
//! that for the answer to a key and reports nothing, so the login would wait for ever. Therefore the
//! bytes are decrypted a second time with the agreed keys. Only the text of the login's error depends on
//! this.
//!
//! It does not work with ciphers other than AES in counter or Galois/counter mode, nor with hybrid key
//! exchanges, of whose secret the library gives only a part: there the login runs into its time limit.

use std::sync::{Arc, Mutex};

use aes::{Aes128, Aes192, Aes256};
use ctr::cipher::{KeyIvInit, StreamCipher};
use ctr::{Ctr32BE, Ctr128BE};
use russh::{CryptoVec, Names};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::ssh::connection::tap::Tap;
use crate::sync::lock;

/// Message numbers (RFC 4250, section 4.1).
const NEW_KEYS: u8 = 21;
const CHANGE_REQUEST: u8 = 60;

/// Longest packet of a login.
const LONGEST_PACKET: usize = 64 * 1024;

/// Length and authentication tag of AES-GCM's packets (RFC 5647).
const TAG: usize = 16;

type Hash = fn(&[u8]) -> Vec<u8>;

/// The results of the first key exchange.
pub(in crate::ssh) struct Agreed {
    /// The shared secret, as a multiple precision integer.
    secret: CryptoVec,
    hash: Hash,
    cipher: String,
    mac: String,
}

/// The bytes of a login, and the keys that decrypt them.
#[derive(Clone)]
pub(in crate::ssh) struct LoginTranscript {
    pub(in crate::ssh) tap: Tap,
    pub(in crate::ssh) agreed: Arc<Mutex<Option<Agreed>>>,
    pub(in crate::ssh) session_id: Vec<u8>,
}

impl Agreed {
    /// `None` if the keys cannot be derived from these.
    pub(in crate::ssh) fn of(secret: Option<&[u8]>, names: &Names) -> Option<Self> {
        Some(Self {
            secret: mpint(secret?),
            hash: hash_of(names.kex.as_ref())?,
            cipher: names.cipher.as_ref().to_owned(),
            mac: names.server_mac.as_ref().to_owned(),
        })
    }

    /// A key for the direction from the server (RFC 4253, section 7.2).
    fn key(&self, letter: u8, session_id: &[u8], length: usize) -> CryptoVec {
        let mut seed = CryptoVec::from_slice(&self.secret);
        // In the first key exchange its hash is the session's identifier.
        seed.extend(session_id);
        let shared = seed.len();
        seed.extend(&[letter]);
        seed.extend(session_id);
        let mut key = CryptoVec::from_slice(&(self.hash)(&seed));
        while key.len() < length {
            seed.resize(shared);
            seed.extend(&key);
            key.extend(&(self.hash)(&seed));
        }
        key.resize(length);
        key
    }
}

impl LoginTranscript {
    /// Waits for a request to change the password that comes from now on, and returns its prompt.
    pub(in crate::ssh) fn change_request(&self) -> impl Future<Output = String> + use<> {
        let (this, from) = (self.clone(), self.tap.count());
        async move {
            let mut seen = from;
            loop {
                this.tap.longer_than(seen).await;
                seen = this.tap.count();
                let packets = this.packets_after(from).unwrap_or_default();
                if let Some(words) = packets.iter().find_map(|packet| words_of(packet)) {
                    return words;
                }
            }
        }
    }

    /// Drops bytes and keys.
    pub(in crate::ssh) fn forget(&self) {
        self.tap.close();
        *lock(&self.agreed) = None;
    }

    /// The payloads of the packets that begin after `from` bytes, as far as they have come. `None` if they
    /// cannot be decrypted.
    fn packets_after(&self, from: usize) -> Option<Vec<Vec<u8>>> {
        let agreed = lock(&self.agreed);
        let agreed = agreed.as_ref()?;
        let bytes = self.tap.bytes();
        let begin = end_of_clear(&bytes)?;
        let mut cipher = Cipher::new(agreed, &self.session_id)?;
        let mut packets = Vec::new();
        let mut at = begin;
        while let Some((payload, length)) = cipher.open(&bytes[at..]) {
            if at >= from {
                packets.push(payload);
            }
            at += length;
        }
        Some(packets)
    }
}

/// The end of the part that is not encrypted: the identification string and the key exchange.
fn end_of_clear(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = bytes[at..].iter().position(|byte| *byte == b'\n')?;
        let is_identification = bytes[at..].starts_with(b"SSH-");
        at += line + 1;
        if is_identification {
            break;
        }
    }
    loop {
        let length = length_at(&bytes[at..])?;
        let kind = *bytes.get(at + 5)?;
        at += 4 + length;
        if kind == NEW_KEYS {
            return (at <= bytes.len()).then_some(at);
        }
    }
}

/// Decrypts packets, one after the other. The library has checked their authenticity.
enum Cipher {
    /// Counter mode (RFC 4344), with `mac` bytes after each packet; the length is encrypted or not.
    Counter {
        stream: Box<dyn StreamCipher>,
        mac: usize,
        has_clear_length: bool,
    },
    /// AES-GCM (RFC 5647), whose nonce counts up.
    Gcm { key: CryptoVec, nonce: Vec<u8> },
}

impl Cipher {
    fn new(agreed: &Agreed, session_id: &[u8]) -> Option<Self> {
        let bits = agreed.cipher.strip_prefix("aes")?.get(..3)?;
        let length = bits.parse::<usize>().ok()? / 8;
        let key = agreed.key(b'D', session_id, length);
        if agreed.cipher.contains("-gcm") {
            let nonce = agreed.key(b'B', session_id, 12).to_vec();
            return Some(Self::Gcm { key, nonce });
        }
        if !agreed.cipher.ends_with("-ctr") {
            return None;
        }
        let first = agreed.key(b'B', session_id, 16);
        Some(Self::Counter {
            stream: counter(&key, &first, false)?,
            mac: match agreed.mac.as_str() {
                mac if mac.starts_with("hmac-sha2-512") => 64,
                mac if mac.starts_with("hmac-sha2-256") => 32,
                mac if mac.starts_with("hmac-sha1") => 20,
                _ => return None,
            },
            has_clear_length: agreed.mac.contains("-etm@"),
        })
    }

    /// The payload of the packet at the beginning of `bytes`, and its length in them. `None` if it has not
    /// come whole.
    fn open(&mut self, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        match self {
            Self::Gcm { key, nonce } => {
                let length = length_at(bytes)?;
                let whole = 4 + length + TAG;
                let mut packet = bytes.get(4..whole)?[..length].to_vec();
                // The first block of the stream makes the tag.
                let first = [&nonce[..], &[0, 0, 0, 2]].concat();
                counter(key, &first, true)?
                    .try_apply_keystream(&mut packet)
                    .ok()?;
                let count = u64::from_be_bytes(nonce[4..].try_into().ok()?);
                nonce[4..].copy_from_slice(&count.wrapping_add(1).to_be_bytes());
                Some((payload(&packet)?, whole))
            }
            Self::Counter {
                stream,
                mac,
                has_clear_length: true,
            } => {
                let length = length_at(bytes)?;
                let whole = 4 + length + *mac;
                let mut packet = bytes.get(4..whole)?[..length].to_vec();
                stream.try_apply_keystream(&mut packet).ok()?;
                Some((payload(&packet)?, whole))
            }
            Self::Counter { stream, mac, .. } => {
                let mut length = bytes.get(..4)?.to_vec();
                stream.try_apply_keystream(&mut length).ok()?;
                let length = length_at(&length)?;
                let whole = 4 + length + *mac;
                let mut packet = bytes.get(4..whole)?[..length].to_vec();
                stream.try_apply_keystream(&mut packet).ok()?;
                Some((payload(&packet)?, whole))
            }
        }
    }
}

/// The key stream of AES in counter mode; a `narrow` counter has 32 bits.
fn counter(key: &[u8], first: &[u8], narrow: bool) -> Option<Box<dyn StreamCipher>> {
    Some(match (key.len(), narrow) {
        (16, false) => Box::new(Ctr128BE::<Aes128>::new_from_slices(key, first).ok()?),
        (24, false) => Box::new(Ctr128BE::<Aes192>::new_from_slices(key, first).ok()?),
        (32, false) => Box::new(Ctr128BE::<Aes256>::new_from_slices(key, first).ok()?),
        (16, true) => Box::new(Ctr32BE::<Aes128>::new_from_slices(key, first).ok()?),
        (32, true) => Box::new(Ctr32BE::<Aes256>::new_from_slices(key, first).ok()?),
        _ => return None,
    })
}

fn length_at(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    (length <= LONGEST_PACKET).then_some(length)
}

/// A packet without its length and padding (RFC 4253, section 6).
fn payload(packet: &[u8]) -> Option<Vec<u8>> {
    let (padding, rest) = packet.split_first()?;
    let length = rest.len().checked_sub(usize::from(*padding))?;
    Some(rest[..length].to_vec())
}

/// The prompt of a request to change the password.
fn words_of(payload: &[u8]) -> Option<String> {
    let (kind, rest) = payload.split_first()?;
    let words = rest.get(4..4 + length_at(rest)?)?;
    (*kind == CHANGE_REQUEST).then(|| String::from_utf8_lossy(words).trim().to_owned())
}

/// The hash of a key exchange; `None` for a hybrid one, whose secret is not known whole.
fn hash_of(exchange: &str) -> Option<Hash> {
    Some(match exchange {
        name if name.starts_with("mlkem") => return None,
        name if name.ends_with("sha1") => |bytes| Sha1::digest(bytes).to_vec(),
        name if name.ends_with("sha384") || name.ends_with("nistp384") => {
            |bytes| Sha384::digest(bytes).to_vec()
        }
        name if name.ends_with("sha512") || name.ends_with("nistp521") => {
            |bytes| Sha512::digest(bytes).to_vec()
        }
        _ => |bytes| Sha256::digest(bytes).to_vec(),
    })
}

/// A positive number as RFC 4251, section 5, has it.
fn mpint(number: &[u8]) -> CryptoVec {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let needs_sign = number.first().is_some_and(|byte| *byte >= 0x80);
    let length = number.len() + usize::from(needs_sign);
    let length = u32::try_from(length).expect("a shared secret is short");
    let mut encoded = CryptoVec::from_slice(&length.to_be_bytes());
    if needs_sign {
        encoded.extend(&[0]);
    }
    encoded.extend(number);
    encoded
}
