//! A channel for each connection of a tunnel, and the reason where there is none.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::backlog::DiskBudget;
use super::live::LiveTunnel;
use super::relay::{LocalStream, relay};
use crate::error::Error;
use crate::guard::Guard;
use crate::ssh::{ForwardTarget, ForwardedChannel, NoTunnel, Pool};
use crate::store::DataDirectory;

/// Time that a server has to reach the place that a tunnel leads to.
const REACHED_WITHIN: Duration = Duration::from_secs(30);

/// Time for a connection to a place of this machine.
const REACHED_HERE_WITHIN: Duration = Duration::from_secs(10);

/// All that a tunnel's connections need. Cheap to clone.
#[derive(Clone)]
pub(super) struct Forwarder {
    pub(super) tunnel: Arc<LiveTunnel>,
    pub(super) pool: Pool,
    pub(super) guard: Arc<Guard>,
    pub(super) data: DataDirectory,
    pub(super) budget: Arc<DiskBudget>,
}

/// The reason why a server gives no channel.
pub(super) enum ForwardFailure {
    /// The policy forbids it, or the server is read-only.
    NotAllowed(Error),
    /// The server did not reach the place.
    NoTunnel(NoTunnel),
    /// There is no connection to the server.
    Disconnected(Error),
}

impl Forwarder {
    /// Opens a channel to a place and closes it: the error says why that cannot be.
    pub(super) async fn try_out(pool: &Pool, alias: &str, to: &ForwardTarget) -> Result<(), Error> {
        let opened = pool.open_forward(alias, to, REACHED_WITHIN).await?;
        opened.map(drop).map_err(|refusal| Error::Tunnel {
            alias: alias.to_owned(),
            to: to.to_string(),
            reason: reason(refusal).to_owned(),
        })
    }

    /// Opens a channel for one connection.
    pub(super) async fn connect(
        &self,
        to: &ForwardTarget,
    ) -> Result<ForwardedChannel, ForwardFailure> {
        let alias = &self.tunnel.alias;
        let allowed = self.guard.may_tunnel(alias, to, false).await;
        allowed.map_err(ForwardFailure::NotAllowed)?;
        let opened = self.pool.open_forward(alias, to, REACHED_WITHIN).await;
        let opened = opened.map_err(ForwardFailure::Disconnected)?;
        let channel = opened.map_err(ForwardFailure::NoTunnel)?;
        self.tunnel.note_connection(&channel.lease());
        Ok(channel)
    }

    /// Carries the bytes of one connection until both sides have ended it.
    pub(super) async fn relay(&self, stream: impl LocalStream, channel: ForwardedChannel) {
        let counts = &self.tunnel.counts;
        let (lease, overflow) = (channel.lease(), self.data.overflow());
        let outcome = relay(stream, channel, counts, overflow, &self.budget).await;
        let connection = lease.connection();
        let reason = match outcome {
            _ if connection.is_closed() => connection.closed_because(),
            Err(error) if !is_end(&error) => error.to_string(),
            _ => return,
        };
        self.tunnel
            .note_failure(format!("a connection was cut: {reason}"));
    }
}

impl ForwardFailure {
    /// The failure in words.
    pub(super) fn text(&self, to: &ForwardTarget) -> String {
        match self {
            Self::NotAllowed(error) | Self::Disconnected(error) => error.to_string(),
            Self::NoTunnel(refusal) => format!("{to}: {}", reason(*refusal)),
        }
    }
}

/// Returns true if a program has ended its connection all at once, as many do.
fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionReset | Kind::BrokenPipe | Kind::NotConnected
    )
}

fn reason(refusal: NoTunnel) -> &'static str {
    match refusal {
        NoTunnel::Forbidden => "the server does not forward there",
        NoTunnel::Unreachable => {
            "the server cannot connect to it: nobody listens there, or the name is unknown"
        }
        NoTunnel::Silent => "it did not answer the server in time",
    }
}

/// Connects to a place of this machine.
pub(super) async fn connect_here(to: &ForwardTarget) -> io::Result<Box<dyn LocalStream>> {
    let connected = timeout(REACHED_HERE_WITHIN, connect(to)).await;
    connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn connect(to: &ForwardTarget) -> io::Result<Box<dyn LocalStream>> {
    match to {
        ForwardTarget::Port { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        #[cfg(unix)]
        ForwardTarget::Socket(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
        #[cfg(not(unix))]
        ForwardTarget::Socket(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}
