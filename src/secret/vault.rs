//! Encrypts secrets for the files that hold them, and reveals them when they are needed.

use std::path::Path;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Generate, KeyInit, Nonce};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::keys::{Key, Keys};
use super::reference::Reference;
use super::{Secret, remember, remember_of};
use crate::error::Error;

/// Begins an encrypted secret; the name of its key, a colon, and nonce and ciphertext in base64 follow.
const SEALED: &str = "sealed:v1:";

/// Encrypts and reveals secrets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault(Keys);

impl Vault {
    /// Opens the vault of a data directory. `key`, if given, is used instead of the keyring's and the key
    /// file's. The keyring is used only if `keyring` is set.
    pub fn open(data_dir: &Path, key: Option<Secret>, keyring: bool) -> Self {
        Self(Keys::new(data_dir, key, keyring))
    }

    /// The source of the key for new secrets, in words. Blocks while a person is asked to unlock a keyring.
    pub fn key_source(&self) -> String {
        self.0.sealing_source()
    }

    /// Says whether a secret is in clear text.
    pub fn is_clear(secret: &Secret) -> bool {
        !secret.expose().starts_with(SEALED) && !Self::is_reference(secret)
    }

    /// Says whether a secret is a reference.
    pub fn is_reference(secret: &Secret) -> bool {
        Reference::of(secret.expose()).is_some()
    }

    /// Encrypts a secret in clear text with AES-256-GCM. Blocks: the keyring may have to be asked.
    pub fn seal(&self, secret: &Secret) -> Result<Secret, Error> {
        if !Self::is_clear(secret) {
            return Ok(secret.clone());
        }
        remember(secret.expose());
        let key = self.0.for_sealing()?;
        let (nonce, sealed) = encrypt(&key, secret.expose().as_bytes())?;
        let text = BASE64_STANDARD_NO_PAD.encode([nonce, sealed].concat());
        Ok(Secret(format!("{SEALED}{}:{text}", key.name())))
    }

    /// Encrypts bytes of any length with AES-256-GCM. Blocks, as [`Vault::seal`] does.
    pub fn seal_bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let key = self.0.for_sealing()?;
        let (nonce, sealed) = encrypt(&key, bytes)?;
        let header = format!("{SEALED}{}:", key.name());
        Ok([header.as_bytes(), &nonce, &sealed].concat())
    }

    /// Decrypts what [`Vault::seal_bytes`] has encrypted. Blocks.
    pub fn unseal_bytes(&self, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let unreadable = |reason: String| Error::SecretUnavailable {
            secret: "a kept content".to_owned(),
            reason,
        };
        let rest = sealed.strip_prefix(SEALED.as_bytes()).unwrap_or_default();
        let parts = rest.iter().position(|byte| *byte == b':').and_then(|end| {
            let name = std::str::from_utf8(&rest[..end]).ok()?;
            Some((name, &rest[end + 1..]))
        });
        let damaged = || unreadable("it is damaged".to_owned());
        let (name, sealed) = parts.ok_or_else(damaged)?;
        let key = self.0.named(name).map_err(unreadable)?;
        decrypt(&key, sealed).ok_or_else(damaged)
    }

    /// Decrypts or fetches a secret. The result is in clear text and must not be stored.
    pub async fn reveal(&self, secret: &Secret) -> Result<Secret, Error> {
        self.reveal_of(None, secret).await
    }

    /// The same for a secret of the server with this alias.
    pub async fn reveal_of(&self, alias: Option<&str>, secret: &Secret) -> Result<Secret, Error> {
        let text = secret.expose();
        let revealed = if let Some(reference) = Reference::of(text) {
            let fetched = reference.fetch(self.0.directory()).await;
            fetched.map_err(|reason| Error::SecretUnavailable {
                secret: secret.shown(),
                reason,
            })?
        } else if text.starts_with(SEALED) {
            let (vault, secret) = (self.clone(), secret.clone());
            crate::fs::blocking(move || vault.unseal(&secret)).await?
        } else {
            text.to_owned()
        };
        remember_of(alias, &revealed);
        Ok(Secret(revealed))
    }

    /// Replaces stored secrets with their clear text.
    pub async fn reveal_all(&self, secrets: Vec<&mut Secret>) -> Result<(), Error> {
        for secret in secrets {
            *secret = self.reveal(secret).await?;
        }
        Ok(())
    }

    /// Decrypts a secret; one that is not encrypted is returned unchanged. Blocks.
    pub fn unseal(&self, secret: &Secret) -> Result<String, Error> {
        let text = secret.expose();
        let Some(sealed) = text.strip_prefix(SEALED) else {
            return Ok(text.to_owned());
        };
        let unreadable = |reason: String| Error::SecretUnavailable {
            secret: "a stored secret".to_owned(),
            reason,
        };
        let (name, sealed) = sealed
            .split_once(':')
            .ok_or_else(|| unreadable("it is damaged".to_owned()))?;
        let key = self.0.named(name).map_err(unreadable)?;
        let decrypted = BASE64_STANDARD_NO_PAD
            .decode(sealed)
            .ok()
            .and_then(|bytes| decrypt(&key, &bytes))
            .and_then(|bytes| String::from_utf8(bytes).ok());
        decrypted.ok_or_else(|| unreadable("it is damaged".to_owned()))
    }
}

/// Bytes of a nonce (NIST SP 800-38D, section 5.2.1.1).
const NONCE: usize = 12;

/// Encrypts bytes. Returns nonce and ciphertext.
fn encrypt(key: &Key, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let nonce = Nonce::<Aes256Gcm>::generate();
    let sealed = cipher(key).encrypt(&nonce, bytes);
    let sealed = sealed.map_err(|_| Error::Internal {
        reason: "a secret could not be encrypted".to_owned(),
    })?;
    Ok((nonce.to_vec(), sealed))
}

/// Decrypts a ciphertext that stands behind its nonce.
fn decrypt(key: &Key, bytes: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
    let nonce = Nonce::<Aes256Gcm>::try_from(nonce).ok()?;
    cipher(key).decrypt(&nonce, sealed).ok()
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new(key.bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &tempfile::TempDir, key: Option<&str>) -> Vault {
        Vault::open(directory.path(), key.map(Secret::from), false)
    }

    #[test]
    fn a_sealed_secret_is_opened_by_the_same_key_alone() {
        let directory = tempfile::tempdir().unwrap();
        let vault = open(&directory, None);
        let secret = Secret::from("hunter2 and more");
        let sealed = vault.seal(&secret).unwrap();
        assert!(!sealed.expose().contains("hunter2") && !Vault::is_clear(&sealed));
        assert_ne!(sealed, vault.seal(&secret).unwrap());
        assert_eq!(vault.seal(&sealed).unwrap(), sealed);
        // Another process finds the key in its file.
        let other = open(&directory, None);
        assert_eq!(other.unseal(&sealed).unwrap(), secret.expose());

        let elsewhere = tempfile::tempdir().unwrap();
        let error = open(&elsewhere, None).unseal(&sealed).unwrap_err();
        assert_eq!(error.code(), "SECRET_UNAVAILABLE");
    }

    #[test]
    fn the_user_s_own_key_needs_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let vault = open(&directory, Some("correct horse"));
        let sealed = vault.seal(&Secret::from("hunter2")).unwrap();
        assert_eq!(
            open(&directory, Some("correct horse"))
                .unseal(&sealed)
                .unwrap(),
            "hunter2"
        );
        assert!(
            open(&directory, Some("wrong horse"))
                .unseal(&sealed)
                .is_err()
        );
        assert!(!directory.path().join(super::super::keys::KEY_FILE).exists());
    }

    #[test]
    fn a_damaged_secret_is_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        let vault = open(&directory, None);
        let sealed = vault.seal(&Secret::from("hunter2")).unwrap();
        let text = sealed.expose();
        for damaged in [&text[..text.len() - 4], "sealed:v1:", "sealed:v1:xx:yy"] {
            assert!(vault.unseal(&Secret::from(damaged)).is_err(), "{damaged}");
        }
    }

    #[test]
    fn bytes_are_opened_by_the_same_key_alone() {
        let directory = tempfile::tempdir().unwrap();
        let vault = open(&directory, None);
        for bytes in [&b""[..], b"content: \n\xFF\0"] {
            let sealed = vault.seal_bytes(bytes).unwrap();
            assert_eq!(open(&directory, None).unseal_bytes(&sealed).unwrap(), bytes);
            assert!(vault.unseal_bytes(&sealed[..sealed.len() - 1]).is_err());
        }
        let sealed = vault.seal_bytes(b"content").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        assert!(open(&elsewhere, None).unseal_bytes(&sealed).is_err());
        assert!(vault.unseal_bytes(b"content").is_err());
    }

    #[tokio::test]
    async fn references_stay_references() {
        let directory = tempfile::tempdir().unwrap();
        let vault = open(&directory, None);
        let reference = Secret::from("env:PATH");
        assert_eq!(vault.seal(&reference).unwrap(), reference);
        let revealed = vault.reveal(&reference).await.unwrap();
        assert_eq!(revealed.expose(), std::env::var("PATH").unwrap());
        let error = vault
            .reveal(&Secret::from("env:NO_SUCH"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("env:NO_SUCH"), "{error}");
    }
}
