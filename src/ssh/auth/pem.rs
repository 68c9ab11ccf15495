//! Private keys that OpenSSL's traditional format encrypts: PEM with a `DEK-Info` header (RFC 1421,
//! section 4.6.1.3), of which the SSH library knows RSA keys with AES-128 alone.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::hex::bytes;

/// The key decrypted, as PEM; `None` if it is not encrypted in this way. The error is the rest of a
/// sentence that names the key.
pub(super) fn decrypt(text: &str, passphrase: Option<&str>) -> Result<Option<String>, String> {
    let Some(parts) = Parts::of(text) else {
        return Ok(None);
    };
    let passphrase = passphrase
        .ok_or_else(|| "is protected by a passphrase; give it as `passphrase`".to_owned())?;
    let wrong = || "is not opened by the passphrase that was given".to_owned();
    let der = match parts.cipher.to_ascii_uppercase().as_str() {
        "AES-128-CBC" => parts.open::<cbc::Decryptor<aes::Aes128>>(passphrase, 16),
        "AES-192-CBC" => parts.open::<cbc::Decryptor<aes::Aes192>>(passphrase, 24),
        "AES-256-CBC" => parts.open::<cbc::Decryptor<aes::Aes256>>(passphrase, 32),
        "DES-EDE3-CBC" => parts.open::<cbc::Decryptor<des::TdesEde3>>(passphrase, 24),
        other => {
            return Err(format!(
                "is encrypted with {other}, which is not understood"
            ));
        }
    };
    let der = der.ok_or_else(wrong)?;
    // Padding alone fits by chance once in some 256 times; every key begins as an ASN.1 sequence.
    if der.first() != Some(&0x30) {
        return Err(wrong());
    }
    let (label, body) = (parts.label, BASE64_STANDARD.encode(der));
    Ok(Some(format!(
        "-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"
    )))
}

struct Parts<'a> {
    label: &'a str,
    cipher: &'a str,
    vector: Vec<u8>,
    body: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (_, rest) = text.split_once("-----BEGIN ")?;
        let (label, rest) = rest.split_once("-----")?;
        let (inside, _) = rest.split_once("-----END ")?;
        let info = inside
            .lines()
            .find_map(|line| line.trim().strip_prefix("DEK-Info:"))?;
        let (cipher, vector) = info.split_once(',')?;
        let body: String = inside
            .lines()
            .filter(|line| !line.contains(':'))
            .flat_map(|line| line.trim().chars())
            .collect();
        Some(Self {
            label,
            cipher: cipher.trim(),
            vector: bytes(vector.trim())?,
            body: BASE64_STANDARD.decode(body).ok()?,
        })
    }

    fn open<D: KeyIvInit + BlockModeDecrypt>(
        &self,
        passphrase: &str,
        key_length: usize,
    ) -> Option<Vec<u8>> {
        let key = derive(passphrase.as_bytes(), self.vector.get(..8)?, key_length);
        let decryptor = D::new_from_slices(&key, &self.vector).ok()?;
        let mut body = self.body.clone();
        let opened = decryptor.decrypt_padded::<Pkcs7>(&mut body).ok()?;
        Some(opened.to_vec())
    }
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round: weak, and what such files are made with.
fn derive(passphrase: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut key = Vec::new();
    let mut last = Vec::new();
    while key.len() < length {
        last = md5::compute([&last, passphrase, salt].concat()).to_vec();
        key.extend_from_slice(&last);
    }
    key.truncate(length);
    key
}
