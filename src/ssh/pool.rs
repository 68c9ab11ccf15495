//! The connection pool: per alias, several channels to a connection, never more connections than allowed.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use russh::Channel;
use russh::client::Msg;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::connect::{ConnectError, Connection, dial};
use super::known_hosts::KnownHosts;
use crate::config::Config;
use crate::error::Error;
use crate::store::servers::{Server, Servers};
use crate::time::Timestamp;

/// Channels on one connection until the server teaches otherwise: sshd's default `MaxSessions`.
const CHANNELS: usize = 10;

/// Pauses before further attempts to dial, where an attempt may help.
const BACKOFF: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(750)];

/// After a dial failed while other connections live, further dials wait this long: the server
/// may have a ceiling of its own.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// A live server answers a channel request at once; without an answer the line is dead.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Attempts to open a channel before giving up; each failed one leaves a connection or lowers a limit.
const OPEN_ATTEMPTS: usize = 20;

/// A server still clears a closed session for a moment after it has said so.
const SESSION_PAUSE: Duration = Duration::from_millis(50);

/// What a channel is for. Transfers would delay commands on the same connection, so the two keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A command: short, wants to be quick.
    Command,
    /// A transfer: fills the line.
    Transfer,
}

/// The pool of all servers' connections. Cheap to clone.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    config: Arc<Config>,
    servers: Arc<Servers>,
    known_hosts: KnownHosts,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// One alias's connections, for as long as its configuration stays the same.
struct Host {
    alias: String,
    server: Server,
    config: Arc<Config>,
    known_hosts: KnownHosts,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    slots: Vec<Slot>,
    dialing: usize,
    waiters: VecDeque<Waiter>,
    no_dial_until: Option<Instant>,
    /// Channels that the server has been found to take on a connection.
    learnt_limit: Option<usize>,
    /// Its alias was removed or changed: no further leases, and connections close once unused.
    retired: bool,
}

struct Slot {
    id: u64,
    connection: Arc<Connection>,
    commands: usize,
    transfers: usize,
    /// Most channels that the server accepts on this connection.
    limit: usize,
    last_used: Instant,
    last_used_at: Timestamp,
}

struct Waiter {
    purpose: Use,
    grant: oneshot::Sender<Result<Lease, Refusal>>,
}

/// Why a waiter goes away without a lease.
#[derive(Clone)]
enum Refusal {
    Failed(Error),
    /// The alias was changed meanwhile: ask again.
    Retired,
}

/// The right to one channel on a connection; given back when dropped.
pub struct Lease {
    host: Arc<Host>,
    slot: u64,
    purpose: Use,
    connection: Arc<Connection>,
}

impl Lease {
    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The error that this server does not do what was asked of it.
    pub fn refusal(&self, reason: impl Into<String>) -> Error {
        self.host.failure(reason)
    }

    /// The error that the line was lost after work had begun.
    pub async fn line_lost(&self) -> Error {
        // The channel may end a moment before the connection's own end is known.
        let _ = timeout(SESSION_PAUSE, self.connection.closed().cancelled()).await;
        Error::LineLost {
            alias: self.host.alias.clone(),
            reason: self.connection.closed_because(),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.host.release(self.slot, self.purpose);
    }
}

impl Slot {
    fn load(&self) -> usize {
        self.commands + self.transfers
    }

    fn has_room(&self) -> bool {
        self.load() < self.limit && !self.connection.is_closed()
    }

    fn count(&mut self, purpose: Use) -> &mut usize {
        match purpose {
            Use::Command => &mut self.commands,
            Use::Transfer => &mut self.transfers,
        }
    }

    fn suits(&self, purpose: Use) -> bool {
        match purpose {
            Use::Command => self.transfers == 0,
            Use::Transfer => self.commands == 0,
        }
    }
}

impl Pool {
    /// A pool for the configured servers. Needs a tokio runtime, for its upkeep.
    pub fn new(config: Arc<Config>, servers: Arc<Servers>, known_hosts: KnownHosts) -> Self {
        let pool = Self(Arc::new(Shared {
            config,
            servers,
            known_hosts,
            hosts: Mutex::default(),
        }));
        pool.spawn_upkeep();
        pool
    }

    /// Opens a session channel to `alias`, dialling if need be. Nothing has been run yet, so whatever
    /// fails here is tried again on another connection as long as that can help.
    ///
    /// Waits for a free channel at most `patience`; `None` waits as long as it takes.
    pub async fn open(
        &self,
        alias: &str,
        purpose: Use,
        patience: Option<Duration>,
    ) -> Result<(Lease, Channel<Msg>), Error> {
        let mut last = None;
        for _ in 0..OPEN_ATTEMPTS {
            let lease = self.lease(alias, purpose, patience).await?;
            match timeout(OPEN_TIMEOUT, lease.connection.open_session()).await {
                Ok(Ok(channel)) => return Ok((lease, channel)),
                Ok(Err(russh::Error::ChannelOpenFailure(refusal))) => {
                    last = Some(lease.refusal(format!(
                        "the server refused to open a session ({refusal:?})"
                    )));
                    lease.host.learn_limit(lease.slot);
                    drop(lease);
                    tokio::time::sleep(SESSION_PAUSE).await;
                }
                outcome => {
                    let reason = match outcome {
                        Ok(Err(error)) => error.to_string(),
                        _ => "ETIMEDOUT: no answer to a channel request".to_owned(),
                    };
                    tracing::info!(
                        "connection {} of `{alias}` is dead ({reason}); it is replaced",
                        lease.slot
                    );
                    last = Some(lease.refusal(reason));
                    lease.host.discard(lease.slot);
                }
            }
        }
        Err(last.expect("an attempt that does not return leaves its error"))
    }

    async fn lease(
        &self,
        alias: &str,
        purpose: Use,
        patience: Option<Duration>,
    ) -> Result<Lease, Error> {
        let started = Instant::now();
        loop {
            let host = self.host(alias)?;
            let granted = host.ask(purpose);
            let answer = match patience {
                None => granted.await,
                Some(patience) => {
                    match timeout(patience.saturating_sub(started.elapsed()), granted).await {
                        Ok(answer) => answer,
                        Err(_) => {
                            return Err(host.failure(format!(
                                "no channel was free for {} s",
                                patience.as_secs_f64()
                            )));
                        }
                    }
                }
            };
            match answer {
                Ok(Ok(lease)) => return Ok(lease),
                Ok(Err(Refusal::Failed(error))) => return Err(error),
                Ok(Err(Refusal::Retired)) | Err(_) => {}
            }
        }
    }

    /// The connections of `alias` as it is configured now; those of an older configuration are retired.
    fn host(&self, alias: &str) -> Result<Arc<Host>, Error> {
        let server = match self.0.servers.get(alias) {
            Ok(server) => server,
            Err(error) => {
                self.retire(alias);
                return Err(error);
            }
        };
        let mut hosts = lock(&self.0.hosts);
        if let Some(host) = hosts.get(alias) {
            if host.server == server {
                return Ok(Arc::clone(host));
            }
            host.retire();
        }
        let host = Arc::new(Host {
            alias: alias.to_owned(),
            server,
            config: Arc::clone(&self.0.config),
            known_hosts: self.0.known_hosts.clone(),
            state: Mutex::default(),
        });
        hosts.insert(alias.to_owned(), Arc::clone(&host));
        Ok(host)
    }

    /// Drops the connections of a removed or changed alias; those in use close when they are free.
    pub fn retire(&self, alias: &str) {
        if let Some(host) = lock(&self.0.hosts).remove(alias) {
            host.retire();
        }
    }

    /// Says goodbye on every connection.
    pub async fn close(&self) {
        let hosts: Vec<_> = lock(&self.0.hosts).drain().map(|(_, host)| host).collect();
        let mut connections = Vec::new();
        for host in hosts {
            let mut state = lock(&host.state);
            state.retired = true;
            connections.extend(state.slots.drain(..).map(|slot| slot.connection));
        }
        futures_util::future::join_all(
            connections.iter().map(|connection| connection.disconnect()),
        )
        .await;
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
                    host.close_idle(idle, shared.config.min_connections);
                }
            }
        });
    }

    /// The pool as `pool_stats` shows it.
    pub fn stats(&self) -> PoolStats {
        let hosts = lock(&self.0.hosts);
        let by_server: indexmap::IndexMap<_, _> = hosts
            .iter()
            .map(|(alias, host)| (alias.clone(), host.stats()))
            .collect();
        PoolStats {
            total_connections: by_server.values().map(|server| server.total).sum(),
            max_connections_per_server: self.0.config.max_connections,
            by_server,
        }
    }
}

impl Host {
    /// Asks for a channel: granted at once where there is room, else in order of asking.
    fn ask(self: &Arc<Self>, purpose: Use) -> oneshot::Receiver<Result<Lease, Refusal>> {
        let (grant, granted) = oneshot::channel();
        let mut state = lock(&self.state);
        if state.retired {
            // The receiver of a full channel cannot be gone: it is returned below.
            let _ = grant.send(Err(Refusal::Retired));
        } else {
            state.waiters.push_back(Waiter { purpose, grant });
            self.dispatch(state);
        }
        granted
    }

    /// Serves the waiters in order as far as there is room, and dials for the rest.
    fn dispatch(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut unclaimed = Vec::new();
        while let Some(waiter) = state.waiters.front() {
            if waiter.grant.is_closed() {
                state.waiters.pop_front();
                continue;
            }
            let purpose = waiter.purpose;
            let Some(lease) = self.grant(&mut state, purpose) else {
                break;
            };
            let waiter = state
                .waiters
                .pop_front()
                .expect("the front was just looked at");
            // One that has just gone away hands its lease back; it is dropped without the lock held.
            unclaimed.extend(waiter.grant.send(Ok(lease)).err());
        }
        for _ in 0..self.dials_wanted(&state) {
            state.dialing += 1;
            let host = Arc::clone(self);
            tokio::spawn(async move { host.dial().await });
        }
        drop(state);
        drop(unclaimed);
    }

    fn may_dial(&self, state: &State) -> bool {
        state.slots.len() + state.dialing < self.config.max_connections
            && state
                .no_dial_until
                .is_none_or(|until| Instant::now() >= until)
    }

    /// The least loaded connection that carries the same kind of use; a shared one only where no
    /// further connection may be had.
    fn grant(self: &Arc<Self>, state: &mut State, purpose: Use) -> Option<Lease> {
        let sharing = !self.may_dial(state) && state.dialing == 0;
        let slot = state
            .slots
            .iter_mut()
            .filter(|slot| slot.has_room() && (sharing || slot.suits(purpose)))
            .min_by_key(|slot| (!slot.suits(purpose), slot.load()))?;
        *slot.count(purpose) += 1;
        slot.last_used = Instant::now();
        slot.last_used_at = Timestamp::now();
        Some(Lease {
            host: Arc::clone(self),
            slot: slot.id,
            purpose,
            connection: Arc::clone(&slot.connection),
        })
    }

    /// How many dials to start: one for a first connection, whoever waits for it; then as many as
    /// the waiters fill.
    fn dials_wanted(&self, state: &State) -> usize {
        if !self.may_dial(state) {
            return 0;
        }
        let needed = state.waiters.len().div_ceil(CHANNELS);
        if state.slots.is_empty() {
            return usize::from(needed > 0 && state.dialing == 0);
        }
        let room = self.config.max_connections - state.slots.len() - state.dialing;
        needed.saturating_sub(state.dialing).min(room)
    }

    fn failure(&self, reason: impl Into<String>) -> Error {
        Error::Connection {
            alias: self.alias.clone(),
            host: self.server.host.clone(),
            port: self.server.port(),
            reason: reason.into(),
        }
    }

    async fn dial(self: Arc<Self>) {
        let outcome = self.dial_patiently().await;
        let mut state = lock(&self.state);
        state.dialing -= 1;
        match outcome {
            Ok(_) if state.retired => {}
            Ok(connection) => {
                let id = next_id();
                let (host, closed) = (Arc::downgrade(&self), connection.closed());
                let limit = state.learnt_limit.unwrap_or(CHANNELS);
                state.slots.push(Slot {
                    id,
                    connection: Arc::new(connection),
                    commands: 0,
                    transfers: 0,
                    limit,
                    last_used: Instant::now(),
                    last_used_at: Timestamp::now(),
                });
                tracing::debug!("connection {id} of `{}` is open", self.alias);
                // Holds neither host nor connection, so that dropping them ends both.
                tokio::spawn(async move {
                    closed.cancelled().await;
                    if let Some(host) = host.upgrade() {
                        host.discard(id);
                    }
                });
            }
            Err(error) => {
                tracing::warn!("{error}");
                if state.slots.is_empty() && state.dialing == 0 {
                    for waiter in state.waiters.drain(..) {
                        let _ = waiter.grant.send(Err(Refusal::Failed(error.clone())));
                    }
                } else {
                    state.no_dial_until = Some(Instant::now() + REFUSED_PAUSE);
                }
            }
        }
        self.dispatch(state);
    }

    async fn dial_patiently(&self) -> Result<Connection, Error> {
        let mut pauses = BACKOFF.iter();
        loop {
            let error = match dial(&self.alias, &self.server, &self.config, &self.known_hosts).await
            {
                Ok(connection) => return Ok(connection),
                Err(ConnectError::Final(error)) => return Err(error),
                Err(ConnectError::Transient(error)) => error,
            };
            let Some(pause) = pauses.next() else {
                return Err(error);
            };
            tracing::debug!("{error}; another attempt follows");
            tokio::time::sleep(*pause).await;
        }
    }

    fn release(self: &Arc<Self>, id: u64, purpose: Use) {
        let mut state = lock(&self.state);
        let retired = state.retired;
        let mut unused = None;
        if let Some(index) = state.slots.iter().position(|slot| slot.id == id) {
            let slot = &mut state.slots[index];
            *slot.count(purpose) -= 1;
            slot.last_used = Instant::now();
            slot.last_used_at = Timestamp::now();
            if retired && slot.load() == 0 {
                unused = Some(state.slots.swap_remove(index));
            }
        }
        self.dispatch(state);
        drop(unused);
    }

    /// Takes a dead connection out of the pool. Leases on it stay valid and find it closed.
    fn discard(self: &Arc<Self>, id: u64) {
        let mut state = lock(&self.state);
        let dead = state
            .slots
            .iter()
            .position(|slot| slot.id == id)
            .map(|index| state.slots.swap_remove(index));
        if let Some(slot) = &dead {
            tracing::debug!(
                "connection {id} of `{}` is gone: {}",
                self.alias,
                slot.connection.closed_because()
            );
        }
        self.dispatch(state);
        drop(dead);
    }

    /// Notes that the server refused one channel more than the connection carries (`MaxSessions`).
    fn learn_limit(&self, id: u64) {
        let mut state = lock(&self.state);
        if let Some(slot) = state.slots.iter_mut().find(|slot| slot.id == id) {
            let limit = slot.load().saturating_sub(1).max(1);
            slot.limit = limit;
            state.learnt_limit = Some(limit);
            tracing::debug!("`{}` takes {limit} channels on a connection", self.alias);
        }
    }

    fn retire(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        state.retired = true;
        for waiter in state.waiters.drain(..) {
            let _ = waiter.grant.send(Err(Refusal::Retired));
        }
        let (kept, unused): (Vec<_>, Vec<_>) =
            state.slots.drain(..).partition(|slot| slot.load() > 0);
        state.slots = kept;
        drop(state);
        drop(unused);
    }

    fn close_idle(&self, idle: Duration, keep: usize) {
        let mut state = lock(&self.state);
        let mut closed = Vec::new();
        while state.slots.len() > keep {
            let oldest = state
                .slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| slot.load() == 0 && slot.last_used.elapsed() >= idle)
                .min_by_key(|(_, slot)| slot.last_used)
                .map(|(index, _)| index);
            let Some(index) = oldest else { break };
            closed.push(state.slots.swap_remove(index));
        }
        drop(state);
        for slot in closed {
            tracing::debug!(
                "connection {} of `{}` was idle; it is closed",
                slot.id,
                self.alias
            );
            tokio::spawn(async move { slot.connection.disconnect().await });
        }
    }

    fn stats(&self) -> ServerStats {
        let state = lock(&self.state);
        let connections: Vec<_> = state
            .slots
            .iter()
            .map(|slot| ConnectionStats {
                id: format!("{}_{}", self.alias, slot.id),
                in_use: slot.load() > 0,
                ready: !slot.connection.is_closed(),
                channels: slot.load(),
                max_channels: slot.limit,
                last_used: slot.last_used_at.epoch_millis(),
            })
            .collect();
        let in_use = connections
            .iter()
            .filter(|connection| connection.in_use)
            .count();
        ServerStats {
            total: connections.len(),
            in_use,
            available: connections.len() - in_use,
            dialing: state.dialing,
            waiting: state.waiters.len(),
            connections,
        }
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The whole pool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolStats {
    /// Open connections of all servers.
    pub total_connections: usize,
    /// `MAX_CONNECTIONS_PER_SERVER`
    pub max_connections_per_server: usize,
    /// Each alias that has been used.
    pub by_server: indexmap::IndexMap<String, ServerStats>,
}

/// One alias's part of the pool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerStats {
    /// Open connections.
    pub total: usize,
    /// Those that carry a channel.
    pub in_use: usize,
    /// Those that carry none.
    pub available: usize,
    /// Connections being made.
    pub dialing: usize,
    /// Calls that wait for a channel.
    pub waiting: usize,
    /// Each connection.
    pub connections: Vec<ConnectionStats>,
}

/// One connection.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionStats {
    /// Its name in logs.
    pub id: String,
    /// Whether it carries a channel.
    pub in_use: bool,
    /// Whether its line is up.
    pub ready: bool,
    /// Channels open on it.
    pub channels: usize,
    /// Most channels that the server takes on it, as far as is known.
    pub max_channels: usize,
    /// When a channel was last opened or closed, in ms since the Unix epoch.
    pub last_used: i64,
}
