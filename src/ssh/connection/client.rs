//! The SSH library's handler: judges host keys, keeps banners, and notes the reason of a connection's end.

use std::sync::{Arc, Mutex, Weak};

use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure, Names};
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use crate::error::Error;
use crate::ssh::connection::notices::LoginNotices;
use crate::ssh::connection::transcript::Agreed;
use crate::ssh::failure::os_reason;
use crate::ssh::host_key::{HostKeyVerifier, bare};
use crate::sync::lock;

/// Prefix of a reason that the server itself has given.
pub(in crate::ssh) const SERVER_SAID: &str = "the server said: ";

/// The treatment of the host key that a server presents.
pub(in crate::ssh) enum HostKeyCheck {
    /// The connection goes on if the verifier accepts it.
    Verify(Box<HostKeyVerifier>),
    /// It is kept, and the connection ends.
    Collect(Arc<Mutex<Option<PublicKey>>>),
}

/// The receiver of channels that the server opens, where it was asked to forward connections.
pub(in crate::ssh) type ForwardedChannels = Arc<Mutex<Option<mpsc::Sender<Channel<Msg>>>>>;

/// The handler of one connection.
pub(in crate::ssh) struct ClientHandler {
    check: HostKeyCheck,
    presented: Arc<Mutex<Option<PublicKey>>>,
    refusal: Arc<Mutex<Option<Error>>>,
    reason: Arc<Mutex<Option<String>>>,
    /// Dropped once the login is over.
    notices: Weak<LoginNotices>,
    agreed: Arc<Mutex<Option<Agreed>>>,
    forwarded: ForwardedChannels,
    had_first_exchange: bool,
    // The library drops its handler when its task ends, whatever ends it.
    _closed: DropGuard,
}

impl ClientHandler {
    pub(in crate::ssh) fn new(
        check: HostKeyCheck,
        notices: &Arc<LoginNotices>,
        closed: DropGuard,
    ) -> Self {
        Self {
            check,
            notices: Arc::downgrade(notices),
            presented: Arc::default(),
            refusal: Arc::default(),
            reason: Arc::default(),
            agreed: Arc::default(),
            forwarded: Arc::default(),
            had_first_exchange: false,
            _closed: closed,
        }
    }

    /// The host key that was presented, once it is known.
    pub(in crate::ssh) fn presented(&self) -> Arc<Mutex<Option<PublicKey>>> {
        Arc::clone(&self.presented)
    }

    /// The error for a host key that was refused.
    pub(in crate::ssh) fn refusal(&self) -> Arc<Mutex<Option<Error>>> {
        Arc::clone(&self.refusal)
    }

    /// The results of the first key exchange, once it is over.
    pub(in crate::ssh) fn agreed(&self) -> Arc<Mutex<Option<Agreed>>> {
        Arc::clone(&self.agreed)
    }

    /// The receiver of channels that the server opens.
    pub(in crate::ssh) fn forwarded(&self) -> ForwardedChannels {
        Arc::clone(&self.forwarded)
    }

    /// Accepts a channel that the server opens, if connections are forwarded here and there is room for one more.
    async fn take_forwarded(&self, channel: Channel<Msg>, reply: ChannelOpenHandle) {
        let receiver = lock(&self.forwarded).clone();
        let Some(receiver) = receiver else {
            return reply
                .reject(ChannelOpenFailure::AdministrativelyProhibited)
                .await;
        };
        match receiver.try_reserve() {
            Ok(room) => {
                reply.accept().await;
                room.send(channel);
            }
            Err(_) => reply.reject(ChannelOpenFailure::ResourceShortage).await,
        }
    }

    /// The reason of the connection's end, once there is one.
    pub(in crate::ssh) fn reason(&self) -> Arc<Mutex<Option<String>>> {
        Arc::clone(&self.reason)
    }
}

impl client::Handler for ClientHandler {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        presented: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        *lock(&self.presented) = Some(bare(presented));
        let judged = match &self.check {
            HostKeyCheck::Verify(verifier) => verifier.judge(presented),
            HostKeyCheck::Collect(key) => {
                *lock(key) = Some(bare(presented));
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
            notices.add(text);
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

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.take_forwarded(channel, reply).await;
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.take_forwarded(channel, reply).await;
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
