//! Logging in: the methods that a server's configuration allows, in order (RFC 4252).

use std::sync::Arc;
use std::time::Duration;

use russh::MethodKind;
use russh::client::{AuthResult, Handle};
use russh::keys::{self, HashAlg, PrivateKey, PrivateKeyWithHashAlg};

use super::client::Client;
use super::failure::{ConnectError, unreachable};
use crate::config::expand_home;
use crate::error::Error;
use crate::store::servers::Server;

/// A line's end takes a moment to be known.
const END_IS_KNOWN: Duration = Duration::from_millis(20);

/// Tries the key, then the password.
pub(super) async fn authenticate(
    handle: &mut Handle<Client>,
    alias: &str,
    server: &Server,
) -> Result<(), ConnectError> {
    let mut tried = Vec::new();
    let mut offered = Vec::new();
    let lost = |error: russh::Error| unreachable(alias, server, &error);

    if let Some(path) = &server.key_path {
        let key = load_key(path)
            .await
            .map_err(|reason| refused(alias, server, reason, &tried))?;
        tried.push("publickey".to_owned());
        let is_rsa = key.algorithm().is_rsa();
        let hash = if is_rsa {
            rsa_hash(handle).await.map_err(lost)?
        } else {
            None
        };
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let outcome = handle.authenticate_publickey(&server.user, key).await;
        match remaining(handle, outcome).await.map_err(lost)? {
            None => return Ok(()),
            Some(methods) => offered = methods,
        }
    }
    if let Some(password) = &server.password {
        tried.push("password".to_owned());
        let outcome = handle
            .authenticate_password(&server.user, password.expose())
            .await;
        match remaining(handle, outcome).await.map_err(lost)? {
            None => return Ok(()),
            Some(methods) => offered = methods,
        }
    }
    let offered: Vec<&str> = offered.iter().map(<&str>::from).collect();
    let reason = match (tried.is_empty(), offered.is_empty()) {
        (true, _) => "neither keyPath nor password is configured".to_owned(),
        (false, true) => format!("it refused {}", tried.join(" and ")),
        (false, false) => format!(
            "it refused {}; it offers {}",
            tried.join(" and "),
            offered.join(", ")
        ),
    };
    Err(refused(alias, server, reason, &tried))
}

/// The methods that the server still offers after a refusal; `None` after success.
///
/// The library reports a line that broke as a refusal that offers nothing.
async fn remaining(
    handle: &Handle<Client>,
    outcome: Result<AuthResult, russh::Error>,
) -> Result<Option<Vec<MethodKind>>, russh::Error> {
    let AuthResult::Failure {
        remaining_methods, ..
    } = outcome?
    else {
        return Ok(None);
    };
    if remaining_methods.is_empty() {
        tokio::time::sleep(END_IS_KNOWN).await;
        if handle.is_closed() {
            return Err(russh::Error::Disconnect);
        }
    }
    Ok(Some(remaining_methods.to_vec()))
}

/// SHA-1 signatures are refused by current servers, so one that announces nothing gets SHA-512 (RFC 8332).
async fn rsa_hash(handle: &Handle<Client>) -> Result<Option<HashAlg>, russh::Error> {
    Ok(handle
        .best_supported_rsa_hash()
        .await?
        .unwrap_or(Some(HashAlg::Sha512)))
}

/// Reads a private key; the error is the reason, as the rest of a sentence.
async fn load_key(path: &str) -> Result<PrivateKey, String> {
    let expanded = expand_home(path);
    // Deriving a key from a passphrase takes a good part of a second.
    let loaded = tokio::task::spawn_blocking(move || keys::load_secret_key(expanded, None)).await;
    loaded.map_err(|error| error.to_string())?.map_err(|error| {
        let problem = match error {
            keys::Error::IO(error) => format!("cannot be read: {error}"),
            keys::Error::KeyIsEncrypted => {
                "is protected by a passphrase; use a key without one, or a password".to_owned()
            }
            other => format!("is not a private key that can be used ({other})"),
        };
        format!("the key `{path}` {problem}")
    })
}

fn refused(alias: &str, server: &Server, reason: String, tried: &[String]) -> ConnectError {
    ConnectError::Final(Error::Auth {
        alias: alias.to_owned(),
        user: server.user.clone(),
        reason,
        tried: tried.to_vec(),
    })
}
