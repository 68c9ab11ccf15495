//! The right to one channel on a pooled connection.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelReadHalf, ChannelWriteHalf};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::error::Error;
use crate::ssh::connection::Connection;
use crate::ssh::failure::failed;
use crate::store::servers::Server;

/// A channel may end a moment before the end of its connection is known.
const END_IS_KNOWN: Duration = Duration::from_millis(50);

/// What a channel is for. Transfers would delay commands on the same connection, so the two keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelPurpose {
    /// A command: short, wants to be quick.
    Command,
    /// A transfer: fills the connection.
    Transfer,
    /// The way to a further server: no session, so servers do not count it.
    Jump,
    /// What ends a command: cannot wait, and goes wherever there is room.
    Stop,
}

/// What grants leases, and takes them back.
pub(super) trait Lessor: Send + Sync {
    /// The alias whose connections it has.
    fn alias(&self) -> &str;

    /// Whether this is the server as it is configured now.
    fn is_current(&self, server: &Server) -> bool;

    /// Gives back a channel's place.
    fn release(self: Arc<Self>, id: u64, purpose: ChannelPurpose);

    /// Uses a connection that does not answer no more; what runs on it may still come to its end.
    fn retire(self: Arc<Self>, id: u64);

    /// Uses a connection that carries a single channel no more.
    fn give_up_if_alone(self: Arc<Self>, id: u64);

    /// Notes that the server refused one channel more than the connection carries (`MaxSessions`).
    fn learn_limit(&self, id: u64);
}

/// The right to one channel on a connection; given back when dropped.
pub struct Lease {
    pub(super) host: Arc<dyn Lessor>,
    pub(super) slot: u64,
    pub(super) server: Arc<Server>,
    pub(super) purpose: ChannelPurpose,
    pub(super) connection: Arc<Connection>,
}

impl Lease {
    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Has the connection closed once this channel is, if it carries no other: its place in the pool
    /// is needed, and the server would keep the session for as long as its command runs.
    pub(in crate::ssh) fn give_up_if_alone(&self) {
        Arc::clone(&self.host).give_up_if_alone(self.slot);
    }

    /// Whether the alias still names the server that this connection leads to.
    pub(in crate::ssh) fn is_current(&self) -> bool {
        self.host.is_current(&self.server)
    }

    /// Retires the connection, for it is silent.
    pub fn retire(&self) {
        Arc::clone(&self.host).retire(self.slot);
    }

    /// The error that this server does not do what was asked of it.
    pub fn refusal(&self, reason: impl Into<String>) -> Error {
        failed(self.host.alias(), &self.server, reason)
    }

    /// The error that the connection was lost after work had begun.
    pub async fn connection_lost(&self) -> Error {
        let _ = timeout(END_IS_KNOWN, self.connection.closed().cancelled()).await;
        Error::ConnectionLost {
            alias: self.host.alias().to_owned(),
            host: self.server.host.clone(),
            port: self.server.port(),
            reason: self.connection.closed_because(),
        }
    }
}

/// An open channel with its place in the pool. Dropping a channel of the library's does not close
/// it; dropping this one does, and gives the place back after that.
pub struct OpenChannel {
    channel: Option<Channel<Msg>>,
    lease: Arc<Lease>,
}

impl OpenChannel {
    pub(super) fn new(channel: Channel<Msg>, lease: Lease) -> Self {
        Self {
            channel: Some(channel),
            lease: Arc::new(lease),
        }
    }

    /// Its place in the pool.
    pub fn lease(&self) -> Arc<Lease> {
        Arc::clone(&self.lease)
    }

    /// The channel's two halves. Whoever takes them closes the channel, and keeps the lease until then.
    pub fn into_halves(self) -> (ChannelReadHalf, ChannelWriteHalf<Msg>) {
        self.into_parts().0.split()
    }

    /// The channel and its place. Whoever takes them closes the channel, and keeps the lease until then.
    pub(super) fn into_parts(mut self) -> (Channel<Msg>, Arc<Lease>) {
        (self.channel.take().expect(TAKEN_ONCE), self.lease())
    }
}

const TAKEN_ONCE: &str = "the channel is taken out only where this is consumed";

impl Deref for OpenChannel {
    type Target = Channel<Msg>;

    fn deref(&self) -> &Self::Target {
        self.channel.as_ref().expect(TAKEN_ONCE)
    }
}

impl DerefMut for OpenChannel {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.channel.as_mut().expect(TAKEN_ONCE)
    }
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the connection with it.
        if let (Some(channel), Ok(runtime)) = (self.channel.take(), Handle::try_current()) {
            let lease = Arc::clone(&self.lease);
            runtime.spawn(async move {
                let _ = channel.close().await;
                drop(lease);
            });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        Arc::clone(&self.host).release(self.slot, self.purpose);
    }
}
