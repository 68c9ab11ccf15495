//! One SSH connection: dialled, its host key checked, logged in.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{self, Handle, Msg};
use russh::keys::Algorithm;
use russh::{Channel, Disconnect, Preferred, SshId, cipher};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::authenticate::authenticate;
use super::client::Client;
use super::failure::{ConnectError, failed, os_reason, unreachable};
use super::known_hosts::KnownHosts;
use super::stream::Stream;
use crate::config::Config;
use crate::error::Error;
use crate::store::servers::Server;
use crate::sync::lock;

/// From the first packet to being logged in; a slow but honest server takes a few seconds.
const DIAL_TIMEOUT: Duration = Duration::from_secs(20);

/// A dead line takes no goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Unanswered keep-alives that end a connection.
const KEEP_ALIVES: usize = 3;

/// What a server may send on a channel before it is told to go on (RFC 4254, section 5.2): enough to
/// fill 100 MiB/s over a round trip of 100 ms. What comes is taken at once, so little of it is ever held.
const WINDOW: u32 = 16 * 1024 * 1024;

/// AES-GCM is the fastest where the processor has AES; `ChaCha20` serves the others and old servers
/// get counter mode with encrypt-then-MAC.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// How long a server that is alive may take to say so.
const PING_PATIENCE: Duration = Duration::from_secs(5);
const LEAST_PING_PATIENCE: Duration = Duration::from_millis(500);

/// Who did not say a word in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Silence {
    /// The other side of the channel, though the server lives.
    #[error("no answer")]
    OfThePeer,
    /// The server.
    #[error("ETIMEDOUT: the line is silent")]
    OfTheLine,
}

/// A connection that is logged in. Dropping it ends it.
pub struct Connection {
    handle: Handle<Client>,
    closed: CancellationToken,
    reason: Arc<Mutex<Option<String>>>,
    round_trip: Mutex<Option<Duration>>,
    // Cancelled when the connection is dropped: ends the library's task and frees the socket.
    _cut: DropGuard,
}

impl Connection {
    /// Opens a session channel (RFC 4254, section 6.1).
    pub(super) async fn open_session(&self) -> Result<Channel<Msg>, russh::Error> {
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
    pub(super) async fn open_tunnel(
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
    ) -> Result<T, Silence> {
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
                    return Err(Silence::OfTheLine);
                }
            }
        }
        timeout_at(end, answer)
            .await
            .map_err(|_| Silence::OfThePeer)
    }

    /// Whether the line is gone.
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled() || self.handle.is_closed()
    }

    /// Cancelled once the line is gone.
    pub(crate) fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// Why the line is gone, as far as it is known.
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

/// Dials `server` once, telling apart what a further attempt may mend.
pub(super) async fn dial(
    alias: &str,
    server: &Server,
    config: &Config,
    known_hosts: &KnownHosts,
) -> Result<Connection, ConnectError> {
    let cut = CancellationToken::new();
    // Dropped on every early return, and by the timeout.
    let guard = cut.clone().drop_guard();
    let late = || failed(alias, server, "ETIMEDOUT: no answer to the handshake");
    timeout(
        DIAL_TIMEOUT,
        handshake(alias, server, config, known_hosts, cut, guard),
    )
    .await
    .map_err(|_| ConnectError::Final(late()))?
}

async fn handshake(
    alias: &str,
    server: &Server,
    config: &Config,
    known_hosts: &KnownHosts,
    cut: CancellationToken,
    guard: DropGuard,
) -> Result<Connection, ConnectError> {
    let tcp = open_tcp(alias, server).await?;
    let closed = CancellationToken::new();
    let client = Client::new(
        alias,
        server,
        known_hosts.clone(),
        closed.clone().drop_guard(),
    );
    let (refusal, reason) = (client.refusal(), client.reason());
    let settings = settings(config, server, known_hosts).map_err(ConnectError::Final)?;
    let connected = client::connect_stream(Arc::new(settings), Stream::new(tcp, cut), client).await;
    let mut handle = connected.map_err(|error| {
        let refused = lock(&refusal).take();
        refused.map_or_else(|| unreachable(alias, server, &error), ConnectError::Final)
    })?;
    authenticate(&mut handle, alias, server).await?;
    Ok(Connection {
        handle,
        closed,
        reason,
        round_trip: Mutex::default(),
        _cut: guard,
    })
}

async fn open_tcp(alias: &str, server: &Server) -> Result<TcpStream, ConnectError> {
    let addresses = tokio::net::lookup_host((server.host.as_str(), server.port())).await;
    let addresses: Vec<_> = addresses
        .map_err(|error| ConnectError::Final(failed(alias, server, format!("ENOTFOUND: {error}"))))?
        .collect();
    TcpStream::connect(addresses.as_slice())
        .await
        .map_err(|error| ConnectError::Transient(failed(alias, server, os_reason(&error))))
}

fn settings(
    config: &Config,
    server: &Server,
    known_hosts: &KnownHosts,
) -> Result<client::Config, Error> {
    let recorded = known_hosts.algorithms(&server.host, server.port())?;
    let mut keys = Preferred::DEFAULT.key.into_owned();
    // An RSA key is recorded without a hash and asked for with one, so compare kinds.
    keys.sort_by_key(|key| {
        !recorded
            .iter()
            .any(|known| known == key || is_rsa(known) && is_rsa(key))
    });
    Ok(client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-mcp_sftp_orchestrator_",
            env!("CARGO_PKG_VERSION")
        ))),
        window_size: WINDOW,
        keepalive_interval: Some(config.keep_alive),
        keepalive_max: KEEP_ALIVES,
        preferred: Preferred {
            key: Cow::Owned(keys),
            cipher: Cow::Borrowed(CIPHERS),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    })
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}
