//! The connection pool: per alias, several channels to a connection, never more connections than allowed.

mod host;
mod identity;
mod lease;
mod login_shell;
mod state;
mod stats;
mod tunnel;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use russh::client::Msg;
use russh::{Channel, ChannelOpenFailure};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use host::AliasPool;
use lease::Lessor as _;
pub use lease::{ChannelPurpose, Lease, OpenChannel};
pub use login_shell::LoginShell;
pub(in crate::ssh) use login_shell::{ProbeAnswer, ShellKind};
pub use stats::{ConnectionStats, PoolStats, ServerStats};
pub use tunnel::Tunnel;

use crate::charset::Charset;
use crate::config::Config;
use crate::error::Error;
use crate::secret::{Vault, hide};
use crate::ssh::auth::code::TOTP_STEPS;
use crate::ssh::connection::TimedOut;
use crate::ssh::connection::stream::Duplex;
use crate::ssh::dial::{Dialer, NoTunnel, OpeningTunnel, Tunnels};
use crate::ssh::failure::failed;
use crate::ssh::host_key::{HostKeys, Identity, KnownHosts};
use crate::ssh::target::jump::{implied, jump_server_from_config};
use crate::store::DataDirectory;
use crate::store::servers::{Server, Servers, bounded};
use crate::sync::lock;

/// A live server answers a channel request at once; without an answer the connection is dead.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that die under a call before it gives up: each further one is a login, and servers
/// count those.
const DEAD_CONNECTIONS: usize = 3;

/// Refusals of a channel before a call gives up; each lowers what is asked of a connection.
const REFUSALS: usize = 20;

/// A server still clears a closed session for a moment after it has said so.
const SESSION_PAUSE: Duration = Duration::from_millis(50);

/// A call that may run without limit still does not wait for a channel for ever.
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);

/// However short a command's own timeout is, a connection may take this long to come about.
const LEAST_PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked whether a login still waits for a person.
const PERSON_LOOK: Duration = Duration::from_secs(1);

/// Jump hosts that are looked through.
const LONGEST_WAY: usize = 8;

/// Phases of connecting that each have their time: connection, greeting, key exchange.
const PHASES: u32 = 3;

/// How long a call that may run for `limit` waits for a channel before it begins.
pub fn patience(limit: Option<Duration>) -> Duration {
    limit.unwrap_or(LONGEST_PATIENCE).max(LEAST_PATIENCE)
}

/// Whether a connection that shows this host key may be used.
pub type Check = Arc<dyn Fn(&Identity) -> Result<(), Error> + Send + Sync>;

/// The pool of all servers' connections. Cheap to clone.
#[derive(Clone)]
pub struct Pool(Arc<Shared>, Option<Check>);

/// What all clones of a pool share.
pub(in crate::ssh) struct Shared {
    config: Arc<Config>,
    servers: Arc<Servers>,
    dialer: Dialer,
    hosts: Mutex<HashMap<String, Arc<AliasPool>>>,
}

impl Pool {
    /// A pool for the configured servers. Needs a tokio runtime, for its upkeep.
    pub fn new(
        config: Arc<Config>,
        servers: Arc<Servers>,
        data: &DataDirectory,
        vault: Vault,
    ) -> Self {
        let known_hosts = KnownHosts::open(data, config.ssh_files.known_hosts.clone());
        let shared = Arc::new_cyclic(|pool: &Weak<Shared>| Shared {
            dialer: Dialer {
                config: Arc::clone(&config),
                known_hosts,
                totp_steps: data.document(TOTP_STEPS),
                vault,
                tunnels: pool.clone(),
            },
            config,
            servers,
            hosts: Mutex::default(),
        });
        let pool = Self::from(shared);
        pool.spawn_upkeep();
        pool
    }

    /// How long a server may leave every SFTP request without an answer.
    pub(crate) fn answer_patience(&self) -> Duration {
        self.0.config.answer_patience
    }

    /// Opens a session channel to `alias`, dialling if need be. Nothing has been run yet, so whatever
    /// fails here is tried again on another connection as long as that can help.
    ///
    /// Waits for a free channel at most `patience`.
    pub async fn open(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        patience: Duration,
    ) -> Result<OpenChannel, Error> {
        let patience = if patience < LEAST_PATIENCE {
            patience
        } else {
            patience.max(self.dial_patience(alias))
        };
        let deadline = Instant::now().checked_add(patience);
        let mut refused = 0;
        loop {
            let (_, opened) = self
                .open_on_live_connection(alias, purpose, deadline, &ChannelRequest::Session)
                .await?;
            let (lease, refusal) = match opened {
                Opened::Open(channel) => return Ok(channel),
                Opened::Refused(lease, refusal) => (lease, refusal),
                Opened::Silent => continue,
            };
            refused += 1;
            lease.host.learn_limit(lease.slot);
            if refused == REFUSALS {
                let reason = format!("the server refuses to open a session ({refusal:?})");
                return Err(lease.refusal(reason));
            }
            drop(lease);
            tokio::time::sleep(SESSION_PAUSE).await;
        }
    }

    /// Opens a channel to a host in the network of `alias`, and tells when that was asked for. From
    /// then on the server has `limit` to reach that host; all of it ends by `deadline`.
    pub async fn tunnel(
        &self,
        alias: &str,
        (host, port): (&str, u16),
        limit: Duration,
        deadline: Instant,
    ) -> Result<(Instant, Result<OpenChannel, NoTunnel>), Error> {
        self.forward(
            alias,
            ChannelPurpose::Command,
            (host, port),
            limit,
            deadline,
        )
        .await
    }

    /// Opens the way to a further server through `alias`, as [`Pool::tunnel`] does to a host.
    async fn jump(
        &self,
        alias: &str,
        place: (&str, u16),
        limit: Duration,
    ) -> Result<Result<OpenChannel, NoTunnel>, Error> {
        let deadline = Instant::now() + self.dial_patience(alias).max(LEAST_PATIENCE);
        let forwarded = self
            .forward(alias, ChannelPurpose::Jump, place, limit, deadline)
            .await;
        forwarded.map(|(_, opened)| opened)
    }

    async fn forward(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        (host, port): (&str, u16),
        limit: Duration,
        deadline: Instant,
    ) -> Result<(Instant, Result<OpenChannel, NoTunnel>), Error> {
        let door = ChannelRequest::Tunnel(host.to_owned(), port, limit);
        let (asked, opened) = self
            .open_on_live_connection(alias, purpose, Some(deadline), &door)
            .await?;
        let opened = match opened {
            Opened::Open(channel) => Ok(channel),
            Opened::Silent => Err(NoTunnel::Silent),
            Opened::Refused(_, ChannelOpenFailure::ConnectFailed) => Err(NoTunnel::Unreachable),
            Opened::Refused(..) => Err(NoTunnel::Forbidden),
        };
        Ok((asked, opened))
    }

    /// Asks for a channel until a connection that lives gives an answer. Tells when it was asked.
    async fn open_on_live_connection(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        deadline: Option<Instant>,
        door: &ChannelRequest,
    ) -> Result<(Instant, Opened), Error> {
        let mut dead = 0;
        loop {
            let is_session = matches!(door, ChannelRequest::Session);
            let lease = self
                .lease(alias, purpose, left(deadline), is_session)
                .await?;
            let (host, slot, server) = (
                Arc::clone(&lease.host),
                lease.slot,
                Arc::clone(&lease.server),
            );
            let asked = Instant::now();
            let reason = match open_channel(lease, door.clone(), deadline).await {
                Ok((lease, Ok(Ok(channel)))) => {
                    return Ok((asked, Opened::Open(OpenChannel::new(channel, lease))));
                }
                Ok((lease, Ok(Err(russh::Error::ChannelOpenFailure(refusal))))) => {
                    return Ok((asked, Opened::Refused(lease, refusal)));
                }
                Ok((_, Ok(Err(error)))) => error.to_string(),
                Ok((_, Err(_))) => "ETIMEDOUT: no answer to a channel request".to_owned(),
                Err(TimedOut::Peer) => return Ok((asked, Opened::Silent)),
                Err(silence @ TimedOut::Connection) => silence.to_string(),
            };
            tracing::info!("a connection of `{alias}` is dead ({reason})");
            dead += 1;
            host.retire(slot);
            if dead == DEAD_CONNECTIONS || left(deadline).is_zero() {
                return Err(failed(alias, &server, reason));
            }
        }
    }

    async fn lease(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        patience: Duration,
        is_session: bool,
    ) -> Result<Lease, Error> {
        // Those that only the user's own configuration names are gone through and not acted on.
        let server = match purpose {
            ChannelPurpose::Jump => self.reached(alias),
            ChannelPurpose::Command | ChannelPurpose::Transfer | ChannelPurpose::Stop => {
                self.server(alias)
            }
        };
        let server = match server {
            Ok(server) => Arc::new(server),
            Err(error) => {
                self.reconfigure(alias);
                return Err(error);
            }
        };
        let waits_for_login =
            purpose == ChannelPurpose::Jump || is_session && patience > LEAST_PATIENCE / 2;
        let mut granted = self.host(alias).ask(Arc::clone(&server), purpose);
        let mut left = patience;
        loop {
            match timeout(left, &mut granted).await {
                Ok(Ok(answer)) => {
                    let lease = answer?;
                    if let (Some(check), ChannelPurpose::Command | ChannelPurpose::Transfer) =
                        (&self.1, purpose)
                    {
                        check(lease.connection.identity())?;
                    }
                    return Ok(lease);
                }
                Ok(Err(_)) => return Err(failed(alias, &server, "the pool is closed")),
                // A login that waits for a person has a limit of its own.
                Err(_) if waits_for_login && self.login_notice(alias).is_some() => {
                    left = PERSON_LOOK;
                }
                Err(_) => {
                    let waited = patience.as_secs_f64();
                    let reason = format!("ETIMEDOUT: no channel was free for {waited} s");
                    return Err(failed(alias, &server, reason));
                }
            }
        }
    }

    /// What a person has to know of a login that is under way to a server, or to one that it is reached
    /// through.
    pub fn login_notice(&self, alias: &str) -> Option<String> {
        let mut next = Some(alias.to_owned());
        for _ in 0..LONGEST_WAY {
            let alias = next?;
            let host = lock(&self.0.hosts).get(&alias).cloned();
            if let Some(notice) = host.and_then(|host| host.notice()) {
                let notice = format!("the login at `{alias}` waits: {notice}");
                return Some(hide(&notice).into_owned());
            }
            next = self.reached(&alias).ok()?.jump;
        }
        None
    }

    /// How long a connection may take to come about, as far as that is configured.
    fn dial_patience(&self, alias: &str) -> Duration {
        let server = self.reached(alias).ok();
        let limit = server.and_then(|server| server.connect_timeout());
        bounded(limit.unwrap_or(self.0.config.connect_timeout)) * PHASES
    }

    fn host(&self, alias: &str) -> Arc<AliasPool> {
        let mut hosts = lock(&self.0.hosts);
        let host = hosts
            .entry(alias.to_owned())
            .or_insert_with(|| Arc::new(AliasPool::new(alias, self.0.dialer.clone())));
        Arc::clone(host)
    }

    /// What is known of the login shell of `alias`.
    pub fn shell(&self, alias: &str) -> LoginShell {
        self.host(alias).shell()
    }

    /// What `alias` prints in: what is set for it, or what its login shell has said.
    pub fn charset(&self, alias: &str) -> Charset {
        let server = self.server(alias).ok();
        let set = server.and_then(|server| Charset::named(server.encoding.as_deref()?));
        set.unwrap_or_else(|| self.shell(alias).known().charset)
    }

    /// The fingerprint of the host key that a connection to `alias` was made with.
    pub fn host_key(&self, alias: &str) -> Option<String> {
        let host = lock(&self.0.hosts).get(alias).cloned()?;
        host.host_key()
    }

    /// The round trip to the server, if it is known.
    pub fn round_trip(&self, alias: &str) -> Option<Duration> {
        self.host(alias).round_trip()
    }

    /// The server that `alias` names now.
    pub fn server(&self, alias: &str) -> Result<Server, Error> {
        self.0.servers.get(alias)
    }

    /// The same for one that others are reached through.
    pub(in crate::ssh) fn reached(&self, alias: &str) -> Result<Server, Error> {
        self.0.server(alias)
    }

    /// Where the way to a server leads, in words, and what the user's own configuration says of it
    /// that is not followed.
    pub async fn way(&self, alias: &str, server: &Server) -> Result<(String, Vec<String>), Error> {
        let target = self.0.dialer.target(alias, server).await?;
        Ok((target.way(), target.notes))
    }

    /// Refuses a route that leads in a circle, or through a server that is not configured, were
    /// `alias` to be this server.
    pub fn check_route(&self, alias: &str, server: &Server) -> Result<(), Error> {
        if implied(alias).is_some() {
            let problem = "begins like the names of the SSH configuration's jump hosts";
            return Err(Error::invalid("alias", problem));
        }
        let mut way = vec![alias.to_owned()];
        let mut next = server.jump.clone();
        while let Some(jump) = next {
            if way.contains(&jump) {
                let way = way.join("` → `");
                let problem = format!("leads in a circle: `{way}` → `{jump}`");
                return Err(Error::invalid("jump", problem));
            }
            next = self.0.servers.get(&jump)?.jump;
            way.push(jump);
        }
        Ok(())
    }

    /// The host keys that a server shows now, with what is on record for it.
    pub async fn host_keys(&self, alias: &str) -> Result<HostKeys, Error> {
        let server = self.reached(alias)?;
        let (rule, keys) = self.0.dialer.host_keys(alias, &server).await?;
        HostKeys::of(rule, keys)
    }

    /// Takes note that an alias was changed or removed: its connections go, those in use once they
    /// are free. Whoever waits gets a connection to the new configuration, or is refused.
    pub fn reconfigure(&self, alias: &str) {
        let host = lock(&self.0.hosts).get(alias).cloned();
        if let Some(host) = host {
            host.configure(self.reached(alias).ok().map(Arc::new));
        }
    }

    /// Says goodbye on every connection.
    pub async fn close(&self) {
        let hosts: Vec<_> = lock(&self.0.hosts).drain().map(|(_, host)| host).collect();
        let connections: Vec<_> = hosts.iter().flat_map(|host| host.close()).collect();
        join_all(connections.iter().map(|connection| connection.disconnect())).await;
    }

    fn spawn_upkeep(&self) {
        let idle = self.0.config.idle_timeout;
        let period = (idle / 4).clamp(Duration::from_millis(50), Duration::from_secs(30));
        let shared = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                let hosts: Vec<_> = lock(&shared.hosts).values().cloned().collect();
                for host in hosts {
                    host.close_idle();
                }
            }
        });
    }

    /// The pool as `pool_stats` shows it.
    pub fn stats(&self) -> PoolStats {
        let mut hosts: Vec<_> = lock(&self.0.hosts).values().cloned().collect();
        hosts.sort_by(|a, b| a.alias().cmp(b.alias()));
        let by_server: indexmap::IndexMap<_, _> = hosts
            .iter()
            .map(|host| (host.alias().to_owned(), host.stats()))
            .collect();
        PoolStats {
            total_connections: by_server.values().map(|server| server.total).sum(),
            max_connections_per_server: self.0.config.max_connections,
            by_server,
        }
    }
}

impl Tunnels for Shared {
    fn server(&self, alias: &str) -> Result<Server, Error> {
        match jump_server_from_config(alias) {
            Some(server) => Ok(server),
            None => self.servers.get(alias),
        }
    }

    fn open(
        self: Arc<Self>,
        alias: String,
        (host, port): (String, u16),
        limit: Duration,
    ) -> OpeningTunnel {
        Box::pin(async move {
            let opened = Pool::from(self).jump(&alias, (&host, port), limit).await?;
            Ok(opened.map(|channel| Box::new(Tunnel::new(channel)) as Box<dyn Duplex>))
        })
    }
}

impl From<Arc<Shared>> for Pool {
    fn from(shared: Arc<Shared>) -> Self {
        Self(shared, None)
    }
}

/// What is asked of a connection.
#[derive(Clone)]
enum ChannelRequest {
    Session,
    /// A channel to that host and port, for which the server has so long.
    Tunnel(String, u16, Duration),
}

/// What a connection that lives answers.
enum Opened {
    Open(OpenChannel),
    Refused(Lease, ChannelOpenFailure),
    /// Nothing in the time that a tunnel has: the host beyond may be what is silent.
    Silent,
}

type Outcome = Result<Result<Channel<Msg>, russh::Error>, Elapsed>;

/// Opens a channel in a task of its own: if the caller goes away meanwhile, the channel is closed
/// once the server has confirmed it, and its place is given back only then.
async fn open_channel(
    lease: Lease,
    door: ChannelRequest,
    deadline: Option<Instant>,
) -> Result<(Lease, Outcome), TimedOut> {
    let connection = Arc::clone(&lease.connection);
    let limit = match &door {
        ChannelRequest::Session => None,
        ChannelRequest::Tunnel(_, _, limit) => Some((*limit).min(left(deadline))),
    };
    let opening = tokio::spawn(async move {
        let connection = &lease.connection;
        let outcome = match door {
            ChannelRequest::Session => timeout(OPEN_TIMEOUT, connection.open_session()).await,
            ChannelRequest::Tunnel(host, port, _) => Ok(connection.open_tunnel(&host, port).await),
        };
        Opening(Some((lease, outcome)))
    });
    let opened = match limit {
        None => opening.await,
        Some(limit) => connection.wait_for(opening, limit).await?,
    };
    match opened.map(|mut opening| opening.0.take()) {
        Ok(Some(opened)) => Ok(opened),
        // The runtime is ending, and this task with it.
        _ => std::future::pending().await,
    }
}

/// The time until then; endless without one.
fn left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::MAX, |deadline| {
        deadline.saturating_duration_since(Instant::now())
    })
}

/// The outcome on its way to the caller.
struct Opening(Option<(Lease, Outcome)>);

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some((lease, Ok(Ok(channel)))) = self.0.take() {
            drop(OpenChannel::new(channel, lease));
        }
    }
}
