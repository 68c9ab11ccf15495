//! The pool as `pool_stats` shows it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::Pool;
use super::lease::Lessor as _;
use crate::sync::lock;
use crate::text::table;

/// The whole pool.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolStats {
    /// Open connections of all servers.
    pub total_connections: usize,
    /// `MAX_CONNECTIONS_PER_SERVER`
    pub max_connections_per_server: usize,
    /// Most connections of all servers: `MAX_CONNECTIONS_TOTAL`, or what the limit on open files leaves.
    pub max_connections_total: usize,
    /// Each alias that has been used.
    pub by_server: IndexMap<String, ServerStats>,
}

/// One alias's part of the pool.
#[derive(Clone, Debug, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, Serialize, JsonSchema)]
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

impl PoolStats {
    /// The pool for people: a line of numbers, then one for each server.
    pub fn text(&self) -> String {
        let rows: Vec<_> = self
            .by_server
            .iter()
            .map(|(alias, server)| server.row(alias))
            .collect();
        let heading = format!(
            "{} connections, at most {} a server",
            self.total_connections, self.max_connections_per_server
        );
        if rows.is_empty() {
            return heading;
        }
        format!("{heading}\n{}", table(&rows))
    }
}

impl ServerStats {
    fn row(&self, alias: &str) -> [String; 5] {
        let unless_none = |number: usize, what: &str| match number {
            0 => String::new(),
            number => format!("{number} {what}"),
        };
        let connections = self.connections.iter().map(ConnectionStats::text);
        [
            alias.to_owned(),
            format!("{} in use, {} available", self.in_use, self.available),
            unless_none(self.dialing, "being made"),
            unless_none(self.waiting, "calls wait"),
            connections.collect::<Vec<_>>().join("; "),
        ]
    }
}

impl ConnectionStats {
    fn text(&self) -> String {
        let ready = if self.ready { "" } else { ", takes no more" };
        let Self {
            id,
            channels,
            max_channels,
            ..
        } = self;
        format!("{id}: {channels} of {max_channels} channels{ready}")
    }
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
            max_connections_total: self.shared.ceiling.most(),
            by_server,
        }
    }
}
