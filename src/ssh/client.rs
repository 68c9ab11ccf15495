//! What the SSH library asks of us: to judge a host key, and to take note of a line's end.

use std::sync::{Arc, Mutex};

use russh::client::{self, DisconnectReason};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use tokio_util::sync::DropGuard;

use super::failure::os_reason;
use super::known_hosts::{KnownHosts, Verdict, fingerprint};
use crate::error::Error;
use crate::store::servers::Server;
use crate::sync::lock;

/// The library's view of us: judges host keys, notes why the line ended.
pub(super) struct Client {
    alias: String,
    host: String,
    port: u16,
    known_hosts: KnownHosts,
    refusal: Arc<Mutex<Option<Error>>>,
    reason: Arc<Mutex<Option<String>>>,
    // The library drops its handler when its task ends, whatever ends it.
    _closed: DropGuard,
}

impl Client {
    pub(super) fn new(
        alias: &str,
        server: &Server,
        known_hosts: KnownHosts,
        closed: DropGuard,
    ) -> Self {
        Self {
            alias: alias.to_owned(),
            host: server.host.clone(),
            port: server.port(),
            known_hosts,
            refusal: Arc::default(),
            reason: Arc::default(),
            _closed: closed,
        }
    }

    /// Where it says why it refused a host key.
    pub(super) fn refusal(&self) -> Arc<Mutex<Option<Error>>> {
        Arc::clone(&self.refusal)
    }

    /// Where it says why the line ended.
    pub(super) fn reason(&self) -> Arc<Mutex<Option<String>>> {
        Arc::clone(&self.reason)
    }

    /// Accepts a known key, learns the key of a new host, refuses any other.
    fn judge(&self, key: &PublicKey) -> Result<(), Error> {
        match self.known_hosts.judge(&self.host, self.port, key)? {
            Verdict::Known => Ok(()),
            Verdict::New => {
                self.known_hosts.learn(&self.host, self.port, key)?;
                tracing::info!(
                    "host key of {}:{} recorded on first use: {}",
                    self.host,
                    self.port,
                    fingerprint(key)
                );
                Ok(())
            }
            Verdict::Changed { known, known_at } => Err(Error::HostKeyMismatch {
                alias: self.alias.clone(),
                host: self.host.clone(),
                port: self.port,
                presented: fingerprint(key),
                known,
                known_at,
            }),
        }
    }
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        // Certificates are not asked for, so a server has no cause to show one.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        match self.judge(key) {
            Ok(()) => Ok(true),
            Err(error) => {
                *lock(&self.refusal) = Some(error);
                Ok(false)
            }
        }
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<Self::Error>,
    ) -> Result<(), Self::Error> {
        let text = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the server said: {}", info.message)
            }
            DisconnectReason::Error(russh::Error::IO(error)) => os_reason(error),
            DisconnectReason::Error(error) => error.to_string(),
        };
        *lock(&self.reason) = Some(text);
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => Err(error),
        }
    }
}
