//! Connections that a tunnel of a caller's carries, to a server and from it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{ChannelPurpose, LEAST_PATIENCE, Lease, OpenChannel, Pool};
use crate::error::Error;
use crate::ssh::connection::ForwardTarget;
use crate::ssh::connection::forwards::{CountedForward, ForwardsInUse};
use crate::sync::lock;

/// Forwarded connections that may wait to be taken; the server is refused further ones.
const WAITING: usize = 64;

/// Time in which a live server answers the request to listen.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// A channel with the bytes of one connection. Dropping it closes it, and gives the lease back after that.
pub(crate) struct ForwardedChannel {
    incoming: ChannelReadHalf,
    outgoing: Arc<ChannelWriteHalf<Msg>>,
    counted: CountedForward,
    lease: Arc<Lease>,
}

/// The part of a channel that gives what the server sends.
pub(crate) struct ForwardedBytes<'a>(&'a mut ChannelReadHalf);

/// A piece of what the server sends.
pub(crate) enum Forwarded {
    Bytes(Bytes),
    /// No bytes follow.
    End,
    /// The channel is closed, or its connection has ended.
    Closed,
}

/// A place of a server that listens for this side, for as long as its connection lives.
pub(crate) struct ServerListener {
    /// The place, with the port that the server has chosen.
    pub(crate) place: ForwardTarget,
    channels: mpsc::Receiver<Channel<Msg>>,
    lease: Arc<Lease>,
}

impl Pool {
    /// Makes sure of a connection for tunnels to `alias`.
    pub(crate) async fn reach(&self, alias: &str) -> Result<(), Error> {
        self.lease_for_tunnel(alias).await.map(drop)
    }

    async fn lease_for_tunnel(&self, alias: &str) -> Result<Lease, Error> {
        let patience = self.dial_patience(alias).max(LEAST_PATIENCE);
        self.lease(alias, ChannelPurpose::Forward, patience, false)
            .await
    }

    /// Has a server listen and forward what comes (RFC 4254, section 7.1; for a socket OpenSSH's `PROTOCOL`,
    /// section 2.4). Port 0 leaves the choice to the server. One pool has one listener of a server.
    pub(crate) async fn listen(
        &self,
        alias: &str,
        place: ForwardTarget,
    ) -> Result<ServerListener, Error> {
        let lease = self.lease_for_tunnel(alias).await?;
        let (sender, channels) = mpsc::channel(WAITING);
        *lock(&lease.connection.forwarded) = Some(sender);
        match timeout(ANSWER_PATIENCE, lease.connection.listen(place.clone())).await {
            Ok(Ok(place)) => Ok(ServerListener {
                place,
                channels,
                lease: Arc::new(lease),
            }),
            Ok(Err(russh::Error::RequestDenied)) => {
                Err(lease.refusal(format!("the server does not listen at {place} for others")))
            }
            Ok(Err(error)) => Err(lease.refusal(error.to_string())),
            Err(_) => {
                lease.retire();
                Err(lease.refusal("ETIMEDOUT: no answer to a request to listen"))
            }
        }
    }
}

impl ServerListener {
    /// Waits for the next connection; `None` once the listener's own connection has ended.
    pub(crate) async fn accept(&mut self) -> Option<ForwardedChannel> {
        let closed = self.lease.connection.closed();
        tokio::select! {
            channel = self.channels.recv() => {
                Some(ForwardedChannel::new(channel?, Arc::clone(&self.lease)))
            }
            () = closed.cancelled() => None,
        }
    }

    /// The lease of the listener's own connection.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The reason why the listener's own connection ended.
    pub(crate) fn closed_because(&self) -> String {
        self.lease.connection.closed_because()
    }
}

impl ForwardedChannel {
    fn new(channel: Channel<Msg>, lease: Arc<Lease>) -> Self {
        let (incoming, outgoing) = channel.split();
        Self {
            incoming,
            outgoing: Arc::new(outgoing),
            counted: lease.connection.forwards.add(),
            lease,
        }
    }

    /// The lease.
    pub(crate) fn lease(&self) -> Arc<Lease> {
        Arc::clone(&self.lease)
    }

    /// The number of forwarded channels on its connection.
    pub(crate) fn in_use(&self) -> ForwardsInUse {
        self.counted.in_use()
    }

    /// The bytes from the server, and a writer of bytes to it. The writer waits while the server's window is closed;
    /// shutting it down says that no bytes follow.
    pub(crate) fn parts(&mut self) -> (ForwardedBytes<'_>, impl AsyncWrite) {
        (
            ForwardedBytes(&mut self.incoming),
            self.outgoing.make_writer(),
        )
    }
}

impl From<OpenChannel> for ForwardedChannel {
    /// Takes a channel that is no session, so that it is never replaced.
    fn from(channel: OpenChannel) -> Self {
        let (channel, lease) = channel.into_parts();
        Self::new(channel, lease)
    }
}

impl ForwardedBytes<'_> {
    /// Waits for the next piece. Nothing is lost where the wait is given up.
    pub(crate) async fn next(&mut self) -> Forwarded {
        loop {
            match self.0.wait().await {
                Some(ChannelMsg::Data { data }) => return Forwarded::Bytes(data),
                Some(ChannelMsg::Eof) => return Forwarded::End,
                Some(ChannelMsg::Close) | None => return Forwarded::Closed,
                Some(_) => {}
            }
        }
    }

    /// Waits until the channel is closed.
    pub(crate) async fn closed(&mut self) {
        while !matches!(self.next().await, Forwarded::Closed) {}
    }
}

impl Drop for ForwardedChannel {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the connection with it.
        if let Ok(runtime) = Handle::try_current() {
            let (outgoing, lease) = (Arc::clone(&self.outgoing), Arc::clone(&self.lease));
            runtime.spawn(async move {
                let _ = outgoing.close().await;
                drop(lease);
            });
        }
    }
}
