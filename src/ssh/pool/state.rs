//! What is known of one alias's connections, and of those who wait for one.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::lease::{ChannelPurpose, Lease};
use super::login_shell::LoginShell;
use crate::error::Error;
use crate::ssh::connection::Connection;
use crate::ssh::connection::notices::Notices;
use crate::store::servers::Server;
use crate::time::Timestamp;

/// Channels on one connection until the server teaches otherwise: sshd's default `MaxSessions`.
const CHANNELS: usize = 10;

/// How long a server's refusal of a further channel is kept in mind.
const LIMIT_HOLDS: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct State {
    /// The configuration that connections are made with; `None` once the alias is removed.
    pub(super) server: Option<Arc<Server>>,
    /// What that server's login shell is like.
    pub(super) shell: LoginShell,
    pub(super) slots: Vec<PooledConnection>,
    /// Dials under way, whatever the configuration.
    pub(super) dialing: usize,
    /// Dials under way with the present configuration.
    pub(super) dialing_now: usize,
    /// Whether a login takes a person, or a code: then one connection has to do.
    pub(super) is_dear: bool,
    /// What is to be known of the logins under way.
    pub(super) logins: Vec<Weak<Notices>>,
    /// Connections that are saying goodbye.
    pub(super) closing: usize,
    pub(super) waiters: VecDeque<Waiter>,
    pub(super) no_dial_until: Option<Instant>,
    /// Channels that the server has been found to take on a connection.
    pub(super) learnt_limit: Option<Limit>,
}

/// A server's own limit of channels. It is forgotten after a while: a server may refuse a channel
/// for a passing reason, such as one that it has not cleared yet.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) channels: usize,
    pub(super) learnt: Instant,
}

impl Limit {
    pub(super) fn of(limit: Option<Self>) -> usize {
        let fresh = limit.filter(|limit| limit.learnt.elapsed() < LIMIT_HOLDS);
        fresh.map_or(CHANNELS, |limit| limit.channels)
    }
}

/// A connection and what it carries. It counts against the ceiling until it is gone.
pub(super) struct PooledConnection {
    pub(super) id: u64,
    pub(super) server: Arc<Server>,
    pub(super) connection: Arc<Connection>,
    pub(super) commands: usize,
    pub(super) transfers: usize,
    /// Connections to further servers that go through this one.
    pub(super) jumps: usize,
    pub(super) limit: Option<Limit>,
    /// It takes no more channels, and goes once it carries none.
    pub(super) draining: bool,
    pub(super) last_used: Instant,
    pub(super) last_used_at: Timestamp,
}

pub(super) struct Waiter {
    pub(super) purpose: ChannelPurpose,
    pub(super) grant: oneshot::Sender<Result<Lease, Error>>,
}

impl PooledConnection {
    /// How many sessions it carries: servers count those.
    pub(super) fn load(&self) -> usize {
        self.commands + self.transfers
    }

    pub(super) fn is_unused(&self) -> bool {
        self.load() + self.jumps == 0
    }

    pub(super) fn has_room(&self, purpose: ChannelPurpose) -> bool {
        let has_place = purpose == ChannelPurpose::Jump || self.load() < Limit::of(self.limit);
        !self.draining && has_place && !self.connection.is_closed()
    }

    pub(super) fn count(&mut self, purpose: ChannelPurpose) -> &mut usize {
        match purpose {
            ChannelPurpose::Command | ChannelPurpose::Stop => &mut self.commands,
            ChannelPurpose::Transfer => &mut self.transfers,
            ChannelPurpose::Jump => &mut self.jumps,
        }
    }

    pub(super) fn suits(&self, purpose: ChannelPurpose) -> bool {
        match purpose {
            ChannelPurpose::Command => self.transfers == 0,
            ChannelPurpose::Transfer => self.commands == 0,
            ChannelPurpose::Stop | ChannelPurpose::Jump => true,
        }
    }

    pub(super) fn touch(&mut self) {
        self.last_used = Instant::now();
        self.last_used_at = Timestamp::now();
    }
}

impl State {
    pub(super) fn slot(&mut self, id: u64) -> Option<&mut PooledConnection> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }

    /// Connections that count against the ceiling.
    pub(super) fn open(&self) -> usize {
        self.slots.len() + self.dialing + self.closing
    }

    pub(super) fn has_lasting_slots(&self) -> bool {
        self.slots.iter().any(|slot| !slot.draining)
    }

    /// Takes out the slots that have to go and carry nothing.
    pub(super) fn take_unused(&mut self) -> Vec<PooledConnection> {
        self.slots
            .extract_if(.., |slot| slot.draining && slot.is_unused())
            .collect()
    }

    pub(super) fn set_server(&mut self, server: Option<Arc<Server>>) {
        if self.server.is_some() {
            self.shell = LoginShell::default();
        }
        self.server = server;
        self.no_dial_until = None;
        self.learnt_limit = None;
        self.is_dear = false;
        self.dialing_now = 0;
        self.slots.iter_mut().for_each(|slot| slot.draining = true);
    }
}
