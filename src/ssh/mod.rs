//! SSH: connections, host keys, the pool, and commands.

pub mod access;
mod addresses;
mod authenticate;
mod bound;
mod capture;

pub mod checksum;
mod client;
mod connect;
mod connection;
pub mod conversation;
pub mod curl;
pub mod detached;
mod ended;
mod endpoint;
pub mod exec;
mod failure;
pub mod home;
pub mod host_key;
mod jump;
mod marker;
mod notices;
mod offer;
pub mod output;
mod overheard;
mod pool;
mod route;
mod script;
pub mod secrecy;
mod sent;
pub mod sequence;
mod session;
mod shell;
mod step;
mod stop;
mod stream;
mod tap;
mod target;
pub mod user_config;
pub mod verify;
pub mod written;

pub use authenticate::{check_prompt, check_totp, describe_agent, has_agent};
pub use bound::{Bound, Reached};
pub(crate) use capture::KEPT;
pub use capture::{Captured, HEAD, Shown, TAIL};
pub use connection::Connection;
pub(crate) use connection::Silence;
pub use ended::Ended;
pub use endpoint::Endpoint;
pub(crate) use failure::os_reason;
pub use output::Output;
pub use pool::{
    Check, ConnectionStats, Lease, NoTunnel, OpenChannel, Pool, PoolStats, ServerStats, Tunnel,
    Use, patience,
};
pub use script::Failure;
pub use shell::Shell;
pub(crate) use stream::Stream;
