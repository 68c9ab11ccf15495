//! SSH: connections, host keys, the pool, and commands.
//!
//! Each room knows only those above it:
//!
//! | room | what it holds |
//! |---|---|
//! | `failure` | errors of connections, in words that users know |
//! | [`output`] | the output of commands: head and tail in memory, all of it in a file, within bounds |
//! | [`prompt`] | prompts at a terminal or at login: their answers, and which ask for a secret |
//! | [`host_key`] | the keys that servers prove themselves by, and those on record |
//! | [`target`] | the address of a server and the route to it: its entry and the user's SSH configuration |
//! | `connection` | one connection: its stream, its algorithms, its notices during the login |
//! | `auth` | logging in |
//! | `dial` | making a connection: the route, the host key, the login |
//! | `pool` | the connections of every alias, and channels on them |
//! | [`script`] | small scripts of this program's own, run on a server |
//! | [`command`] | commands of callers: single ones, sequences, at a terminal, detached |

mod auth;
pub mod command;
mod connection;
mod dial;
mod failure;
pub mod host_key;
pub mod output;
mod pool;
pub mod prompt;
pub mod script;
pub mod target;

pub use auth::{AuthorizedKey, check_prompt, check_totp, describe_agent, has_agent};
pub use command::device::device_prompt;
pub use command::exit_outcome::ExitOutcome;
pub use command::session::has_refused_commands;
pub use command::terminal_session::{TerminalEnd, TerminalRequest, TerminalSession, TerminalState};
pub use connection::ForwardTarget;
pub(crate) use connection::TimedOut;
pub use connection::stream::ConnectionStream;
pub use dial::NoTunnel;
pub(crate) use failure::os_reason;
pub use output::Output;
pub use output::bound::Bound;
pub(crate) use output::capture::KEPT;
pub use output::capture::{Captured, HEAD, TAIL};
pub use pool::{ChannelPurpose, Lease, OpenChannel, Pool, PoolStats, SUPERUSER, Tunnel, patience};
pub(crate) use pool::{Forwarded, ForwardedChannel, ParkedSession, ServerListener};
pub use script::ScriptFailure;
pub use target::endpoint::Endpoint;
