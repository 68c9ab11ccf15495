//! The public half of a key, as a line of `authorized_keys` (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

use std::io;

use russh::keys::{HashAlg, PrivateKey, PublicKey};
use serde::{Deserialize, Serialize};

use super::key::{beside, read};
use crate::ssh::target::written::{is_private_key, is_public, key_path};

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizedKey {
    /// Algorithm, key in base64, comment.
    line: String,
    fingerprint: String,
}

impl AuthorizedKey {
    /// Parses a line without options. The error completes the sentence "the key …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if is_private_key(text) {
            return Err(
                "is a private one; give its public half, and keep this one to yourself".to_owned(),
            );
        }
        if text.contains(['\n', '\r']) {
            return Err("has several lines; give one key".to_owned());
        }
        let key = PublicKey::from_openssh(text);
        Self::of(&key.map_err(|error| format!("is not `ssh-ed25519 AAAA… comment` ({error})"))?)
    }

    /// Reads the public half of the key that lies at `keyPath` on this machine: from the file beside it, or from its
    /// own, where it stands in clear.
    pub async fn of_key_file(written: &str) -> Result<Self, String> {
        let path = key_path(written);
        match read(&beside(&path, ".pub")).await {
            Ok(text) => return Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("cannot be read: {error}")),
        }
        let text = read(&path).await;
        let text = text.map_err(|error| format!("cannot be read: {error}"))?;
        if is_public(&text) {
            return Self::parse(&text);
        }
        let key = PrivateKey::from_openssh(text.as_str());
        let key =
            key.map_err(|_| "does not show its public half, and no .pub file lies beside it")?;
        Self::of(key.public_key())
    }

    fn of(key: &PublicKey) -> Result<Self, String> {
        let line = key.to_openssh().map_err(|error| error.to_string())?;
        Ok(Self {
            line: line.trim().to_owned(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        })
    }

    /// Its SHA-256 fingerprint.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Its comment, which may be empty.
    pub fn comment(&self) -> &str {
        self.line.splitn(3, ' ').nth(2).unwrap_or_default()
    }

    /// The content of `authorized_keys` with this key, which is the old content if the key is in it.
    pub fn added_to(&self, content: &[u8]) -> Vec<u8> {
        let mut content = content.to_vec();
        if self.is_in(&content) {
            return content;
        }
        if content.last().is_some_and(|last| *last != b'\n') {
            content.push(b'\n');
        }
        content.extend_from_slice(self.line.as_bytes());
        content.push(b'\n');
        content
    }

    /// Returns true if a line lets this key in, with whatever options and comment.
    fn is_in(&self, content: &[u8]) -> bool {
        let text = String::from_utf8_lossy(content);
        let own = self.line.split(' ').nth(1);
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let mut words = lines.flat_map(str::split_whitespace);
        words.any(|word| Some(word) == own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn a_key_is_added_once() {
        let key = AuthorizedKey::parse(&format!("ssh-ed25519 {KEY}  me@laptop\n")).unwrap();
        assert_eq!(key.comment().trim(), "me@laptop");
        assert!(key.fingerprint().starts_with("SHA256:"));
        let first = key.added_to(b"ssh-rsa AAAA other");
        let text = String::from_utf8(first.clone()).unwrap();
        assert!(
            text.starts_with(&format!("ssh-rsa AAAA other\nssh-ed25519 {KEY}")),
            "{text}"
        );
        assert!(text.ends_with("me@laptop\n"), "{text}");
        assert_eq!(key.added_to(&first), first);
        let restricted = format!("command=\"a b\",no-pty ssh-ed25519 {KEY} old\n");
        assert_eq!(key.added_to(restricted.as_bytes()), restricted.as_bytes());
        let commented = format!("# ssh-ed25519 {KEY}\n");
        assert_eq!(
            key.added_to(commented.as_bytes())
                .iter()
                .filter(|byte| **byte == b'\n')
                .count(),
            2
        );
    }

    #[test]
    fn nothing_but_one_public_key_is_taken() {
        for text in [
            "",
            "hello",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert!(AuthorizedKey::parse(text).is_err(), "{text}");
        }
        let two = format!("ssh-ed25519 {KEY}\nssh-ed25519 {KEY}");
        assert!(AuthorizedKey::parse(&two).is_err());
        let with_options = format!("command=\"x\" ssh-ed25519 {KEY}");
        assert!(AuthorizedKey::parse(&with_options).is_err());
    }
}
