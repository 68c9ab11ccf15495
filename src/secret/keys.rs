//! The key that secrets are encrypted with: from `MCP_SECRET_KEY`, the operating system's keyring, or a
//! file that only its owner may read.

use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use sha2::{Digest, Sha256};

use super::Secret;
use crate::error::Error;
use crate::fs::{lock_patiently, small_file, write_new};
use crate::hex::{bytes, digits};
use crate::sync::lock;

/// The key file's name in the data directory.
pub(super) const KEY_FILE: &str = "secret.key";

const LENGTH: usize = 32;

/// Rounds of key derivation (OWASP's figure of 2023 for PBKDF2 with SHA-256).
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not 0");

/// Makes a derived key differ from another program's key for the same text.
const SALT: &[u8] = b"mcp-sftp-orchestrator secrets v1";

/// A key for AES-256.
#[derive(Clone)]
pub(super) struct Key([u8; LENGTH]);

impl Key {
    fn random() -> Result<Self, io::Error> {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    fn derived(secret: &str) -> Self {
        let mut bytes = [0; LENGTH];
        let secret = secret.as_bytes();
        derive(PBKDF2_HMAC_SHA256, ROUNDS, SALT, secret, &mut bytes);
        Self(bytes)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        bytes(text)?.try_into().ok().map(Self)
    }

    fn text(&self) -> String {
        digits(&self.0)
    }

    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// A short hash that identifies the key without revealing it.
    pub(super) fn name(&self) -> String {
        digits(
            &Sha256::new()
                .chain_update(SALT)
                .chain_update(self.0)
                .finalize()[..4],
        )
    }
}

/// The sources of keys. Cheap to clone.
#[derive(Clone)]
pub(super) struct Keys(Arc<KeySources>);

struct KeySources {
    file: PathBuf,
    own: Option<Secret>,
    has_keyring: bool,
    /// The key for what is encrypted from now on, once it is known.
    sealing: Mutex<Option<Key>>,
    /// Keys that were needed so far.
    found: Mutex<Vec<Key>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keys").field(&self.0.file).finish()
    }
}

impl Keys {
    pub(super) fn new(data_dir: &Path, own: Option<Secret>, has_keyring: bool) -> Self {
        Self(Arc::new(KeySources {
            file: data_dir.join(KEY_FILE),
            own,
            has_keyring,
            sealing: Mutex::default(),
            found: Mutex::default(),
        }))
    }

    /// The data directory.
    pub(super) fn directory(&self) -> &Path {
        self.0.file.parent().unwrap_or(&self.0.file)
    }

    /// The source that is used, in words.
    fn source(&self) -> String {
        if self.0.own.is_some() {
            "MCP_SECRET_KEY".to_owned()
        } else if !self.0.has_keyring || self.0.file.exists() {
            self.0.file.display().to_string()
        } else {
            "the keyring".to_owned()
        }
    }

    /// The source of the key that [`Self::for_sealing`] takes or would make, in words. Blocks while a person
    /// is asked to unlock the keyring.
    pub(super) fn sealing_source(&self) -> String {
        let source = self.source();
        let says_keyring = self.0.own.is_none() && self.0.has_keyring && !self.0.file.exists();
        if says_keyring && !keyring::answers() {
            return format!(
                "{}, which is made when it is needed: there is no keyring here",
                self.0.file.display()
            );
        }
        source
    }

    /// The key for new secrets. An existing key file precedes the keyring: it was made where no keyring
    /// answered, and other processes may still reach none.
    pub(super) fn for_sealing(&self) -> Result<Key, Error> {
        let mut sealing = lock(&self.0.sealing);
        if let Some(key) = &*sealing {
            return Ok(key.clone());
        }
        let key = match self.own_key() {
            Some(key) => key,
            None => match self
                .file_key()
                .map_err(|error| self.failed("read", &error))?
            {
                Some(key) => key,
                None => match self.keyring(|| self.keyring_key()) {
                    Some(key) => key,
                    None => self
                        .make_file()
                        .map_err(|error| self.failed("write", &error))?,
                },
            },
        };
        *sealing = Some(key.clone());
        drop(sealing);
        lock(&self.0.found).push(key.clone());
        Ok(key)
    }

    /// Looks for the key of this name. The error completes a sentence.
    pub(super) fn named(&self, name: &str) -> Result<Key, String> {
        let mut found = lock(&self.0.found);
        if let Some(key) = found.iter().find(|key| key.name() == name) {
            return Ok(key.clone());
        }
        let file = self.file_key().ok().flatten();
        let is_it = |key: &Key| key.name() == name;
        let mut key = [self.own_key(), file].into_iter().flatten().find(is_it);
        let mut unreached = String::new();
        if key.is_none() && self.0.has_keyring {
            match keyring::get() {
                Ok(kept) => key = kept.filter(is_it),
                Err(reason) => unreached = format!("; the keyring was not reached: {reason}"),
            }
        }
        let key = key.ok_or_else(|| {
            format!(
                "it was encrypted with a key that is not in {}{unreached}; set the secret again, or bring that key back",
                self.source()
            )
        })?;
        found.push(key.clone());
        Ok(key)
    }

    fn own_key(&self) -> Option<Key> {
        self.0.own.as_ref().map(|own| Key::derived(own.expose()))
    }

    fn keyring(&self, ask: impl FnOnce() -> Option<Key>) -> Option<Key> {
        self.0.has_keyring.then(ask).flatten()
    }

    /// Takes the keyring's key, or makes it under a lock, so that only one of several processes does.
    fn keyring_key(&self) -> Option<Key> {
        let path = self.0.file.with_extension("key.lock");
        // A person may be asked to unlock the keyring.
        let _lock = lock_patiently(&path).ok()?;
        keyring::get_or_make()
    }

    fn file_key(&self) -> io::Result<Option<Key>> {
        match small_file::read(&self.0.file) {
            Ok(text) => Key::parse(&text).map(Some).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it is not a key of this program's",
                )
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a key file, or takes the one that another process has made meanwhile.
    fn make_file(&self) -> io::Result<Key> {
        let key = Key::random()?;
        match write_new(&self.0.file, key.text().as_bytes()) {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.file_key()?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    fn failed(&self, action: &'static str, error: &io::Error) -> Error {
        Error::storage(&self.0.file, action, error)
    }
}

/// The operating system's keyring. Every call may block while a person is asked to unlock it.
mod keyring {
    use std::sync::Arc;

    use keyring_core::{CredentialStore, Entry, Error};

    use super::Key;
    #[cfg(all(unix, not(target_os = "macos")))]
    use crate::login_session::{BUS_VARIABLE, no_bus, variable};

    const SERVICE: &str = env!("CARGO_PKG_NAME");
    const USER: &str = "secrets";

    /// The key in it. The error says why it was not reached.
    pub(super) fn get() -> Result<Option<Key>, String> {
        read(&entry()?)
    }

    /// Says whether a keyring answers.
    pub(super) fn answers() -> bool {
        let answer = entry().map(|entry| entry.get_password());
        matches!(answer, Ok(Ok(_) | Err(Error::NoEntry)))
    }

    /// The key in it, made if there is none; `None` without a keyring that keeps it.
    pub(super) fn get_or_make() -> Option<Key> {
        let entry = entry().ok()?;
        if let Ok(Some(key)) = read(&entry) {
            return Some(key);
        }
        entry.set_password(&Key::random().ok()?.text()).ok()?;
        // Read back: some keyrings forget.
        read(&entry).ok().flatten()
    }

    fn read(entry: &Entry) -> Result<Option<Key>, String> {
        match entry.get_password() {
            Ok(text) => Ok(Key::parse(text.as_bytes())),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => {
                tracing::debug!("the keyring gives nothing: {error}");
                Err(error.to_string())
            }
        }
    }

    fn entry() -> Result<Entry, String> {
        let entry = store()?.build(SERVICE, USER, None);
        entry.map_err(|error| error.to_string())
    }

    #[cfg(target_os = "macos")]
    fn store() -> Result<Arc<CredentialStore>, String> {
        let store = apple_native_keyring_store::keychain::Store::new();
        Ok(store.map_err(|error| error.to_string())?)
    }

    #[cfg(windows)]
    fn store() -> Result<Arc<CredentialStore>, String> {
        let store = windows_native_keyring_store::Store::new();
        Ok(store.map_err(|error| error.to_string())?)
    }

    /// Opens the keyring if a session bus is known, because the library would start one otherwise. It reads the
    /// address from the environment alone.
    #[cfg(all(unix, not(target_os = "macos")))]
    fn store() -> Result<Arc<CredentialStore>, String> {
        variable(BUS_VARIABLE).ok_or_else(no_bus)?;
        let store = dbus_secret_service_keyring_store::Store::new();
        Ok(store.map_err(|error| error.to_string())?)
    }

    #[cfg(not(any(unix, windows)))]
    fn store() -> Result<Arc<CredentialStore>, String> {
        Err("this system has none that is known".to_owned())
    }
}
