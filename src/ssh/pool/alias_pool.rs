//! The connections to one alias: the choice of one for each channel, and dialling.

mod parking;
mod placing;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::ceiling::{Ceiling, ConnectionPlace};
use super::elevation::KnownWays;
use super::kept::{KeptChannel, KeptChannels};
use super::lease::{ChannelPurpose, Lease, Lessor, ParkedSession};
use super::login_shell::LoginShell;
use super::parked::ParkedSessions;
use super::single_use::Refusals;
use super::state::{AliasState, Limit, PooledConnection, Waiter};
use super::stats::{ConnectionStats, ServerStats};
use crate::error::{Error, KnownAliases};
use crate::ssh::connection::Connection;
use crate::ssh::connection::failure::ConnectError;
use crate::ssh::connection::notices::LoginNotices;
use crate::ssh::dial::Dialer;
use crate::store::servers::Server;
use crate::sync::lock;
use crate::time::Timestamp;

/// Pauses before further attempts to dial, where an attempt may help.
const BACKOFF: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(750)];

/// Pause in dialling after a dial failed while other connections live: the server may have a limit of
/// its own.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// One alias's part of the pool.
pub(super) struct AliasPool {
    alias: String,
    dialer: Dialer,
    ceiling: Arc<Ceiling>,
    /// Wakes a dial that waits for a place, because connections through this server wait for it.
    jump_asked: Notify,
    pub(super) state: Mutex<AliasState>,
}

impl AliasPool {
    pub(super) fn new(alias: &str, dialer: Dialer, ceiling: &Arc<Ceiling>) -> Arc<Self> {
        let pool = Arc::new(Self {
            alias: alias.to_owned(),
            dialer,
            ceiling: Arc::clone(ceiling),
            jump_asked: Notify::new(),
            state: Mutex::default(),
        });
        let weak: Weak<Self> = Arc::downgrade(&pool);
        ceiling.add(weak);
        pool
    }

    /// Requests a channel to `server`. It is granted at once if there is room, else in order of request.
    pub(super) fn ask(
        self: &Arc<Self>,
        server: Arc<Server>,
        purpose: ChannelPurpose,
    ) -> oneshot::Receiver<Result<Lease, Error>> {
        let (grant, granted) = oneshot::channel();
        let mut state = lock(&self.state);
        if state.server.as_ref() != Some(&server) {
            state.set_server(Some(server));
        }
        let waiter = Waiter { purpose, grant };
        match purpose {
            ChannelPurpose::Stop => state.waiters.push_front(waiter),
            _ => state.waiters.push_back(waiter),
        }
        self.dispatch(state);
        if purpose == ChannelPurpose::Jump {
            self.jump_asked.notify_waiters();
        }
        granted
    }

    /// The login shell of the server as it is configured now.
    pub(super) fn shell(&self) -> LoginShell {
        lock(&self.state).shell.clone()
    }

    /// The ways to its other users.
    pub(super) fn ways(&self) -> KnownWays {
        lock(&self.state).ways.clone()
    }

    /// The fingerprint of the host key that its connections were made with.
    pub(super) fn host_key(&self) -> Option<String> {
        let state = lock(&self.state);
        let pooled = state.connections.first()?;
        Some(pooled.connection.host_key().to_owned())
    }

    /// Serves the waiters in order as far as there is room, dials for the rest, and disconnects drained
    /// connections.
    fn dispatch(self: &Arc<Self>, mut state: MutexGuard<'_, AliasState>) {
        let mut given_way = Vec::new();
        let unclaimed = self.serve_waiters(&mut state, &mut given_way);
        if let Some(server) = state.server.clone() {
            for _ in 0..self.dials_wanted(&state) {
                state.dialing += 1;
                state.dialing_current += 1;
                let (pool, server) = (Arc::clone(self), Arc::clone(&server));
                tokio::spawn(async move { pool.dial(server).await });
            }
        }
        self.keep_channels(&mut state);
        let unused = state.take_unused();
        state.closing += unused.len();
        drop(state);
        drop(unclaimed);
        self.close_for_others(given_way);
        for pooled in unused {
            let pool = Arc::clone(self);
            tokio::spawn(async move {
                pooled.connection.disconnect().await;
                drop(pooled);
                let mut state = lock(&pool.state);
                state.closing -= 1;
                pool.dispatch(state);
            });
        }
    }

    /// Grants channels in order as far as there is room. Waiters of one purpose do not hold up those of
    /// another. Parked sessions that give way are added to `given_way`. Returns the leases of waiters that
    /// have just gone away, to be dropped without the lock.
    fn serve_waiters(
        self: &Arc<Self>,
        state: &mut AliasState,
        given_way: &mut Vec<(u64, Box<dyn ParkedSession>)>,
    ) -> Vec<Result<Lease, Error>> {
        let mut unclaimed = Vec::new();
        let mut crowded = Vec::new();
        for waiter in std::mem::take(&mut state.waiters) {
            if waiter.grant.is_closed() {
                continue;
            }
            let lease = if crowded.contains(&waiter.purpose) {
                None
            } else {
                self.grant(state, waiter.purpose)
            };
            if let Some(lease) = lease {
                unclaimed.extend(waiter.grant.send(Ok(lease)).err());
            } else {
                given_way.extend(state.make_room(waiter.purpose, self.shares(state)));
                crowded.push(waiter.purpose);
                state.waiters.push_back(waiter);
            }
        }
        unclaimed
    }

    fn may_dial(&self, state: &AliasState) -> bool {
        let in_turn = state
            .no_dial_until
            .is_none_or(|until| Instant::now() >= until);
        let is_free = in_turn && !state.is_costly;
        state.open() < self.dialer.config.max_connections
            && (is_free || !state.has_lasting_connections())
    }

    /// Returns whether channels of all purposes share connections, because there may be no further one, or
    /// not soon.
    fn shares(&self, state: &AliasState) -> bool {
        let is_last = !self.may_dial(state) && state.dialing_current == 0;
        is_last || state.waiting_for_place > 0
    }

    /// Grants a channel on the least loaded connection of the same purpose. Purposes share a connection
    /// only if there may be no further one.
    fn grant(self: &Arc<Self>, state: &mut AliasState, purpose: ChannelPurpose) -> Option<Lease> {
        let sharing = self.shares(state);
        let pooled = state
            .connections
            .iter_mut()
            .filter(|pooled| pooled.has_room(purpose) && (sharing || pooled.suits(purpose)))
            .min_by_key(|pooled| (!pooled.suits(purpose), pooled.load()))?;
        *pooled.count(purpose) += 1;
        pooled.touch();
        Some(Lease {
            lessor: Arc::<Self>::clone(self),
            connection_id: pooled.id,
            server: Arc::clone(&pooled.server),
            purpose,
            connection: Arc::clone(&pooled.connection),
            is_parked: AtomicBool::new(false),
        })
    }

    /// The number of dials to start: one for a first connection; then as many as the waiters fill.
    fn dials_wanted(&self, state: &AliasState) -> usize {
        if !self.may_dial(state) {
            return 0;
        }
        let waiting = state.waiters.len().saturating_sub(state.giving_way());
        let needed = waiting.div_ceil(Limit::of(state.learnt_limit));
        let useful = if state.has_lasting_connections() {
            needed
        } else {
            needed.min(1)
        };
        let room = self.dialer.config.max_connections - state.open();
        useful.saturating_sub(state.dialing_current).min(room)
    }

    /// Makes a connection for the waiters, or gives them the error.
    async fn dial(self: Arc<Self>, server: Arc<Server>) {
        let outcome = match self.place(&server).await {
            Some(place) => self.dial_patiently(&server, place).await.map(Some),
            None => Ok(None),
        };
        let mut state = lock(&self.state);
        state.dialing -= 1;
        let still_wanted = state
            .server
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, &server));
        if still_wanted {
            state.dialing_current -= 1;
        }
        match outcome {
            Ok(Some(dialled)) => {
                state.is_costly |= dialled.is_costly && still_wanted;
                self.admit(&mut state, server, dialled, !still_wanted);
            }
            Ok(None) => {}
            Err(_) if !still_wanted => {}
            Err(error) => {
                tracing::warn!("{error}");
                if state.has_lasting_connections() || state.dialing_current > 0 {
                    state.no_dial_until = Some(Instant::now() + REFUSED_PAUSE);
                } else {
                    for waiter in state.waiters.drain(..) {
                        // A waiter that has gone away needs no answer.
                        let _ = waiter.grant.send(Err(error.clone()));
                    }
                }
            }
        }
        self.dispatch(state);
        // Those who waited for it may have gone away.
        self.ceiling.note_release();
    }

    /// Dials until an attempt succeeds or no further one helps.
    async fn dial_patiently(
        &self,
        server: &Server,
        place: ConnectionPlace,
    ) -> Result<Dialled, Error> {
        let mut pauses = BACKOFF.iter();
        loop {
            let notices: Arc<LoginNotices> = Arc::default();
            self.watch(&notices);
            let dialled = self.dialer.dial(&self.alias, server, &notices).await;
            let error = match dialled {
                Ok(connection) => {
                    return Ok(Dialled {
                        connection,
                        is_costly: notices.is_costly(),
                        place,
                    });
                }
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

    fn watch(&self, notices: &Arc<LoginNotices>) {
        let mut state = lock(&self.state);
        state.logins.retain(|login| login.strong_count() > 0);
        state.logins.push(Arc::downgrade(notices));
    }

    /// The notice for a person about a login under way.
    pub(super) fn notice(&self) -> Option<String> {
        let state = lock(&self.state);
        let mut logins = state.logins.iter().filter_map(Weak::upgrade);
        logins.find_map(|login| login.shown())
    }

    fn admit(
        self: &Arc<Self>,
        state: &mut AliasState,
        server: Arc<Server>,
        dialled: Dialled,
        draining: bool,
    ) {
        let id = next_id();
        let Dialled {
            connection, place, ..
        } = dialled;
        let (pool, closed) = (Arc::downgrade(self), connection.closed());
        let limit = if state.single_use.is_known() {
            Some(Limit::now(1))
        } else {
            state.learnt_limit
        };
        state.connections.push(PooledConnection {
            id,
            server,
            connection: Arc::new(connection),
            place,
            commands: 0,
            transfers: 0,
            jumps: 0,
            opened: 0,
            refusals: Refusals::default(),
            parked: ParkedSessions::default(),
            limit,
            kept: KeptChannels::new(self.dialer.config.burst_holds),
            draining,
            last_used: Instant::now(),
            last_used_at: Timestamp::now(),
        });
        tracing::debug!("connection {id} of `{}` is open", self.alias);
        // Holds neither pool nor connection, so that dropping them ends both.
        tokio::spawn(async move {
            closed.cancelled().await;
            if let Some(pool) = pool.upgrade() {
                pool.remove_dead(id);
            }
        });
    }

    /// Removes a connection that was lost. Leases on it find it closed.
    fn remove_dead(self: &Arc<Self>, id: u64) {
        let mut state = lock(&self.state);
        let index = state.connections.iter().position(|pooled| pooled.id == id);
        let dead = index.map(|index| state.connections.swap_remove(index));
        if let Some(pooled) = &dead {
            let reason = pooled.connection.closed_because();
            tracing::debug!("connection {id} of `{}` is gone: {reason}", self.alias);
            state.single_use.note_end(pooled.opened, pooled.last_used);
        }
        self.dispatch(state);
    }

    /// Drains every connection of another configuration. Without a server the alias was removed, and the
    /// waiters get an error.
    pub(super) fn configure(self: &Arc<Self>, server: Option<Arc<Server>>) {
        let mut state = lock(&self.state);
        if state.server == server {
            return;
        }
        if server.is_none() {
            for waiter in state.waiters.drain(..) {
                let _ = waiter.grant.send(Err(Error::UnknownAlias {
                    alias: self.alias.clone(),
                    known: KnownAliases::default(),
                }));
            }
        }
        state.set_server(server);
        self.dispatch(state);
    }

    /// Takes out every connection, because the process ends.
    pub(super) fn close(&self) -> Vec<Arc<Connection>> {
        let connections = {
            let mut state = lock(&self.state);
            state.set_server(None);
            state.waiters.clear();
            std::mem::take(&mut state.connections)
        };
        let connections = connections.into_iter();
        connections.map(|pooled| pooled.connection).collect()
    }

    /// Closes parked sessions and connections that have been idle for too long; connections down to the
    /// minimum.
    pub(super) fn close_idle(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        Self::give_back_kept_channels(&mut state);
        let connections = state.connections.iter_mut();
        let ended: Vec<_> = connections
            .flat_map(|pooled| pooled.parked.take_stale())
            .collect();
        drop(state);
        drop(ended);
        let mut state = lock(&self.state);
        let idle = self.dialer.config.idle_timeout;
        let mut lasting = state
            .connections
            .iter()
            .filter(|pooled| !pooled.draining)
            .count();
        state.connections.sort_by_key(|pooled| pooled.last_used);
        for pooled in &mut state.connections {
            let is_idle = pooled.is_unused() && pooled.last_used.elapsed() >= idle;
            if lasting > self.dialer.config.min_connections && is_idle && !pooled.draining {
                pooled.draining = true;
                lasting -= 1;
            }
        }
        self.dispatch(state);
    }

    /// The alias as `pool_stats` shows it.
    pub(super) fn stats(&self) -> ServerStats {
        let state = lock(&self.state);
        let connections: Vec<_> = state
            .connections
            .iter()
            .map(|pooled| ConnectionStats {
                id: format!("{}_{}", self.alias, pooled.id),
                in_use: !pooled.is_unused(),
                ready: pooled.takes_channels(),
                channels: pooled.load() + pooled.jumps,
                max_channels: pooled.limit(),
                last_used: pooled.last_used_at.epoch_millis(),
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

impl Lessor for AliasPool {
    fn alias(&self) -> &str {
        &self.alias
    }

    fn is_current(&self, server: &Server) -> bool {
        lock(&self.state).server.as_deref() == Some(server)
    }

    fn release(self: Arc<Self>, id: u64, purpose: ChannelPurpose) {
        let mut state = lock(&self.state);
        if let Some(pooled) = state.pooled(id) {
            *pooled.count(purpose) -= 1;
            pooled.touch();
        }
        self.dispatch(state);
        self.ceiling.note_release();
    }

    fn park(self: Arc<Self>, session: Box<dyn ParkedSession>) {
        self.keep(session);
        self.ceiling.note_release();
    }

    fn note_opened(self: Arc<Self>, id: u64) {
        let mut state = lock(&self.state);
        let is_single_use = state.single_use.is_known();
        if let Some(pooled) = state.pooled(id) {
            pooled.opened += 1;
            pooled.refusals = Refusals::default();
            pooled.draining |= is_single_use;
            let load = pooled.load();
            pooled.kept.note_use(load);
        }
        self.dispatch(state);
    }

    fn take_kept_channel(&self, id: u64) -> Option<KeptChannel> {
        self.pop_kept_channel(id)
    }

    fn note_dead_channel(&self) {
        self.pause_keeping();
    }

    fn retire(self: Arc<Self>, id: u64) {
        let mut state = lock(&self.state);
        if let Some(pooled) = state.pooled(id) {
            pooled.draining = true;
        }
        self.dispatch(state);
    }

    fn retire_if_alone(self: Arc<Self>, id: u64) {
        let alone = lock(&self.state)
            .pooled(id)
            .is_some_and(|pooled| pooled.load() == 1 && pooled.jumps == 0);
        if alone {
            self.retire(id);
        }
    }

    fn learn_limit(&self, id: u64) {
        let mut state = lock(&self.state);
        let Some(pooled) = state.pooled(id) else {
            return;
        };
        if pooled.parked.are_still_counted() {
            return;
        }
        let others = pooled.sessions().saturating_sub(1);
        pooled.refusals.add();
        let channels = others.max(1);
        let limit = Limit::now(channels);
        pooled.limit = Some(limit);
        state.learnt_limit = Some(limit);
        if others == 0 {
            state.note_refusal(id);
        }
        tracing::debug!("`{}` takes {channels} channels on a connection", self.alias);
    }

    fn learn_forward_limit(&self, id: u64) -> bool {
        let mut state = lock(&self.state);
        let Some(pooled) = state.pooled(id) else {
            return true;
        };
        let others = pooled.jumps.saturating_sub(1);
        if others > 0 {
            let limit = Limit::now(others);
            pooled.limit = Some(limit);
            state.learnt_limit = Some(limit);
        }
        others > 0
    }
}

/// A connection that was made.
struct Dialled {
    connection: Connection,
    /// A further login would take a person or a one-time code.
    is_costly: bool,
    place: ConnectionPlace,
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
