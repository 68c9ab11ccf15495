//! One alias's connections: who gets a channel on which, and when to dial.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::lease::{ChannelPurpose, Lease, Lessor};
use super::login_shell::LoginShell;
use super::state::{Limit, PooledConnection, State, Waiter};
use super::stats::{ConnectionStats, ServerStats};
use crate::error::Error;
use crate::ssh::connection::Connection;
use crate::ssh::connection::failure::ConnectError;
use crate::ssh::connection::notices::Notices;
use crate::ssh::dial::Dialer;
use crate::store::servers::Server;
use crate::sync::lock;
use crate::time::Timestamp;

/// Pauses before further attempts to dial, where an attempt may help.
const BACKOFF: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(750)];

/// After a dial failed while other connections live, further dials wait this long: the server
/// may have a ceiling of its own.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// One alias's part of the pool.
pub(super) struct AliasPool {
    alias: String,
    dialer: Dialer,
    state: Mutex<State>,
}

impl AliasPool {
    pub(super) fn new(alias: &str, dialer: Dialer) -> Self {
        Self {
            alias: alias.to_owned(),
            dialer,
            state: Mutex::default(),
        }
    }

    /// Asks for a channel to `server`: granted at once where there is room, else in order of asking.
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
            ChannelPurpose::Command | ChannelPurpose::Transfer | ChannelPurpose::Jump => {
                state.waiters.push_back(waiter);
            }
        }
        self.dispatch(state);
        granted
    }

    /// What is known of the login shell of the server as it is configured now.
    pub(super) fn shell(&self) -> LoginShell {
        lock(&self.state).shell.clone()
    }

    /// The fingerprint of the host key that its connections were made with.
    pub(super) fn host_key(&self) -> Option<String> {
        let state = lock(&self.state);
        let slot = state.slots.first()?;
        Some(slot.connection.host_key().to_owned())
    }

    /// Serves the waiters in order as far as there is room, dials for the rest, and lets go of what is unused.
    fn dispatch(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let unclaimed = self.serve_waiters(&mut state);
        if let Some(server) = state.server.clone() {
            for _ in 0..self.dials_wanted(&state) {
                state.dialing += 1;
                state.dialing_now += 1;
                let (host, server) = (Arc::clone(self), Arc::clone(&server));
                tokio::spawn(async move { host.dial(server).await });
            }
        }
        let unused = state.take_unused();
        state.closing += unused.len();
        drop(state);
        drop(unclaimed);
        for slot in unused {
            let host = Arc::clone(self);
            tokio::spawn(async move {
                slot.connection.disconnect().await;
                drop(slot);
                let mut state = lock(&host.state);
                state.closing -= 1;
                host.dispatch(state);
            });
        }
    }

    /// Grants what there is room for, in order, those who wait for the one use not holding up those
    /// who wait for the other. Gives the leases of waiters that have just gone away: they are to be
    /// dropped without the lock held.
    fn serve_waiters(self: &Arc<Self>, state: &mut State) -> Vec<Result<Lease, Error>> {
        let mut unclaimed = Vec::new();
        let mut full = Vec::new();
        for waiter in std::mem::take(&mut state.waiters) {
            if waiter.grant.is_closed() {
                continue;
            }
            let lease = if full.contains(&waiter.purpose) {
                None
            } else {
                self.grant(state, waiter.purpose)
            };
            if let Some(lease) = lease {
                unclaimed.extend(waiter.grant.send(Ok(lease)).err());
            } else {
                full.push(waiter.purpose);
                state.waiters.push_back(waiter);
            }
        }
        unclaimed
    }

    fn may_dial(&self, state: &State) -> bool {
        let in_turn = state
            .no_dial_until
            .is_none_or(|until| Instant::now() >= until);
        let is_free = in_turn && !state.is_dear;
        state.open() < self.dialer.config.max_connections && (is_free || !state.has_lasting_slots())
    }

    /// The least loaded connection that carries the same kind of use; a shared one only where no
    /// further connection may be had.
    fn grant(self: &Arc<Self>, state: &mut State, purpose: ChannelPurpose) -> Option<Lease> {
        let sharing = !self.may_dial(state) && state.dialing_now == 0;
        let slot = state
            .slots
            .iter_mut()
            .filter(|slot| slot.has_room(purpose) && (sharing || slot.suits(purpose)))
            .min_by_key(|slot| (!slot.suits(purpose), slot.load()))?;
        *slot.count(purpose) += 1;
        slot.touch();
        Some(Lease {
            host: Arc::<Self>::clone(self),
            slot: slot.id,
            server: Arc::clone(&slot.server),
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
        let needed = state.waiters.len().div_ceil(Limit::of(state.learnt_limit));
        let useful = if state.has_lasting_slots() {
            needed
        } else {
            needed.min(1)
        };
        let room = self.dialer.config.max_connections - state.open();
        useful.saturating_sub(state.dialing_now).min(room)
    }

    async fn dial(self: Arc<Self>, server: Arc<Server>) {
        let outcome = self.dial_patiently(&server).await;
        let mut state = lock(&self.state);
        state.dialing -= 1;
        let still_wanted = state
            .server
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, &server));
        if still_wanted {
            state.dialing_now -= 1;
        }
        match outcome {
            Ok((connection, is_dear)) => {
                state.is_dear |= is_dear && still_wanted;
                self.admit(&mut state, server, connection, !still_wanted);
            }
            Err(_) if !still_wanted => {}
            Err(error) => {
                tracing::warn!("{error}");
                if state.has_lasting_slots() || state.dialing_now > 0 {
                    state.no_dial_until = Some(Instant::now() + REFUSED_PAUSE);
                } else {
                    for waiter in state.waiters.drain(..) {
                        // Whoever has gone away needs no answer.
                        let _ = waiter.grant.send(Err(error.clone()));
                    }
                }
            }
        }
        self.dispatch(state);
    }

    /// Gives also whether a further login is not to be had for nothing.
    async fn dial_patiently(&self, server: &Server) -> Result<(Connection, bool), Error> {
        let mut pauses = BACKOFF.iter();
        loop {
            let notices: Arc<Notices> = Arc::default();
            self.watch(&notices);
            let dialled = self.dialer.dial(&self.alias, server, &notices).await;
            let error = match dialled {
                Ok(connection) => return Ok((connection, notices.is_dear())),
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

    fn watch(&self, notices: &Arc<Notices>) {
        let mut state = lock(&self.state);
        state.logins.retain(|login| login.strong_count() > 0);
        state.logins.push(Arc::downgrade(notices));
    }

    /// What a person has to know of a login that is under way.
    pub(super) fn notice(&self) -> Option<String> {
        let state = lock(&self.state);
        let mut logins = state.logins.iter().filter_map(Weak::upgrade);
        logins.find_map(|login| login.shown())
    }

    fn admit(
        self: &Arc<Self>,
        state: &mut State,
        server: Arc<Server>,
        connection: Connection,
        draining: bool,
    ) {
        let id = next_id();
        let (host, closed) = (Arc::downgrade(self), connection.closed());
        state.slots.push(PooledConnection {
            id,
            server,
            connection: Arc::new(connection),
            commands: 0,
            transfers: 0,
            jumps: 0,
            limit: state.learnt_limit,
            draining,
            last_used: Instant::now(),
            last_used_at: Timestamp::now(),
        });
        tracing::debug!("connection {id} of `{}` is open", self.alias);
        // Holds neither host nor connection, so that dropping them ends both.
        tokio::spawn(async move {
            closed.cancelled().await;
            if let Some(host) = host.upgrade() {
                host.remove_dead(id);
            }
        });
    }

    /// Takes a connection that has broken off out of the pool. Leases on it find it closed.
    fn remove_dead(self: &Arc<Self>, id: u64) {
        let mut state = lock(&self.state);
        let index = state.slots.iter().position(|slot| slot.id == id);
        let dead = index.map(|index| state.slots.swap_remove(index));
        if let Some(slot) = &dead {
            let reason = slot.connection.closed_because();
            tracing::debug!("connection {id} of `{}` is gone: {reason}", self.alias);
        }
        self.dispatch(state);
    }

    /// Lets go of every connection of another configuration. Without one the alias was removed, and
    /// whoever waits is refused.
    pub(super) fn configure(self: &Arc<Self>, server: Option<Arc<Server>>) {
        let mut state = lock(&self.state);
        if state.server == server {
            return;
        }
        if server.is_none() {
            for waiter in state.waiters.drain(..) {
                let _ = waiter.grant.send(Err(Error::UnknownAlias {
                    alias: self.alias.clone(),
                }));
            }
        }
        state.set_server(server);
        self.dispatch(state);
    }

    /// The round trip to the server, as far as a connection that is open now has shown it.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        let state = lock(&self.state);
        let slots = state.slots.iter();
        slots.filter_map(|slot| slot.connection.round_trip()).min()
    }

    /// Takes out every connection, because the process ends.
    pub(super) fn close(&self) -> Vec<Arc<Connection>> {
        let mut state = lock(&self.state);
        state.set_server(None);
        state.waiters.clear();
        state.slots.drain(..).map(|slot| slot.connection).collect()
    }

    /// Closes connections that have been idle for too long, down to the minimum.
    pub(super) fn close_idle(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        let idle = self.dialer.config.idle_timeout;
        let mut lasting = state.slots.iter().filter(|slot| !slot.draining).count();
        state.slots.sort_by_key(|slot| slot.last_used);
        for slot in &mut state.slots {
            let is_idle = slot.is_unused() && slot.last_used.elapsed() >= idle;
            if lasting > self.dialer.config.min_connections && is_idle && !slot.draining {
                slot.draining = true;
                lasting -= 1;
            }
        }
        self.dispatch(state);
    }

    /// This alias's figures.
    pub(super) fn stats(&self) -> ServerStats {
        let state = lock(&self.state);
        let connections: Vec<_> = state
            .slots
            .iter()
            .map(|slot| ConnectionStats {
                id: format!("{}_{}", self.alias, slot.id),
                in_use: !slot.is_unused(),
                ready: !slot.draining && !slot.connection.is_closed(),
                channels: slot.load() + slot.jumps,
                max_channels: Limit::of(slot.limit),
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

impl Lessor for AliasPool {
    fn alias(&self) -> &str {
        &self.alias
    }

    fn is_current(&self, server: &Server) -> bool {
        lock(&self.state).server.as_deref() == Some(server)
    }

    fn release(self: Arc<Self>, id: u64, purpose: ChannelPurpose) {
        let mut state = lock(&self.state);
        if let Some(slot) = state.slot(id) {
            *slot.count(purpose) -= 1;
            slot.touch();
        }
        self.dispatch(state);
    }

    fn retire(self: Arc<Self>, id: u64) {
        let mut state = lock(&self.state);
        if let Some(slot) = state.slot(id) {
            slot.draining = true;
        }
        self.dispatch(state);
    }

    fn give_up_if_alone(self: Arc<Self>, id: u64) {
        let alone = lock(&self.state)
            .slot(id)
            .is_some_and(|slot| slot.load() == 1 && slot.jumps == 0);
        if alone {
            self.retire(id);
        }
    }

    fn learn_limit(&self, id: u64) {
        let mut state = lock(&self.state);
        let Some(slot) = state.slot(id) else { return };
        let channels = slot.load().saturating_sub(1).max(1);
        let limit = Limit {
            channels,
            learnt: Instant::now(),
        };
        slot.limit = Some(limit);
        state.learnt_limit = Some(limit);
        tracing::debug!("`{}` takes {channels} channels on a connection", self.alias);
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
