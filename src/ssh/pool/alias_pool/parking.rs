//! Parking: sessions that stay open for the next use, and give way to others.

use std::any::Any;
use std::sync::Arc;

use super::AliasPool;
use crate::ssh::pool::lease::{ChannelPurpose, ParkedSession};
use crate::ssh::pool::parked::MOST_PARKED;
use crate::ssh::pool::{IdentityCheck, Pool};
use crate::store::servers::Server;
use crate::sync::lock;

impl AliasPool {
    /// Closes sessions that give way to others. Their rooms are then given to those who wait.
    pub(super) fn close_for_others(self: &Arc<Self>, sessions: Vec<(u64, Box<dyn ParkedSession>)>) {
        for (id, session) in sessions {
            let pool = Arc::clone(self);
            tokio::spawn(async move {
                session.close().await;
                let mut state = lock(&pool.state);
                if let Some(pooled) = state.pooled(id) {
                    pooled.parked.giving_way -= 1;
                }
                pool.dispatch(state);
            });
        }
    }

    /// Parks a session unless somebody waits for a channel, or the server would take no further one.
    pub(super) fn keep(self: &Arc<Self>, session: Box<dyn ParkedSession>) {
        let id = session.lease().connection_id;
        let mut state = lock(&self.state);
        let parked: usize = state.connections.iter().map(|one| one.parked.len()).sum();
        let may_park = parked < MOST_PARKED && state.waiters.is_empty();
        let pooled = state.pooled(id).filter(|pooled| {
            may_park && pooled.takes_channels() && pooled.sessions() < pooled.limit()
        });
        let Some(pooled) = pooled else {
            // Dropped without the lock: its lease is given back.
            drop(state);
            return;
        };
        pooled.transfers -= 1;
        pooled.parked.push(session);
        pooled.touch();
        self.dispatch(state);
    }

    /// Takes out the session that was parked last on a connection to `server`. Like any channel for a
    /// transfer, it shares a connection with commands only if there may be no further connection.
    fn take(&self, server: &Server) -> Option<Box<dyn ParkedSession>> {
        let mut state = lock(&self.state);
        let sharing = self.shares(&state);
        let mut connections = state.connections.iter_mut();
        let pooled = connections.find(|pooled| {
            pooled.takes_channels()
                && pooled.parked.len() > 0
                && *pooled.server == *server
                && (sharing || pooled.suits(ChannelPurpose::Transfer))
        })?;
        pooled.unpark()
    }

    /// Takes out all parked sessions, which hold their connections and this pool.
    pub(in crate::ssh::pool) fn take_all_parked(&self) -> Vec<Box<dyn ParkedSession>> {
        let mut state = lock(&self.state);
        let connections = state.connections.iter_mut();
        connections
            .flat_map(|pooled| pooled.parked.take_all())
            .collect()
    }
}

impl Pool {
    /// Parks a session for the next use of its connection, or closes it.
    pub(crate) fn park(session: Box<dyn ParkedSession>) {
        Arc::clone(&session.lease().lessor).park(session);
    }

    /// Takes a parked session of the type `S` to the server that `alias` names now, if there is one that
    /// lives. Never dials.
    pub(crate) fn take_parked<S: ParkedSession>(&self, alias: &str) -> Option<Box<S>> {
        let server = self.server(alias).ok()?;
        let pool = lock(&self.shared.alias_pools).get(alias).cloned()?;
        loop {
            let session = pool.take(&server)?;
            let is_right = |check: &IdentityCheck| {
                let connection = session.lease().connection();
                check(connection.identity()).is_ok()
            };
            if session.is_alive() && self.check.as_ref().is_none_or(is_right) {
                let session: Box<dyn Any> = session;
                return session.downcast().ok();
            }
        }
    }
}
