//! The right to one channel on a pooled connection.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::kept::KeptChannel;
use crate::error::Error;
use crate::ssh::connection::Connection;
use crate::store::servers::Server;

/// Time in which the end of a connection becomes known after that of its channels.
const END_IS_KNOWN: Duration = Duration::from_millis(50);

/// The purpose of a channel. Transfers delay commands on the same connection, so the two keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelPurpose {
    /// A command: short, wants to be quick.
    Command,
    /// A transfer: fills the connection.
    Transfer,
    /// A tunnel to a further server. It is no session, so servers do not count it.
    Jump,
    /// A connection that a caller's tunnel carries. It is no session either, and some servers bound it.
    Forward,
    /// The end of a command. It cannot wait, and takes any connection with room.
    Stop,
}

/// The pool of one alias, as its leases know it.
pub(super) trait Lessor: Send + Sync {
    /// The alias whose connections it has.
    fn alias(&self) -> &str;

    /// Returns whether this is the server as it is configured now.
    fn is_current(&self, server: &Server) -> bool;

    /// Takes back the right to a channel.
    fn release(self: Arc<Self>, id: u64, purpose: ChannelPurpose);

    /// Parks a session for the next use, or closes it.
    fn park(self: Arc<Self>, session: Box<dyn ParkedSession>);

    /// Notes that a session channel was opened.
    fn note_opened(self: Arc<Self>, id: u64);

    /// Takes a channel that is kept ahead on a connection.
    fn take_kept_channel(&self, id: u64) -> Option<KeptChannel>;

    /// Notes that the server had closed a channel that was kept ahead.
    fn note_dead_channel(&self);

    /// Gives no more channels on a connection that does not answer. Those open on it may still end.
    fn retire(self: Arc<Self>, id: u64);

    /// Gives no more channels on a connection that carries a single one.
    fn retire_if_alone(self: Arc<Self>, id: u64);

    /// Notes that the server refused one session more than the connection carries (`MaxSessions`).
    fn learn_limit(&self, id: u64);

    /// Notes that the server refused one forwarded connection more than the connection carries. Returns whether
    /// it carries others.
    fn learn_forward_limit(&self, id: u64) -> bool;
}

/// The right to one channel on a connection; given back when dropped.
pub struct Lease {
    pub(super) lessor: Arc<dyn Lessor>,
    pub(super) connection_id: u64,
    pub(super) server: Arc<Server>,
    pub(super) purpose: ChannelPurpose,
    pub(super) connection: Arc<Connection>,
    /// Its session is parked, and does not count as a use of the connection.
    pub(super) is_parked: AtomicBool,
}

impl Lease {
    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The number of the connection in the pool.
    pub(crate) fn connection_id(&self) -> u64 {
        self.connection_id
    }

    /// Closes the connection with this channel if it carries no other: room for another connection is
    /// needed, and the server keeps the session for as long as its command runs.
    pub(in crate::ssh) fn retire_if_alone(&self) {
        Arc::clone(&self.lessor).retire_if_alone(self.connection_id);
    }

    /// Returns whether the alias still names the server of this connection.
    pub(in crate::ssh) fn is_current(&self) -> bool {
        self.lessor.is_current(&self.server)
    }

    /// Retires the connection: it carries no further channel.
    pub fn retire(&self) {
        Arc::clone(&self.lessor).retire(self.connection_id);
    }

    /// The error that the server refuses a request.
    pub fn refusal(&self, reason: impl Into<String>) -> Error {
        Error::Connection {
            alias: self.lessor.alias().to_owned(),
            host: self.connection.host.clone(),
            port: self.connection.port,
            reason: reason.into(),
        }
    }

    /// The error that the connection was lost after work had begun.
    pub async fn connection_lost(&self) -> Error {
        let _ = timeout(END_IS_KNOWN, self.connection.closed().cancelled()).await;
        Error::ConnectionLost {
            alias: self.lessor.alias().to_owned(),
            host: self.connection.host.clone(),
            port: self.connection.port,
            reason: self.connection.closed_because(),
        }
    }
}

/// A session that can be parked. Dropping it closes its channel.
pub trait ParkedSession: Any + Send {
    /// The lease of its channel.
    fn lease(&self) -> &Lease;

    /// Returns whether it can still be used.
    fn is_alive(&self) -> bool;

    /// Closes it. Its lease is given back then.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !*self.is_parked.get_mut() {
            Arc::clone(&self.lessor).release(self.connection_id, self.purpose);
        }
    }
}
