//! One SSH connection that is logged in.
//!
//! | module | what it is |
//! |---|---|
//! | `stream` | the bytes below, which can be cut |
//! | `tap`, `overheard` | what the server sent while the library gives no access to it |
//! | `client` | what the library asks while a connection is made |
//! | `algorithms` | what is offered in the key exchange |
//! | `notices` | what a server says to a person before the login |
//! | `failure` | why there is no connection |

pub(in crate::ssh) mod algorithms;
pub(in crate::ssh) mod client;
pub(in crate::ssh) mod failure;
pub(in crate::ssh) mod notices;
pub(in crate::ssh) mod overheard;
pub(in crate::ssh) mod stream;
pub(in crate::ssh) mod tap;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{Channel, Disconnect};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ssh::connection::client::Client;
use crate::ssh::connection::overheard::Overheard;
use crate::ssh::host_key::Identity;
use crate::sync::lock;

/// Time allowed for a clean disconnect.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

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
    pub(in crate::ssh) handle: Handle<Client>,
    pub(in crate::ssh) closed: CancellationToken,
    pub(in crate::ssh) reason: Arc<Mutex<Option<String>>>,
    pub(in crate::ssh) round_trip: Mutex<Option<Duration>>,
    /// The host key that the server has shown.
    pub(in crate::ssh) host_key: Identity,
    /// When it was made.
    pub(in crate::ssh) opened: std::time::Instant,
    /// Who is logged in.
    pub(in crate::ssh) user: String,
    /// The server's identification string (RFC 4253, section 4.2).
    pub(in crate::ssh) software: String,
    /// What has come before the login's end.
    pub(in crate::ssh) overheard: Overheard,
    // Cancelled when the connection is dropped: ends the library's task and frees the socket.
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
        // Whatever was longer had to wait behind something else.
        *round_trip = Some(round_trip.map_or(took, |known| known.min(took)));
        opened
    }

    /// How long a request takes that has nothing to do; known once a session was opened.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        *lock(&self.round_trip)
    }

    /// Opens a channel that the server connects to a host of its network (RFC 4254, section 7.2).
    pub(in crate::ssh) async fn open_tunnel(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Channel<Msg>, russh::Error> {
        // The originator is for the server's log.
        let (originator, its_port) = ("127.0.0.1", 0);
        self.handle
            .channel_open_direct_tcpip(host, port.into(), originator, its_port)
            .await
    }

    /// Waits for what the other side of a channel has to say, at most `limit`. In the last part of that
    /// time the server itself is asked for a sign of life.
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
                // Silence of less than that proves nothing.
                if pinged.is_err() && patience >= LEAST_PING_PATIENCE || self.is_closed() {
                    return Err(TimedOut::Connection);
                }
            }
        }
        timeout_at(end, answer).await.map_err(|_| TimedOut::Peer)
    }

    /// Whether the server answers a ping in a reasonable time.
    pub(crate) async fn answers(&self) -> bool {
        let pinged = timeout(PING_PATIENCE, self.handle.send_ping()).await;
        pinged.is_ok_and(|answer| answer.is_ok())
    }

    /// Whether the connection has ended.
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

    /// Tells the server goodbye (RFC 4253, section 11.1) and waits until that is on its way.
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
