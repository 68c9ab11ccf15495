//! The right to one channel on a pooled connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::host::Host;
use crate::error::Error;
use crate::ssh::connect::{self, Connection};
use crate::store::servers::Server;

/// A channel may end a moment before the end of its connection is known.
const END_IS_KNOWN: Duration = Duration::from_millis(50);

/// What a channel is for. Transfers would delay commands on the same connection, so the two keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A command: short, wants to be quick.
    Command,
    /// A transfer: fills the line.
    Transfer,
}

/// The right to one channel on a connection; given back when dropped.
pub struct Lease {
    pub(super) host: Arc<Host>,
    pub(super) slot: u64,
    pub(super) server: Arc<Server>,
    pub(super) purpose: Use,
    pub(super) connection: Arc<Connection>,
}

impl Lease {
    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The error that this server does not do what was asked of it.
    pub fn refusal(&self, reason: impl Into<String>) -> Error {
        connect::failed(self.host.alias(), &self.server, reason)
    }

    /// The error that the line was lost after work had begun.
    pub async fn line_lost(&self) -> Error {
        let _ = timeout(END_IS_KNOWN, self.connection.closed().cancelled()).await;
        Error::LineLost {
            alias: self.host.alias().to_owned(),
            host: self.server.host.clone(),
            port: self.server.port(),
            reason: self.connection.closed_because(),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.host.release(self.slot, self.purpose);
    }
}
