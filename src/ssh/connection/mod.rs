//! One SSH connection that is logged in.
//!
//! | module | what it is |
//! |---|---|
//! | `stream` | the byte stream below, which can be cut |
//! | `tap`, `transcript` | the bytes of a login, for a request that the library does not pass on |
//! | `client` | the library's handler: host keys, banners, the reason of a connection's end |
//! | `forward_target` | places that a server forwards connections to and from |
//! | `forwards` | the number of channels for such connections |
//! | `algorithms` | the algorithms to offer in the key exchange |
//! | `notices` | notices for a person while a login is under way |
//! | `failure` | the errors of connections that were not made |

pub(in crate::ssh) mod algorithms;
pub(in crate::ssh) mod client;
pub(in crate::ssh) mod failure;
pub(in crate::ssh) mod forward_target;
pub(in crate::ssh) mod forwards;
pub(in crate::ssh) mod notices;
pub(in crate::ssh) mod stream;
pub(in crate::ssh) mod tap;
pub(in crate::ssh) mod transcript;

use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{Channel, Disconnect};
use socket2::Socket;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ssh::connection::client::{ClientHandler, ForwardedChannels};
pub use crate::ssh::connection::forward_target::ForwardTarget;
use crate::ssh::connection::forwards::Forwards;
use crate::ssh::connection::stream::{LastRead, SentBytes};
use crate::ssh::connection::transcript::LoginTranscript;
use crate::ssh::host_key::Identity;
use crate::sync::lock;

/// Time allowed for a clean disconnect.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Silence after which a connection is pinged before it is used: the server answers a keep-alive every 30
/// seconds by default.
const TRUSTED_SILENCE: Duration = Duration::from_secs(35);

/// Time allowed for the answer to a ping.
const PING_PATIENCE: Duration = Duration::from_secs(5);
const LEAST_PING_PATIENCE: Duration = Duration::from_millis(500);

/// The side that did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimedOut {
    /// The other side of the channel, though the server lives.
    #[error("no answer")]
    Peer,
    /// The server.
    #[error("ETIMEDOUT: the connection is silent")]
    Connection,
}

/// A connection that is logged in. Dropping it ends it.
pub struct Connection {
    pub(in crate::ssh) handle: Handle<ClientHandler>,
    pub(in crate::ssh) closed: CancellationToken,
    /// The receiver of channels that the server opens for connections that it forwards.
    pub(in crate::ssh) forwarded: ForwardedChannels,
    /// The channels of connections that are forwarded either way.
    pub(in crate::ssh) forwards: Arc<Forwards>,
    pub(in crate::ssh) reason: Arc<Mutex<Option<String>>>,
    pub(in crate::ssh) round_trip: Mutex<Option<Duration>>,
    pub(in crate::ssh) last_read: LastRead,
    pub(in crate::ssh) sent_bytes: SentBytes,
    /// The socket below, if there is one.
    pub(in crate::ssh) socket: Option<Socket>,
    /// The host key that the server has shown.
    pub(in crate::ssh) host_key: Identity,
    /// The time at which it was made.
    pub(in crate::ssh) opened: std::time::Instant,
    /// The host and port that it leads to, wherever they are written.
    pub(in crate::ssh) host: String,
    pub(in crate::ssh) port: u16,
    /// The user that is logged in.
    pub(in crate::ssh) user: String,
    /// The server's identification string (RFC 4253, section 4.2).
    pub(in crate::ssh) software: String,
    /// The bytes that came before the login's end.
    pub(in crate::ssh) transcript: LoginTranscript,
    // Dropping it ends the library's task and frees the socket.
    pub(in crate::ssh) _cut: DropGuard,
}

impl Connection {
    /// The SHA-256 fingerprint of the host key that the server has shown.
    pub fn host_key(&self) -> &str {
        &self.host_key.fingerprint
    }

    /// The host key that the server has shown.
    pub fn identity(&self) -> &Identity {
        &self.host_key
    }

    /// Opens a session channel (RFC 4254, section 6.1).
    pub(in crate::ssh) async fn open_session(&self) -> Result<Channel<Msg>, russh::Error> {
        let asked = Instant::now();
        let opened = self.handle.channel_open_session().await;
        let took = asked.elapsed();
        let mut round_trip = lock(&self.round_trip);
        // A longer one had to wait behind other data.
        *round_trip = Some(round_trip.map_or(took, |known| known.min(took)));
        opened
    }

    /// The time of a request that the server answers at once; known once a session was opened.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        *lock(&self.round_trip)
    }

    /// Opens a channel that the server connects to a port (RFC 4254, section 7.2), or to a socket of its own
    /// (OpenSSH's `PROTOCOL`, section 2.4).
    pub(in crate::ssh) async fn open_tunnel(
        &self,
        to: &ForwardTarget,
    ) -> Result<Channel<Msg>, russh::Error> {
        // The originator is for the server's log.
        let (originator, its_port) = ("127.0.0.1", 0);
        match to {
            ForwardTarget::Port { host, port } => {
                self.handle
                    .channel_open_direct_tcpip(host, (*port).into(), originator, its_port)
                    .await
            }
            ForwardTarget::Socket(path) => self.handle.channel_open_direct_streamlocal(path).await,
        }
    }

    /// Has the server listen for this side, and returns the place with the port that it has chosen.
    pub(in crate::ssh) async fn listen(
        &self,
        place: ForwardTarget,
    ) -> Result<ForwardTarget, russh::Error> {
        let ForwardTarget::Port { host, port } = place else {
            let path = place.to_string();
            self.handle.streamlocal_forward(path).await?;
            return Ok(place);
        };
        let chosen = self.handle.tcpip_forward(&host, port.into()).await?;
        let port = match u16::try_from(chosen) {
            Ok(chosen) if port == 0 => chosen,
            _ => port,
        };
        Ok(ForwardTarget::Port { host, port })
    }

    /// Waits for an answer of a channel's other side, at most `limit`. In the last part of that time the
    /// server itself is pinged.
    pub(crate) async fn wait_for<T>(
        &self,
        answer: impl Future<Output = T>,
        limit: Duration,
    ) -> Result<T, TimedOut> {
        tokio::pin!(answer);
        let patience = PING_PATIENCE.min(limit / 2);
        if let Ok(answer) = timeout(limit.saturating_sub(patience), &mut answer).await {
            return Ok(answer);
        }
        let end = Instant::now() + patience;
        tokio::select! {
            answer = &mut answer => return Ok(answer),
            pinged = timeout_at(end, self.handle.send_ping()) => {
                // A shorter silence proves nothing.
                if pinged.is_err() && patience >= LEAST_PING_PATIENCE || self.is_closed() {
                    return Err(TimedOut::Connection);
                }
            }
        }
        timeout_at(end, answer).await.map_err(|_| TimedOut::Peer)
    }

    /// Pings the server, and returns whether it answers in time.
    pub(crate) async fn answers(&self) -> bool {
        let pinged = timeout(PING_PATIENCE, self.handle.send_ping()).await;
        // The library takes the end of the connection for an answer.
        pinged.is_ok_and(|answer| answer.is_ok()) && !self.is_closed()
    }

    /// Returns whether the connection has ended, or the server has ended it and the library has not read that
    /// yet.
    pub(in crate::ssh) fn has_ended(&self) -> bool {
        if self.is_closed() {
            return true;
        }
        let peeked = self.socket.as_ref().map(|socket| {
            let mut byte = [MaybeUninit::uninit()];
            socket.peek(&mut byte)
        });
        match peeked {
            Some(Ok(read)) => read == 0,
            Some(Err(error)) => error.kind() != io::ErrorKind::WouldBlock,
            None => false,
        }
    }

    /// Returns whether the server lives: it has sent something not long ago, or answers a ping. A tunnel
    /// shows its end late, so a connection through one is always pinged.
    pub(in crate::ssh) async fn is_alive(&self) -> bool {
        if self.has_ended() {
            return false;
        }
        let is_fresh = self.socket.is_some() && self.last_read.is_within(TRUSTED_SILENCE);
        is_fresh || self.answers().await
    }

    /// Returns whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled() || self.handle.is_closed()
    }

    /// Cancelled once the connection has ended.
    pub(crate) fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// The reason why the connection ended, as far as it is known.
    pub fn closed_because(&self) -> String {
        let reason = lock(&self.reason);
        reason
            .clone()
            .unwrap_or_else(|| "the connection was closed".to_owned())
    }

    /// Sends the disconnection message (RFC 4253, section 11.1) and waits until it is on its way.
    pub async fn disconnect(&self) {
        let goodbye = async {
            let _ = self
                .handle
                .disconnect(Disconnect::ByApplication, "", "")
                .await;
            self.closed.cancelled().await;
        };
        let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
    }
}
