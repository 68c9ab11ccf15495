//! SSH: connections, host keys, the pool, and commands.

mod authenticate;
mod capture;
mod client;
mod connect;
pub mod exec;
mod failure;
mod known_hosts;
mod pool;
mod stream;

pub use capture::Captured;
pub use connect::Connection;
pub use known_hosts::KnownHosts;
pub use pool::{ConnectionStats, Lease, OpenChannel, Pool, PoolStats, ServerStats, Use, patience};
pub(crate) use stream::Stream;
