//! The pool as `pool_stats` shows it.

use indexmap::IndexMap;
use serde::Serialize;

use super::Pool;
use super::lease::Lessor as _;
use crate::sync::lock;

/// The whole pool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolStats {
    /// Open connections of all servers.
    pub total_connections: usize,
    /// `MAX_CONNECTIONS_PER_SERVER`
    pub max_connections_per_server: usize,
    /// Each alias that has been used.
    pub by_server: IndexMap<String, ServerStats>,
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
    /// True while it carries a channel.
    pub in_use: bool,
    /// True while it takes channels.
    pub ready: bool,
    /// Channels in use on it.
    pub channels: usize,
    /// Most channels that the server takes on it, as far as is known.
    pub max_channels: usize,
    /// When a channel was last opened or closed, in ms since the Unix epoch.
    pub last_used: i64,
}

impl Pool {
    /// The pool as `pool_stats` shows it.
    pub fn stats(&self) -> PoolStats {
        let mut pools: Vec<_> = lock(&self.shared.alias_pools).values().cloned().collect();
        pools.sort_by(|a, b| a.alias().cmp(b.alias()));
        let by_server: IndexMap<_, _> = pools
            .iter()
            .map(|pool| (pool.alias().to_owned(), pool.stats()))
            .collect();
        PoolStats {
            total_connections: by_server.values().map(|server| server.total).sum(),
            max_connections_per_server: self.shared.config.max_connections,
            by_server,
        }
    }
}
