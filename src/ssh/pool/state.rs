//! The state of one alias: its connections, and the calls that wait for a channel.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::ceiling::ConnectionPlace;
use super::elevation::KnownWays;
use super::kept::{KeepingPause, KeptChannels};
use super::lease::{ChannelPurpose, Lease, ParkedSession};
use super::login_shell::LoginShell;
use super::parked::ParkedSessions;
use super::single_use::{Refusals, SingleUse};
use crate::error::Error;
use crate::ssh::connection::Connection;
use crate::ssh::connection::notices::LoginNotices;
use crate::store::servers::Server;
use crate::time::Timestamp;

/// Channels on one connection until the server teaches otherwise: sshd's default `MaxSessions`.
const CHANNELS: usize = 10;

/// Time after which a learnt limit of channels is forgotten.
const LIMIT_HOLDS: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct AliasState {
    /// The configuration that connections are made with; `None` once the alias is removed.
    pub(super) server: Option<Arc<Server>>,
    /// The server's login shell.
    pub(super) shell: LoginShell,
    /// The ways to its other users.
    pub(super) ways: KnownWays,
    pub(super) connections: Vec<PooledConnection>,
    /// Dials under way with any configuration.
    pub(super) dialing: usize,
    /// Dials under way with the present configuration.
    pub(super) dialing_current: usize,
    /// Those of them that wait for a place under the ceiling of all connections.
    pub(super) waiting_for_place: usize,
    /// A login takes a person or a one-time code, so one connection has to do.
    pub(super) is_costly: bool,
    /// The notices of the logins under way.
    pub(super) logins: Vec<Weak<LoginNotices>>,
    /// Connections that are being disconnected.
    pub(super) closing: usize,
    pub(super) waiters: VecDeque<Waiter>,
    pub(super) no_dial_until: Option<Instant>,
    /// The server's own limit of channels on a connection, if it has refused one.
    pub(super) learnt_limit: Option<Limit>,
    pub(super) keeping_pause: KeepingPause,
    pub(super) single_use: SingleUse,
}

/// A server's own limit of channels. It is forgotten after a while: a server may refuse a channel for a
/// passing reason, such as a session that it has not cleared yet.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) channels: usize,
    pub(super) learnt: Instant,
}

impl Limit {
    /// A limit that was learnt just now.
    pub(super) fn now(channels: usize) -> Self {
        let learnt = Instant::now();
        Self { channels, learnt }
    }

    pub(super) fn of(limit: Option<Self>) -> usize {
        Self::fresh(limit).unwrap_or(CHANNELS)
    }

    /// The same of forwarded connections, which hardly any server bounds.
    pub(super) fn of_forwards(limit: Option<Self>) -> usize {
        Self::fresh(limit).unwrap_or(usize::MAX)
    }

    fn fresh(limit: Option<Self>) -> Option<usize> {
        let fresh = limit.filter(|limit| limit.learnt.elapsed() < LIMIT_HOLDS);
        fresh.map(|limit| limit.channels)
    }
}

/// A connection and what it carries. It counts against the ceiling until it is gone.
pub(super) struct PooledConnection {
    pub(super) id: u64,
    pub(super) server: Arc<Server>,
    pub(super) connection: Arc<Connection>,
    pub(super) place: ConnectionPlace,
    pub(super) commands: usize,
    pub(super) transfers: usize,
    /// Connections to further servers, and those of tunnels, that go through this one.
    pub(super) jumps: usize,
    /// Sessions opened so far.
    pub(super) opened: usize,
    /// Sessions refused since then.
    pub(super) refusals: Refusals,
    /// Sessions that stay open for the next use.
    pub(super) parked: ParkedSessions,
    pub(super) limit: Option<Limit>,
    /// Session channels that nobody has used yet.
    pub(super) kept: KeptChannels,
    /// It gets no more channels, and is disconnected once it carries none.
    pub(super) draining: bool,
    pub(super) last_used: Instant,
    pub(super) last_used_at: Timestamp,
}

pub(super) struct Waiter {
    pub(super) purpose: ChannelPurpose,
    pub(super) grant: oneshot::Sender<Result<Lease, Error>>,
}

impl PooledConnection {
    /// The number of sessions in use. Servers count those, and the parked ones.
    pub(super) fn load(&self) -> usize {
        self.commands + self.transfers
    }

    /// The number of sessions in use and parked.
    pub(super) fn sessions(&self) -> usize {
        self.load() + self.parked.len()
    }

    /// The number of sessions that the server takes on it.
    pub(super) fn limit(&self) -> usize {
        Limit::of(self.limit)
    }

    /// Returns whether it lives and is to stay, so that it may carry further channels.
    pub(super) fn takes_channels(&self) -> bool {
        !self.draining && !self.connection.is_closed()
    }

    pub(super) fn is_unused(&self) -> bool {
        self.load() + self.jumps == 0
    }

    pub(super) fn has_room(&self, purpose: ChannelPurpose) -> bool {
        let has_place = match purpose {
            ChannelPurpose::Jump => true,
            ChannelPurpose::Forward => self.jumps < Limit::of_forwards(self.limit),
            _ => self.sessions() < self.limit(),
        };
        has_place && self.takes_channels()
    }

    pub(super) fn count(&mut self, purpose: ChannelPurpose) -> &mut usize {
        match purpose {
            ChannelPurpose::Command | ChannelPurpose::Stop => &mut self.commands,
            ChannelPurpose::Transfer => &mut self.transfers,
            ChannelPurpose::Jump | ChannelPurpose::Forward => &mut self.jumps,
        }
    }

    pub(super) fn suits(&self, purpose: ChannelPurpose) -> bool {
        match purpose {
            ChannelPurpose::Command => self.transfers == 0,
            ChannelPurpose::Transfer => self.commands == 0,
            ChannelPurpose::Stop | ChannelPurpose::Jump | ChannelPurpose::Forward => true,
        }
    }

    /// Takes out the session that was parked last, to be used again.
    pub(super) fn unpark(&mut self) -> Option<Box<dyn ParkedSession>> {
        let session = self.parked.pop()?;
        self.transfers += 1;
        self.touch();
        Some(session)
    }

    /// Returns whether parked sessions take the room that a channel needs.
    fn is_full_of_parked(&self) -> bool {
        let limit = self.limit();
        self.load() < limit && self.sessions() >= limit && self.takes_channels()
    }

    pub(super) fn touch(&mut self) {
        self.last_used = Instant::now();
        self.last_used_at = Timestamp::now();
    }
}

impl AliasState {
    pub(super) fn pooled(&mut self, id: u64) -> Option<&mut PooledConnection> {
        self.connections.iter_mut().find(|pooled| pooled.id == id)
    }

    /// Connections that count against the ceiling.
    pub(super) fn open(&self) -> usize {
        self.connections.len() + self.dialing + self.closing
    }

    pub(super) fn has_lasting_connections(&self) -> bool {
        self.connections.iter().any(|pooled| !pooled.draining)
    }

    /// Channels that are free once parked sessions have given way.
    pub(super) fn giving_way(&self) -> usize {
        let connections = self.connections.iter();
        connections.map(|pooled| pooled.parked.giving_way).sum()
    }

    /// Takes out a parked session where it takes the room that a channel needs, and returns it with the
    /// connection's ID. Until it is closed, its lease counts as a transfer.
    pub(super) fn make_room(
        &mut self,
        purpose: ChannelPurpose,
        sharing: bool,
    ) -> Option<(u64, Box<dyn ParkedSession>)> {
        let mut connections = self.connections.iter_mut();
        let pooled = connections
            .find(|pooled| pooled.is_full_of_parked() && (sharing || pooled.suits(purpose)))?;
        let session = pooled.parked.give_way()?;
        pooled.transfers += 1;
        Some((pooled.id, session))
    }

    /// Notes a refusal of a session on a connection that carries no other, which gets no further one if it has
    /// come to its end.
    pub(super) fn note_refusal(&mut self, id: u64) {
        let mut connections = self.connections.iter_mut();
        if let Some(pooled) = connections.find(|pooled| pooled.id == id) {
            pooled.draining |= self
                .single_use
                .note_refusal(pooled.opened, &pooled.refusals);
        }
    }

    /// Removes the drained connections that carry nothing.
    pub(super) fn take_unused(&mut self) -> Vec<PooledConnection> {
        self.connections
            .extract_if(.., |pooled| pooled.draining && pooled.is_unused())
            .collect()
    }

    pub(super) fn set_server(&mut self, server: Option<Arc<Server>>) {
        if self.server.is_some() {
            self.shell = LoginShell::default();
            self.ways = KnownWays::default();
        }
        self.server = server;
        self.no_dial_until = None;
        self.learnt_limit = None;
        self.keeping_pause = KeepingPause::default();
        self.single_use = SingleUse::default();
        self.is_costly = false;
        self.dialing_current = 0;
        self.connections
            .iter_mut()
            .for_each(|pooled| pooled.draining = true);
    }
}
