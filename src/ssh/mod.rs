//! SSH: connections, host keys, the pool, and commands.

mod authenticate;
mod bound;
mod capture;
pub mod checksum;
mod client;
mod connect;
pub mod conversation;
pub mod curl;
pub mod detached;
mod ended;
pub mod exec;
mod failure;
mod known_hosts;
mod line;
mod marker;
pub mod output;
mod pool;
mod quote;
mod script;
pub mod secrecy;
pub mod sequence;
mod session;
mod shell;
mod step;
mod stop;
mod stream;
pub mod streaming;

pub use bound::Bound;
pub use capture::{Captured, HEAD, TAIL};
pub(crate) use capture::{abridge, cut_at_start, whole_characters};
pub use connect::Connection;
pub(crate) use connect::Silence;
pub use ended::Ended;
pub(crate) use failure::os_reason;
pub use known_hosts::KnownHosts;
pub use output::Output;
pub use pool::{
    ConnectionStats, Lease, NoTunnel, OpenChannel, Pool, PoolStats, ServerStats, Tunnel, Use,
    patience,
};
pub use quote::quote;
pub use script::Failure;
pub use shell::Shell;
pub(crate) use stream::Stream;
