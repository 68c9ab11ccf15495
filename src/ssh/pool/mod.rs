//! The connection pool: per alias, several channels to a connection, never more connections than allowed.
//!
//! | module | what it is |
//! |---|---|
//! | `alias_pool`, `state` | the connections to one alias, and the calls that wait for a channel |
//! | `ceiling` | the most connections of all aliases together |
//! | `lease`, `channel`, `request` | the right to one channel; an open one, and its requests before the first answer |
//! | `elevation` | commands that run as another user, through sudo, doas or su |
//! | `open`, `session_channel` | opening channels, again where a connection is dead |
//! | `single_use` | servers that take one session on a connection |
//! | `parked` | sessions that stay open for the next use |
//! | `ahead`, `kept` | channels that are kept open ahead |
//! | `routes` | routes to servers, and tunnels through other servers |
//! | `identity` | the server that an alias leads to |
//! | `login_shell`, `shell_kind`, `known_shells` | the login shell of a server, its kind, and those that earlier connections found |
//! | `unattended` | servers that are logged in to with no person at hand |
//! | `tunnel` | a channel as a stream |
//! | `forward` | channels of the callers' tunnels, in both directions |
//! | `stats` | the pool as `pool_stats` shows it |

mod ahead;
mod alias_pool;
mod ceiling;
mod channel;
mod elevation;
mod forward;
mod identity;
mod kept;
mod known_shells;
mod lease;
mod login_shell;
mod open;
mod parked;
mod request;
mod routes;
mod session_channel;
mod shell_kind;
mod single_use;
mod state;
mod stats;
mod tunnel;
mod unattended;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use alias_pool::AliasPool;
use ceiling::Ceiling;
pub use channel::OpenChannel;
use elevation::Elevation;
pub use elevation::SUPERUSER;
pub(crate) use forward::{Forwarded, ForwardedChannel, ServerListener};
use known_shells::KnownShells;
pub(in crate::ssh) use known_shells::ShellName;
pub(crate) use lease::ParkedSession;
pub use lease::{ChannelPurpose, Lease};
pub use login_shell::LoginShell;
pub(in crate::ssh) use login_shell::ProbeAnswer;
pub(in crate::ssh) use shell_kind::ShellKind;
pub use stats::PoolStats;
pub use tunnel::Tunnel;

use crate::charset::Charset;
use crate::config::Config;
use crate::descriptors;
use crate::error::Error;
use crate::secret::{Secret, Vault};
use crate::ssh::auth::code::TOTP_STEPS;
use crate::ssh::auth::{AcceptedKeys, UnattendedLogins};
use crate::ssh::dial::lookups::Lookups;
use crate::ssh::dial::{Dialer, Tunnels as _};
use crate::ssh::failure::failed;
use crate::ssh::host_key::{HostKeys, Identity, KnownHosts};
use crate::ssh::target::MAX_JUMPS;
use crate::store::DataDirectory;
use crate::store::servers::{Server, Servers, bounded};
use crate::sync::lock;

/// Time that a call without a limit waits for a channel.
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);

/// Time that a call waits for a channel at least, however short its own limit is: a login takes a while.
const LEAST_PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks at whether a login still waits for a person.
const PERSON_LOOK: Duration = Duration::from_secs(1);

/// Phases of connecting, each of which has the time of `connectTimeout`: connection, greeting, key exchange.
const PHASES: u32 = 3;

/// The time that a call which may run for `limit` waits for a channel.
pub fn patience(limit: Option<Duration>) -> Duration {
    limit.unwrap_or(LONGEST_PATIENCE).max(LEAST_PATIENCE)
}

/// Judges whether a connection with this host key may be used.
pub type IdentityCheck = Arc<dyn Fn(&Identity) -> Result<(), Error> + Send + Sync>;

/// The pool of all servers' connections. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<PoolShared>,
    /// A check that connections for commands and transfers have to pass.
    check: Option<IdentityCheck>,
    /// The other user as whom commands on a server run.
    elevation: Option<Arc<Elevation>>,
}

/// The state that all clones of a pool share.
pub(in crate::ssh) struct PoolShared {
    config: Arc<Config>,
    servers: Arc<Servers>,
    dialer: Dialer,
    ceiling: Arc<Ceiling>,
    shells: KnownShells,
    alias_pools: Mutex<HashMap<String, Arc<AliasPool>>>,
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
        let shared = Arc::new_cyclic(|pool: &Weak<PoolShared>| PoolShared {
            dialer: Dialer {
                config: Arc::clone(&config),
                known_hosts,
                totp_steps: data.document(TOTP_STEPS),
                accepted_keys: AcceptedKeys::default(),
                unattended_logins: UnattendedLogins::new(data),
                vault,
                lookups: Lookups::default(),
                tunnels: pool.clone(),
            },
            ceiling: Ceiling::new(
                config
                    .max_connections_total
                    .min(descriptors::most_connections()),
            ),
            config,
            servers,
            shells: KnownShells::new(data),
            alias_pools: Mutex::default(),
        });
        let pool = Self::from(shared);
        pool.spawn_upkeep();
        pool
    }

    /// A pool of further connections to the same servers, which nothing else uses, with the same check. Jump
    /// hosts are reached over the connections of this one.
    pub(crate) fn apart(&self) -> Self {
        let pool = Self {
            shared: Arc::new(PoolShared {
                config: Arc::clone(&self.shared.config),
                servers: Arc::clone(&self.shared.servers),
                dialer: self.shared.dialer.clone(),
                ceiling: Arc::clone(&self.shared.ceiling),
                shells: self.shared.shells.clone(),
                alias_pools: Mutex::default(),
            }),
            check: self.check.clone(),
            elevation: self.elevation.clone(),
        };
        pool.spawn_upkeep();
        pool
    }

    /// A secret of a server, in clear.
    pub(in crate::ssh) async fn reveal(
        &self,
        alias: &str,
        secret: &Secret,
    ) -> Result<Secret, Error> {
        let vault = &self.shared.dialer.vault;
        vault.reveal_of(Some(alias), secret).await
    }

    /// The time that a server may leave every SFTP request without an answer.
    pub(crate) fn answer_patience(&self) -> Duration {
        self.shared.config.answer_patience
    }

    async fn lease(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        patience: Duration,
        is_session: bool,
    ) -> Result<Lease, Error> {
        // Jump hosts that only the user's SSH configuration names are no targets of commands.
        let server = match purpose {
            ChannelPurpose::Jump => self.reached(alias),
            _ => self.server(alias),
        };
        let server = match server {
            Ok(server) => Arc::new(server),
            Err(error) => {
                self.reconfigure(alias);
                return Err(error);
            }
        };
        let waits_for_login = matches!(purpose, ChannelPurpose::Jump | ChannelPurpose::Forward)
            || is_session && patience > LEAST_PATIENCE / 2;
        let mut granted = self.alias_pool(alias).ask(Arc::clone(&server), purpose);
        let mut left = patience;
        loop {
            match timeout(left, &mut granted).await {
                Ok(Ok(answer)) => {
                    let lease = answer?;
                    let is_checked =
                        !matches!(purpose, ChannelPurpose::Jump | ChannelPurpose::Stop);
                    if let Some(check) = self.check.as_ref().filter(|_| is_checked) {
                        check(lease.connection.identity())?;
                    }
                    return Ok(lease);
                }
                Ok(Err(_)) => return Err(failed(alias, &server, "the pool is closed")),
                // A login that waits for a person has its own limit.
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

    /// The notice for a person about a login under way to a server or to one of its jump hosts.
    pub fn login_notice(&self, alias: &str) -> Option<String> {
        let mut next = Some(alias.to_owned());
        for _ in 0..MAX_JUMPS {
            let alias = next?;
            let pool = lock(&self.shared.alias_pools).get(&alias).cloned();
            if let Some(notice) = pool.and_then(|pool| pool.notice()) {
                return Some(format!("the login at `{alias}` waits: {notice}"));
            }
            next = self.reached(&alias).ok()?.jump;
        }
        None
    }

    /// The time that dialling may take by the configuration.
    fn dial_patience(&self, alias: &str) -> Duration {
        let server = self.reached(alias).ok();
        let limit = server.and_then(|server| server.connect_timeout());
        bounded(limit.unwrap_or(self.shared.config.connect_timeout)) * PHASES
    }

    fn alias_pool(&self, alias: &str) -> Arc<AliasPool> {
        let mut pools = lock(&self.shared.alias_pools);
        let pool = pools.entry(alias.to_owned()).or_insert_with(|| {
            AliasPool::new(alias, self.shared.dialer.clone(), &self.shared.ceiling)
        });
        Arc::clone(pool)
    }

    /// The login shell of `alias`, as far as it is known.
    pub fn shell(&self, alias: &str) -> LoginShell {
        self.alias_pool(alias).shell()
    }

    /// The login shells that earlier connections found.
    pub(in crate::ssh) fn known_shells(&self) -> KnownShells {
        self.shared.shells.clone()
    }

    /// The charset of `alias`: the one set for it, or that of its login shell.
    pub fn charset(&self, alias: &str) -> Charset {
        let server = self.server(alias).ok();
        let set = server.and_then(|server| Charset::named(server.encoding.as_deref()?));
        set.unwrap_or_else(|| self.shell(alias).known().charset)
    }

    /// The fingerprint of the host key that a connection to `alias` was made with.
    pub fn host_key(&self, alias: &str) -> Option<String> {
        let pool = lock(&self.shared.alias_pools).get(alias).cloned()?;
        pool.host_key()
    }

    /// The server that `alias` names now.
    pub fn server(&self, alias: &str) -> Result<Server, Error> {
        self.shared.servers.get(alias)
    }

    /// The server that `alias` names, also where that is a jump host of the user's SSH configuration.
    pub(in crate::ssh) fn reached(&self, alias: &str) -> Result<Server, Error> {
        self.shared.server(alias)
    }

    /// Returns whether an alias is that of a server, or of a jump host of the user's SSH configuration.
    pub fn leads_to_server(&self, alias: &str) -> bool {
        self.reached(alias).is_ok()
    }

    /// The host keys that a server shows now, and those on record for it.
    pub async fn host_keys(&self, alias: &str) -> Result<HostKeys, Error> {
        let server = self.reached(alias)?;
        let (verifier, keys) = self.shared.dialer.host_keys(alias, &server).await?;
        HostKeys::of(verifier, keys)
    }

    /// Drops the connections of an alias that was changed or removed, those in use once they are free.
    /// Calls that wait get a connection to the server as it is configured now, or an error.
    pub fn reconfigure(&self, alias: &str) {
        let server = self.reached(alias).ok().map(Arc::new);
        if server.is_none() {
            self.shared.dialer.unattended_logins.forget(alias);
        }
        let pool = lock(&self.shared.alias_pools).get(alias).cloned();
        if let Some(pool) = pool {
            pool.configure(server);
        }
    }

    /// Disconnects every connection.
    pub async fn close(&self) {
        let pools: Vec<_> = lock(&self.shared.alias_pools).drain().collect();
        let connections: Vec<_> = pools.iter().flat_map(|(_, pool)| pool.close()).collect();
        join_all(connections.iter().map(|connection| connection.disconnect())).await;
    }

    fn spawn_upkeep(&self) {
        let idle = self.shared.config.idle_timeout;
        let period = (idle / 4).clamp(Duration::from_millis(50), Duration::from_secs(30));
        let shared = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                let pools: Vec<_> = lock(&shared.alias_pools).values().cloned().collect();
                for pool in pools {
                    pool.close_idle();
                }
            }
        });
    }
}

impl Drop for PoolShared {
    fn drop(&mut self) {
        for pool in lock(&self.alias_pools).values() {
            drop(pool.take_all_parked());
        }
    }
}

impl From<Arc<PoolShared>> for Pool {
    fn from(shared: Arc<PoolShared>) -> Self {
        Self {
            shared,
            check: None,
            elevation: None,
        }
    }
}
