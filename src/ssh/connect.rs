//! Making a connection: the way there, the host key, the login.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use russh::client;
use russh::keys::{Algorithm, PublicKey};
use russh::{Preferred, SshId, cipher, kex, mac};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::authenticate::authenticate;
use super::client::{Client, Judge};
use super::connection::Connection;
use super::failure::{ConnectError, failed, unreachable};
use super::host_key::{Identity, KeyKind, KnownHosts, Problem, Rule};
use super::pool::{self, Pool};
use super::route::open_route;
use super::target::{Route, Target};
use crate::config::Config;
use crate::error::Error;
use crate::secret::Vault;
use crate::ssh_config::Algorithms;
use crate::store::blocking;
use crate::store::servers::Server;
use crate::sync::lock;

/// From the first packet to being logged in; a slow but honest server takes a few seconds.
const DIAL_TIMEOUT: Duration = Duration::from_secs(20);

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

/// A kind of host key, of which a server has one at most.
type IsKind = fn(&Algorithm) -> bool;

const KINDS: [IsKind; 3] = [
    |algorithm| matches!(algorithm, Algorithm::Ed25519),
    |algorithm| matches!(algorithm, Algorithm::Ecdsa { .. }),
    is_rsa,
];

/// What it takes to connect to any server. Cheap to clone.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) config: Arc<Config>,
    pub(super) known_hosts: KnownHosts,
    pub(super) vault: Vault,
    /// Where the connections are that others are reached through.
    pub(super) pool: Weak<pool::Shared>,
}

impl Dialer {
    /// Dials a server once, telling apart what a further attempt may mend.
    pub(super) async fn dial(
        &self,
        alias: &str,
        server: &Server,
    ) -> Result<Connection, ConnectError> {
        let target = self
            .target(alias, server)
            .await
            .map_err(ConnectError::Final)?;
        for note in &target.notes {
            tracing::warn!("server `{alias}`: {note}");
        }
        self.check_way(&target).await.map_err(ConnectError::Final)?;
        let keys = Self::preferred(&target).map_err(ConnectError::Final)?;
        let first = self.connect(&target, keys).await;
        let Err(ConnectError::Final(Error::HostKeyMismatch {
            problem: Problem::NotPinned,
            ..
        })) = &first
        else {
            return first;
        };
        // The server may have the pinned key besides the one that it has shown.
        for is_kind in KINDS {
            let again = self.connect(&target, of_kind(is_kind)).await;
            if again.is_ok() {
                return again;
            }
        }
        first
    }

    /// The host keys that a server shows, one of each kind that it has. Nothing else is sent to it.
    pub(super) async fn host_keys(
        &self,
        alias: &str,
        server: &Server,
    ) -> Result<(Rule, Vec<PublicKey>), Error> {
        let target = self.target(alias, server).await?;
        self.check_way(&target).await?;
        let mut shown = Vec::new();
        let mut failure = None;
        for is_kind in KINDS {
            let collected = Arc::new(Mutex::new(None));
            let judge = Judge::Collect(Arc::clone(&collected));
            let outcome = self.handshake(&target, of_kind(is_kind), judge).await;
            let key = lock(&collected).take();
            match (key, outcome) {
                (Some(key), _) => shown.push(key),
                (None, Err(ConnectError::Final(error) | ConnectError::Transient(error))) => {
                    failure = Some(error);
                }
                (None, Ok(_)) => {}
            }
        }
        match failure {
            Some(error) if shown.is_empty() => Err(error),
            _ => Ok((target.rule, shown)),
        }
    }

    pub(super) async fn target(&self, alias: &str, server: &Server) -> Result<Target, Error> {
        let (alias, server, config) = (alias.to_owned(), server.clone(), Arc::clone(&self.config));
        let known_hosts = self.known_hosts.clone();
        if server.ssh_config_host.is_none() {
            return Target::resolve(&alias, &server, &config, &known_hosts);
        }
        blocking(move || Target::resolve(&alias, &server, &config, &known_hosts)).await
    }

    /// Refuses a way that leads in a circle: each would wait for the other.
    async fn check_way(&self, target: &Target) -> Result<(), Error> {
        let mut way = vec![target.alias.clone()];
        let mut route = target.route.clone();
        while let Route::Jump(jump) = route {
            way.push(jump.clone());
            let pool = self.pool.upgrade().map(Pool::from);
            let Some(server) = pool.map(|pool| pool.reached(&jump)).transpose()? else {
                return Ok(());
            };
            if way[..way.len() - 1].contains(&jump) {
                let reason = format!("its way leads in a circle: `{}`", way.join("` → `"));
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
    ) -> Result<Connection, ConnectError> {
        let judge = Judge::By(Box::new(target.rule.clone()));
        let mut connection = self.handshake(target, keys, judge).await?;
        let login = authenticate(&mut connection, target, &self.vault);
        timeout(DIAL_TIMEOUT, login)
            .await
            .map_err(|_| silent(target))??;
        Ok(connection)
    }

    /// Goes there and checks the host key. Dropped early, it takes the library's task and the socket
    /// along.
    async fn handshake(
        &self,
        target: &Target,
        keys: Vec<Algorithm>,
        judge: Judge,
    ) -> Result<Connection, ConnectError> {
        let token = CancellationToken::new();
        let cut = token.clone().drop_guard();
        let stream = open_route(target, &self.pool, token).await?;
        let closed = CancellationToken::new();
        let client = Client::new(judge, closed.clone().drop_guard());
        let (refusal, reason, shown) = (client.refusal(), client.reason(), client.shown());
        let settings = self.settings(target, keys).map_err(ConnectError::Final)?;
        let connecting = client::connect_stream(Arc::new(settings), stream, client);
        let connected = timeout(DIAL_TIMEOUT, connecting)
            .await
            .map_err(|_| silent(target))?;
        let handle = connected.map_err(|error| {
            let refused = lock(&refusal).take();
            match (refused, &target.route) {
                (Some(refused), _) => ConnectError::Final(refused),
                (None, Route::Command(_)) => ended_early(target, &error),
                (None, _) => unreachable(&target.alias, &target.server, &error),
            }
        })?;
        let host_key = lock(&shown).as_ref().map(Identity::from);
        let host_key = host_key.unwrap_or_else(|| Identity {
            fingerprint: String::new(),
            kind: KeyKind::Other,
        });
        Ok(Connection {
            handle,
            closed,
            reason,
            round_trip: Mutex::default(),
            host_key,
            _cut: cut,
        })
    }

    /// The kinds of host keys to ask for, those on record first.
    fn preferred(target: &Target) -> Result<Vec<Algorithm>, Error> {
        let rule = &target.rule;
        let recorded = rule.known_hosts.algorithms(&rule.name)?;
        let all = Preferred::DEFAULT.key.into_owned();
        let mut keys = match &target.algorithms.host_keys {
            Some(change) => {
                let names: Vec<_> = all.iter().map(ToString::to_string).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let wanted = change.applied(&names, &names);
                let wanted = wanted.iter().filter_map(|name| Algorithm::new(name).ok());
                wanted.collect()
            }
            None => all,
        };
        // An RSA key is recorded without a hash and asked for with one, so compare kinds.
        keys.sort_by_key(|key| {
            !recorded
                .iter()
                .any(|known| known == key || is_rsa(known) && is_rsa(key))
        });
        Ok(keys)
    }

    fn settings(&self, target: &Target, keys: Vec<Algorithm>) -> Result<client::Config, Error> {
        let rule = &target.rule;
        let certificates = if rule.known_hosts.has_authority(&rule.name)? {
            keys.clone()
        } else {
            Vec::new()
        };
        let changes = &target.algorithms;
        let (interval, count) = target.keep_alive;
        Ok(client::Config {
            client_id: SshId::Standard(Cow::Borrowed(concat!(
                "SSH-2.0-mcp_sftp_orchestrator_",
                env!("CARGO_PKG_VERSION")
            ))),
            window_size: WINDOW,
            // Switched off, a dead line would never be noticed.
            keepalive_interval: interval
                .filter(|interval| !interval.is_zero())
                .or(Some(self.config.keep_alive)),
            keepalive_max: count
                .and_then(|count| count.try_into().ok())
                .unwrap_or(KEEP_ALIVES),
            preferred: Preferred {
                key: Cow::Owned(keys),
                host_key_certificates: Cow::Owned(certificates),
                cipher: changed(CIPHERS, cipher::ALL_CIPHERS, changes.ciphers.as_ref()),
                kex: changed(
                    &Preferred::DEFAULT.kex,
                    kex::ALL_KEX_ALGORITHMS,
                    changes.key_exchange.as_ref(),
                ),
                mac: changed(
                    &Preferred::DEFAULT.mac,
                    mac::ALL_MAC_ALGORITHMS,
                    changes.macs.as_ref(),
                ),
                ..Preferred::DEFAULT
            },
            ..client::Config::default()
        })
    }
}

/// What is offered, as the user's configuration has changed it. What is no algorithm but tells the
/// server what else is understood stays in any case.
fn changed<N>(default: &[N], supported: &[&N], change: Option<&Algorithms>) -> Cow<'static, [N]>
where
    N: AsRef<str> + Clone + for<'a> TryFrom<&'a str>,
{
    let Some(change) = change else {
        return Cow::Owned(default.to_vec());
    };
    let is_marker = |name: &&str| name.starts_with("ext-info") || name.starts_with("kex-strict");
    let names = || default.iter().map(AsRef::as_ref);
    let algorithms: Vec<_> = names().filter(|name| !is_marker(name)).collect();
    let supported: Vec<_> = supported.iter().copied().map(N::as_ref).collect();
    let wanted = change.applied(&algorithms, &supported);
    let wanted = wanted.into_iter().chain(names().filter(is_marker));
    wanted.filter_map(|name| N::try_from(name).ok()).collect()
}

/// A command that has ended says nothing of the server behind it.
fn ended_early(target: &Target, error: &russh::Error) -> ConnectError {
    match unreachable(&target.alias, &target.server, error) {
        ConnectError::Transient(_) => {
            let reason = "its ProxyCommand ended before the handshake did";
            ConnectError::Transient(failed(&target.alias, &target.server, reason))
        }
        refused @ ConnectError::Final(_) => refused,
    }
}

fn silent(target: &Target) -> ConnectError {
    ConnectError::Final(failed(
        &target.alias,
        &target.server,
        "ETIMEDOUT: no answer to the handshake",
    ))
}

fn of_kind(is_kind: IsKind) -> Vec<Algorithm> {
    let all = Preferred::DEFAULT.key.into_owned();
    all.into_iter().filter(is_kind).collect()
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}
