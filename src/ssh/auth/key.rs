//! A private key in a file, and an OpenSSH certificate for it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{self, Algorithm, Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use tokio::time::timeout;

use super::accepted::OfferedKey;
use super::pem::decrypt;
use super::{AuthFailure, LoginAttempt, MethodOutcome};
use crate::error::LEGACY;
use crate::fs::small_file;
use crate::secret::Secret;
use crate::ssh::target::written::is_public;

/// Time in which a server's announcement arrives, of which the library waits for a whole second. It follows
/// the key exchange at once (RFC 8308, section 2.4), and old servers send none.
const EXTENSIONS_TIME: Duration = Duration::from_millis(200);

/// Offers a key: first with its certificate, if it has one, then by itself.
pub(super) async fn offer(
    login: &mut LoginAttempt<'_>,
    path: &Path,
    passphrase: Option<&Secret>,
) -> Result<MethodOutcome, AuthFailure> {
    let key = match load(path, passphrase).await {
        Ok(key) if is_touched(&key.algorithm()) => {
            login.unusable.push(format!(
                "the key `{}` is that of a security key, with which the SSH agent signs: \
                 `ssh-add` it, and set agent: true",
                path.display()
            ));
            return Ok(MethodOutcome::Refused);
        }
        Ok(key) => Arc::new(key),
        Err(reason) => {
            login
                .unusable
                .push(format!("the key `{}` {reason}", path.display()));
            return Ok(MethodOutcome::Refused);
        }
    };
    let user = &login.target.server.user;
    for hash in signature_hashes(login, key.algorithm()).await? {
        for certificate in certificates(login, path, &key).await {
            login.tried.push("publickey");
            let mut signer = Signer {
                key: Arc::clone(&key),
            };
            let outcome = login
                .handle
                .authenticate_certificate_with(user, certificate, hash, &mut signer)
                .await;
            match login.record(outcome.map_err(|Failed(error)| error)).await? {
                MethodOutcome::Refused => {}
                other => return Ok(accepted(login, path, other)),
            }
        }
        login.tried.push("publickey");
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
        let outcome = login.handle.authenticate_publickey(user, key).await;
        match login.record(outcome).await? {
            MethodOutcome::Refused => {}
            other => return Ok(accepted(login, path, other)),
        }
    }
    Ok(MethodOutcome::Refused)
}

/// Notes that the server has accepted a key, and returns the outcome.
fn accepted(login: &LoginAttempt<'_>, path: &Path, outcome: MethodOutcome) -> MethodOutcome {
    let key = OfferedKey::File(path.to_owned());
    login.accepted_keys.note(login.target, key);
    outcome
}

/// Returns whether a key signs only when a person touches it.
pub(super) fn is_touched(algorithm: &Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
    )
}

/// The hashes to sign with. Only RSA keys leave a choice: a server that announces none gets SHA-512 (RFC
/// 8332), then SHA-1 if old algorithms are allowed.
pub(super) async fn signature_hashes(
    login: &mut LoginAttempt<'_>,
    algorithm: Algorithm,
) -> Result<Vec<Option<HashAlg>>, russh::Error> {
    if !algorithm.is_rsa() {
        return Ok(vec![None]);
    }
    let is_old_allowed = login.target.server.allows_old_algorithms();
    let announced = timeout(EXTENSIONS_TIME, login.handle.best_supported_rsa_hash()).await;
    let announced = announced.unwrap_or(Ok(None))?;
    let mut hashes = vec![announced.unwrap_or(Some(HashAlg::Sha512))];
    if is_old_allowed && !hashes.contains(&None) {
        hashes.push(None);
    }
    if announced.flatten().is_none() && !is_old_allowed {
        hashes.retain(Option::is_some);
        let problem = match announced {
            Some(_) => "it takes RSA keys with SHA-1 signatures alone",
            None => "if it is old, it may take RSA keys with SHA-1 signatures alone",
        };
        let problem = format!("{problem}, which {LEGACY} allows");
        if !login.unusable.contains(&problem) {
            login.unusable.push(problem);
        }
    }
    Ok(hashes)
}

/// The path of a key file with `addition` at its end.
pub(super) fn beside(key: &Path, addition: &str) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(addition);
    name.into()
}

/// The certificates for a key: the one beside it, and those of the user's SSH configuration.
async fn certificates(
    login: &mut LoginAttempt<'_>,
    path: &Path,
    key: &PrivateKey,
) -> Vec<Certificate> {
    let mut found: Vec<Certificate> = Vec::new();
    let beside = beside(path, "-cert.pub");
    for path in std::iter::once(&beside).chain(&login.target.certificates) {
        let text = match read(path).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                let path = path.display();
                login
                    .unusable
                    .push(format!("the certificate `{path}` cannot be read: {error}"));
                continue;
            }
        };
        match Certificate::from_openssh(text.trim()) {
            Ok(certificate) => {
                let is_its = certificate.public_key() == key.public_key().key_data();
                if is_its && !found.contains(&certificate) {
                    found.push(certificate);
                }
            }
            Err(error) => login.unusable.push(format!(
                "`{}` is not a certificate ({error})",
                path.display()
            )),
        }
    }
    found
}

/// The text of a file with a key or a certificate.
pub(super) async fn read(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || small_file::read_text(&path));
    reading.await.map_err(io::Error::other)?
}

/// Reads a private key; the error is the rest of a sentence that names it.
async fn load(path: &Path, passphrase: Option<&Secret>) -> Result<PrivateKey, String> {
    let text = read(path)
        .await
        .map_err(|error| format!("cannot be read: {error}"))?;
    let passphrase = passphrase.map(|passphrase| passphrase.expose().to_owned());
    // Deriving a key from a passphrase takes a good part of a second.
    let decoding = tokio::task::spawn_blocking(move || decode(&text, passphrase.as_deref()));
    decoding.await.map_err(|error| error.to_string())?
}

fn decode(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, String> {
    if is_public(text) {
        return Err("is the public half of a key; give the private one as keyPath".to_owned());
    }
    let unencrypted = match decrypt(text, passphrase)? {
        Some(decrypted) => keys::decode_secret_key(&decrypted, None),
        // The library does not read an unencrypted key with a passphrase.
        None => keys::decode_secret_key(text, None),
    };
    let error = match (unencrypted, passphrase) {
        (Ok(key), _) => return Ok(key),
        (Err(_), Some(passphrase)) => match keys::decode_secret_key(text, Some(passphrase)) {
            Ok(key) => return Ok(key),
            Err(error) => error,
        },
        (Err(error), None) => error,
    };
    // An unsupported encryption is no matter of the passphrase. The library tells it only by these words.
    let shown = error.to_string();
    let is_foreign = shown.contains("unsupported") || shown.contains("OBJECT IDENTIFIER");
    let is_encrypted = text.contains("ENCRYPTED") || matches!(error, keys::Error::KeyIsEncrypted);
    Err(match (is_encrypted || is_openssh(text), passphrase) {
        (_, None) if is_encrypted => {
            "is protected by a passphrase; give it as `passphrase`".to_owned()
        }
        (true, Some(_)) if !is_foreign => {
            "is not opened by the passphrase that was given".to_owned()
        }
        _ => format!(
            "is not a private key of a format that is understood ({shown}); `ssh-keygen -p -f` rewrites it as one that is"
        ),
    })
}

fn is_openssh(text: &str) -> bool {
    text.contains("BEGIN OPENSSH PRIVATE KEY")
}

/// Signs with a private key.
struct Signer {
    key: Arc<PrivateKey>,
}

/// The error of a signature.
struct Failed(russh::Error);

impl From<russh::SendError> for Failed {
    fn from(_: russh::SendError) -> Self {
        Self(russh::Error::SendError)
    }
}

impl russh::Signer for Signer {
    type Error = Failed;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, Failed> {
        let signed = match self.key.key_data() {
            KeypairData::Rsa(rsa) => (rsa, hash).try_sign(&data),
            _ => self.key.try_sign(&data),
        };
        let signature = signed.map_err(|error| Failed(keys::Error::from(error).into()))?;
        // The signature's blob, as a string (RFC 4252, section 7; RFC 4253, section 6.6).
        let algorithm = signature.algorithm().to_string();
        let mut blob = string(algorithm.as_bytes());
        blob.extend(string(signature.as_bytes()));
        data.extend(string(&blob));
        Ok(data)
    }
}

/// A string as RFC 4251, section 5, has it.
fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a signature is short");
    [&length.to_be_bytes(), bytes].concat()
}
