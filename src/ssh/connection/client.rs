//! What the SSH library asks of us: to judge a host key, and to take note of a connection's end.

use std::sync::{Arc, Mutex, Weak};

use russh::Names;
use russh::client::{self, DisconnectReason, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use tokio_util::sync::DropGuard;

use crate::error::Error;
use crate::ssh::connection::notices::Notices;
use crate::ssh::connection::overheard::Agreed;
use crate::ssh::failure::os_reason;
use crate::ssh::host_key::{HostKeyVerifier, bare};
use crate::sync::lock;

/// How a reason begins that the server itself has given.
pub(in crate::ssh) const SERVER_SAID: &str = "the server said: ";

/// What becomes of the host key that a server shows.
pub(in crate::ssh) enum HostKeyCheck {
    /// The rule says whether the connection goes on.
    By(Box<HostKeyVerifier>),
    /// It is noted, and the connection ends.
    Collect(Arc<Mutex<Option<PublicKey>>>),
}

/// The library's view of us: judges host keys, notes why the connection ended.
pub(in crate::ssh) struct Client {
    judge: HostKeyCheck,
    shown: Arc<Mutex<Option<PublicKey>>>,
    refusal: Arc<Mutex<Option<Error>>>,
    reason: Arc<Mutex<Option<String>>>,
    /// Gone once the login is over.
    notices: Weak<Notices>,
    agreed: Arc<Mutex<Option<Agreed>>>,
    had_first_exchange: bool,
    // The library drops its handler when its task ends, whatever ends it.
    _closed: DropGuard,
}

impl Client {
    pub(in crate::ssh) fn new(
        judge: HostKeyCheck,
        notices: &Arc<Notices>,
        closed: DropGuard,
    ) -> Self {
        Self {
            judge,
            notices: Arc::downgrade(notices),
            shown: Arc::default(),
            refusal: Arc::default(),
            reason: Arc::default(),
            agreed: Arc::default(),
            had_first_exchange: false,
            _closed: closed,
        }
    }

    /// Where it puts the host key that was shown.
    pub(in crate::ssh) fn shown(&self) -> Arc<Mutex<Option<PublicKey>>> {
        Arc::clone(&self.shown)
    }

    /// Where it says why it refused a host key.
    pub(in crate::ssh) fn refusal(&self) -> Arc<Mutex<Option<Error>>> {
        Arc::clone(&self.refusal)
    }

    /// Where it puts what was agreed on in the key exchange.
    pub(in crate::ssh) fn agreed(&self) -> Arc<Mutex<Option<Agreed>>> {
        Arc::clone(&self.agreed)
    }

    /// The reason why the connection ended, once there is one.
    pub(in crate::ssh) fn reason(&self) -> Arc<Mutex<Option<String>>> {
        Arc::clone(&self.reason)
    }
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        *lock(&self.shown) = Some(bare(shown));
        let judged = match &self.judge {
            HostKeyCheck::By(rule) => rule.judge(shown),
            HostKeyCheck::Collect(place) => {
                *lock(place) = Some(bare(shown));
                return Ok(false);
            }
        };
        if let Err(error) = judged {
            *lock(&self.refusal) = Some(error);
            return Ok(false);
        }
        Ok(true)
    }

    async fn auth_banner(&mut self, text: &str, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(notices) = self.notices.upgrade() {
            notices.hear(text);
        }
        Ok(())
    }

    async fn kex_done(
        &mut self,
        secret: Option<&[u8]>,
        names: &Names,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if !self.had_first_exchange {
            self.had_first_exchange = true;
            *lock(&self.agreed) = Agreed::of(secret, names);
        }
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<Self::Error>,
    ) -> Result<(), Self::Error> {
        let text = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("{SERVER_SAID}{}", info.message)
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
