//! Dialling: the route, the handshake with the host key, the login.
//!
//! | module | what it is |
//! |---|---|
//! | `addresses` | all addresses of a host, raced by RFC 8305 |
//! | `lookups` | lookups of names, each once at a time |
//! | `route` | the stream to a server: direct, through another server, or through a command |
//!
//! A command on a new connection to OpenSSH's server, with one key, takes eight round trips:
//!
//! | | sent | why not earlier |
//! |---|---|---|
//! | 1 | TCP's SYN | |
//! | 2 | identification string | the server answers it with its own and its `KEXINIT`; that of this side waits for them in the library, and leaves with 3 all the same |
//! | 3 | `KEXINIT`, first message of the key exchange | needs the server's choice of algorithms |
//! | 4 | `NEWKEYS`, `SERVICE_REQUEST` | needs the keys |
//! | 5 | the public key, without a signature | the library waits for `SERVICE_ACCEPT`; RFC 4253, section 10, asks for that only with implicit server authentication |
//! | 6 | the signature | the library always asks first whether the key would do, which RFC 4252, section 7, leaves to the client |
//! | 7 | `CHANNEL_OPEN` | needs the login |
//! | 8 | the command | the library waits for the channel's confirmation, as RFC 4254 asks for |
//!
//! A password takes one less, each refused key one more: so the key that was accepted last is offered first,
//! and the method `none` is tried only if there is nothing else. `EXT_INFO`, which RSA keys need, comes with 4.

pub(in crate::ssh) mod addresses;
pub(in crate::ssh) mod lookups;
pub(in crate::ssh) mod route;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use russh::client;
use russh::keys::{Algorithm, PublicKey};
use russh::{Preferred, SshId};
use tokio::io::BufReader;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::Error;
use crate::fs::blocking;
use crate::secret::Vault;
use crate::ssh::auth::{AcceptedKeys, LoginContext, UnattendedLogins, authenticate};
use crate::ssh::connection::Connection;
use crate::ssh::connection::algorithms::{host_keys, preferred};
use crate::ssh::connection::client::{ClientHandler, HostKeyCheck};
use crate::ssh::connection::failure::{ConnectError, silent, unreachable};
use crate::ssh::connection::notices::{LoginNotices, plain};
use crate::ssh::connection::tap::Tap;
use crate::ssh::connection::transcript::LoginTranscript;
use crate::ssh::failure::failed;
use crate::ssh::host_key::{HostKeyVerifier, Identity, KeyKind, KnownHosts, Problem};
use crate::ssh::target::{KeepAlive, Route, Target};
use crate::store::Document;
use crate::store::servers::Server;
use crate::sync::lock;
use lookups::Lookups;
pub use route::NoTunnel;
use route::open_route;
pub(in crate::ssh) use route::{OpeningTunnel, Tunnels};

/// Unanswered keep-alives that end a connection.
const KEEP_ALIVES: usize = 3;

/// The window of a channel (RFC 4254, section 5.2): enough to fill 100 MiB/s over a round trip of 100 ms.
/// Data is read at once, so little of it is ever held.
const WINDOW: u32 = 16 * 1024 * 1024;

/// Packets of a channel that wait for whoever reads it: as many as stay in a processor's cache.
const PACKETS_HELD: usize = 32;

/// Bytes read from a connection at once. The library reads each packet in two parts, its length and the rest:
/// without a buffer every one of them costs two system calls.
const READ_AHEAD: usize = 64 * 1024;

/// A kind of host key, of which a server has one at most.
type IsKind = fn(&Algorithm) -> bool;

const KINDS: [IsKind; 3] = [
    |algorithm| matches!(algorithm, Algorithm::Ed25519),
    |algorithm| matches!(algorithm, Algorithm::Ecdsa { .. }),
    is_rsa,
];

/// Makes connections to any server. Cheap to clone.
#[derive(Clone)]
pub(in crate::ssh) struct Dialer {
    pub(in crate::ssh) config: Arc<Config>,
    pub(in crate::ssh) known_hosts: KnownHosts,
    /// The time steps whose one-time codes were used.
    pub(in crate::ssh) totp_steps: Document,
    pub(in crate::ssh) accepted_keys: AcceptedKeys,
    pub(in crate::ssh) unattended_logins: UnattendedLogins,
    pub(in crate::ssh) vault: Vault,
    pub(in crate::ssh) lookups: Lookups,
    /// The pool that opens tunnels through jump hosts.
    pub(in crate::ssh) tunnels: Weak<dyn Tunnels>,
}

impl Dialer {
    /// Dials a server once. The error says whether another attempt may help.
    pub(in crate::ssh) async fn dial(
        &self,
        alias: &str,
        server: &Server,
        notices: &Arc<LoginNotices>,
    ) -> Result<Connection, ConnectError> {
        let target = self
            .target(alias, server)
            .await
            .map_err(ConnectError::Final)?;
        for note in &target.notes {
            tracing::warn!("server `{alias}`: {note}");
        }
        self.check_route(&target)
            .await
            .map_err(ConnectError::Final)?;
        let keys = Self::keys_to_offer(&target).map_err(ConnectError::Final)?;
        let first = self.connect(&target, keys, notices).await;
        let Err(ConnectError::Final(Error::HostKeyMismatch {
            problem: Problem::NotPinned,
            ..
        })) = &first
        else {
            return first;
        };
        // The server may have the pinned key besides the one that it has presented.
        for is_kind in KINDS {
            let again = self
                .connect(&target, of_kind(&target, is_kind), notices)
                .await;
            if again.is_ok() {
                return again;
            }
        }
        first
    }

    /// The host keys that a server presents, one of each kind that it has. Nothing else is sent to it.
    pub(in crate::ssh) async fn host_keys(
        &self,
        alias: &str,
        server: &Server,
    ) -> Result<(HostKeyVerifier, Vec<PublicKey>), Error> {
        let target = self.target(alias, server).await?;
        self.check_route(&target).await?;
        let mut presented = Vec::new();
        let mut failure = None;
        for is_kind in KINDS {
            let collected = Arc::new(Mutex::new(None));
            let check = HostKeyCheck::Collect(Arc::clone(&collected));
            let notices = Arc::default();
            let outcome = self.handshake(&target, of_kind(&target, is_kind), check, &notices);
            let outcome = outcome.await;
            let key = lock(&collected).take();
            match (key, outcome) {
                (Some(key), _) => presented.push(key),
                (None, Err(ConnectError::Final(error) | ConnectError::Transient(error))) => {
                    failure = Some(error);
                }
                (None, Ok(_)) => {}
            }
        }
        match failure {
            Some(error) if presented.is_empty() => Err(error),
            _ => Ok((target.verifier, presented)),
        }
    }

    /// The target that `server` stands for, were it configured as `alias`.
    pub(in crate::ssh) async fn target(
        &self,
        alias: &str,
        server: &Server,
    ) -> Result<Target, Error> {
        let (alias, server, config) = (alias.to_owned(), server.clone(), Arc::clone(&self.config));
        let known_hosts = self.known_hosts.clone();
        if server.ssh_config_host.is_none() {
            return Target::resolve(&alias, &server, &config, &known_hosts);
        }
        blocking(move || Target::resolve(&alias, &server, &config, &known_hosts)).await
    }

    /// Refuses a route that leads in a circle: each dial would wait for the other.
    async fn check_route(&self, target: &Target) -> Result<(), Error> {
        let mut aliases = vec![target.alias.clone()];
        let mut route = target.route.clone();
        while let Route::Jump(jump) = route {
            aliases.push(jump.clone());
            let Some(tunnels) = self.tunnels.upgrade() else {
                return Ok(());
            };
            let server = tunnels.server(&jump)?;
            if aliases[..aliases.len() - 1].contains(&jump) {
                let aliases = aliases.join("` → `");
                let reason = format!("its route leads in a circle: `{aliases}`");
                return Err(failed(&target.alias, &target.server, reason));
            }
            route = self.target(&jump, &server).await?.route;
        }
        Ok(())
    }

    async fn connect(
        &self,
        target: &Target,
        keys: Vec<Algorithm>,
        notices: &Arc<LoginNotices>,
    ) -> Result<Connection, ConnectError> {
        let check = HostKeyCheck::Verify(Box::new(target.verifier.clone()));
        let mut connection = self.handshake(target, keys, check, notices).await?;
        let context = LoginContext {
            vault: &self.vault,
            ssh_files: &self.config.ssh_files,
            totp_steps: &self.totp_steps,
            accepted_keys: &self.accepted_keys,
            unattended_logins: &self.unattended_logins,
        };
        authenticate(&mut connection, target, notices, &context).await?;
        connection.transcript.forget();
        Ok(connection)
    }

    /// Connects and checks the host key. Dropping the future ends the library's task and the socket.
    async fn handshake(
        &self,
        target: &Target,
        keys: Vec<Algorithm>,
        check: HostKeyCheck,
        notices: &Arc<LoginNotices>,
    ) -> Result<Connection, ConnectError> {
        let token = CancellationToken::new();
        let cut = token.clone().drop_guard();
        let mut stream = open_route(target, &self.tunnels, &self.lookups, token).await?;
        let (tap, last_read, socket) = (stream.tap(), stream.last_read(), stream.socket());
        let sent_bytes = stream.sent_bytes();
        let closed = CancellationToken::new();
        let client = ClientHandler::new(check, notices, closed.clone().drop_guard());
        let (refusal, reason, presented) = (client.refusal(), client.reason(), client.presented());
        let (agreed, forwarded) = (client.agreed(), client.forwarded());
        let settings = self.settings(target, keys).map_err(ConnectError::Final)?;
        let stream = BufReader::with_capacity(READ_AHEAD, stream);
        let connecting = client::connect_stream(Arc::new(settings), stream, client);
        let connected = in_phases(target, &tap, connecting).await?;
        let handle = connected.map_err(|error| {
            let refused = lock(&refusal).take();
            match (refused, &target.route) {
                (Some(refused), _) => ConnectError::Final(refused),
                (None, Route::Command(_)) => ended_early(target, &error),
                (None, _) => unreachable(&target.alias, &target.server, &error),
            }
        })?;
        let host_key = lock(&presented).as_ref().map(Identity::from);
        let host_key = host_key.unwrap_or_else(|| Identity {
            fingerprint: String::new(),
            kind: KeyKind::Other,
        });
        let binding = handle.agent_session_binding();
        let session_id = binding.map(|binding| binding.session_id().to_vec());
        Ok(Connection {
            opened: Instant::now(),
            host: target.server.host.clone(),
            port: target.server.port(),
            user: target.server.user.clone(),
            software: identification(&tap.bytes()),
            transcript: LoginTranscript {
                tap,
                agreed,
                session_id: session_id.unwrap_or_default(),
            },
            handle,
            closed,
            forwarded,
            forwards: Arc::default(),
            reason,
            round_trip: Mutex::default(),
            last_read,
            sent_bytes,
            socket,
            host_key,
            _cut: cut,
        })
    }

    /// The algorithms of host keys to offer, those on record first.
    fn keys_to_offer(target: &Target) -> Result<Vec<Algorithm>, Error> {
        let verifier = &target.verifier;
        let recorded = verifier.known_hosts.algorithms(&verifier.name)?;
        let mut keys = host_keys(target);
        // An RSA key is recorded without a hash and offered with one, so compare kinds.
        keys.sort_by_key(|key| {
            !recorded
                .iter()
                .any(|known| known == key || is_rsa(known) && is_rsa(key))
        });
        Ok(keys)
    }

    fn settings(&self, target: &Target, keys: Vec<Algorithm>) -> Result<client::Config, Error> {
        let verifier = &target.verifier;
        let certificates = if verifier.known_hosts.has_authority(&verifier.name)? {
            keys.clone()
        } else {
            Vec::new()
        };
        let KeepAlive { interval, count } = target.keep_alive;
        Ok(client::Config {
            client_id: SshId::Standard(Cow::Borrowed(concat!(
                "SSH-2.0-mcp_sftp_orchestrator_",
                env!("CARGO_PKG_VERSION")
            ))),
            window_size: WINDOW,
            channel_buffer_size: PACKETS_HELD,
            // Without keep-alives a dead connection would never be noticed.
            keepalive_interval: interval
                .filter(|interval| !interval.is_zero())
                .or(Some(self.config.keep_alive)),
            keepalive_max: count
                .and_then(|count| count.try_into().ok())
                .unwrap_or(KEEP_ALIVES),
            preferred: Preferred {
                key: Cow::Owned(keys),
                host_key_certificates: Cow::Owned(certificates),
                ..preferred(target)
            },
            ..client::Config::default()
        })
    }
}

/// The identification string. A server may send other lines before it (RFC 4253, section 4.2).
fn identification(bytes: &[u8]) -> String {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.starts_with(b"SSH-"));
    plain(&String::from_utf8_lossy(line.unwrap_or_default()))
}

/// The error of a handshake through a `ProxyCommand`: its end says nothing about the server behind it.
fn ended_early(target: &Target, error: &russh::Error) -> ConnectError {
    match unreachable(&target.alias, &target.server, error) {
        ConnectError::Transient(_) => {
            let reason = "its ProxyCommand ended before the handshake did";
            ConnectError::Transient(failed(&target.alias, &target.server, reason))
        }
        refused @ ConnectError::Final(_) => refused,
    }
}

/// Waits for the handshake. The identification string has a time of its own: a server that looks up names
/// takes long for it.
async fn in_phases<T>(
    target: &Target,
    tap: &Tap,
    handshake: impl Future<Output = T>,
) -> Result<T, ConnectError> {
    let limit = target.connect_timeout;
    tokio::pin!(handshake);
    tokio::select! {
        done = &mut handshake => return Ok(done),
        heard = timeout(limit, tap.heard()) => {
            heard.map_err(|_| silent(target, "no greeting", limit))?;
        }
    }
    let done = timeout(limit, handshake).await;
    done.map_err(|_| silent(target, "no end of the key exchange", limit))
}

fn of_kind(target: &Target, is_kind: IsKind) -> Vec<Algorithm> {
    let all = host_keys(target).into_iter();
    all.filter(is_kind).collect()
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}
