//! Places under the ceiling of all connections: waiting for one, and giving one back.

use std::sync::Arc;
use std::time::Instant;

use super::AliasPool;
use crate::ssh::pool::ceiling::{ConnectionPlace, IdleConnections};
use crate::ssh::pool::lease::ChannelPurpose;
use crate::ssh::pool::state::PooledConnection;
use crate::store::servers::Server;
use crate::sync::lock;

impl AliasPool {
    /// Takes a place for a connection to `server`, or waits for one. `None` if nobody wants the connection any
    /// more by then.
    pub(super) async fn place(self: &Arc<Self>, server: &Arc<Server>) -> Option<ConnectionPlace> {
        if let Some(place) = self.ceiling.try_place() {
            return Some(place);
        }
        // Made before the look at the waiters, so that none is missed.
        let jump_asked = self.jump_asked.notified();
        let place = if self.begin_waiting() {
            self.ceiling.extra_place()
        } else {
            tokio::select! {
                place = self.ceiling.wait_for_place() => place,
                () = jump_asked => self.ceiling.extra_place(),
            }
        };
        self.end_waiting(server).then_some(place)
    }

    /// Begins to wait for a place: meanwhile calls share the connections that there are. Returns whether
    /// connections through this server wait for it.
    fn begin_waiting(self: &Arc<Self>) -> bool {
        let mut state = lock(&self.state);
        state.waiting_for_place += 1;
        let mut waiters = state.waiters.iter();
        let is_jump_host = waiters.any(|waiter| waiter.purpose == ChannelPurpose::Jump);
        self.dispatch(state);
        is_jump_host
    }

    /// Ends the wait, and returns whether a connection to `server` is still wanted.
    fn end_waiting(&self, server: &Arc<Server>) -> bool {
        let mut state = lock(&self.state);
        state.waiting_for_place -= 1;
        let is_current = state
            .server
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, server));
        let mut waiters = state.waiters.iter();
        is_current && waiters.any(|waiter| !waiter.grant.is_closed())
    }
}

/// Returns whether a connection can be given back: it carries nothing, and is not on its way out.
fn is_idle(pooled: &PooledConnection) -> bool {
    pooled.is_unused() && !pooled.draining
}

impl IdleConnections for AliasPool {
    fn idle_since(&self) -> Option<Instant> {
        let state = lock(&self.state);
        let idle = state.connections.iter().filter(|pooled| is_idle(pooled));
        idle.map(|pooled| pooled.last_used).min()
    }

    fn give_back(self: Arc<Self>) {
        let mut state = lock(&self.state);
        let idle = state
            .connections
            .iter_mut()
            .filter(|pooled| is_idle(pooled));
        if let Some(pooled) = idle.min_by_key(|pooled| pooled.last_used) {
            tracing::debug!("connection {} of `{}` makes room", pooled.id, self.alias);
            pooled.draining = true;
            pooled.place.leave();
        }
        self.dispatch(state);
    }
}
