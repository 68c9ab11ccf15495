//! Listening on the server.

use std::time::Duration;

use tokio::task::JoinSet;

use super::forward::{Forwarder, connect_here};
use super::local::MOST_AT_ONCE;
use crate::ssh::{ForwardTarget, ForwardedChannel, ServerListener, os_reason};

/// Pauses before the server is asked to listen again, the last one over and over.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
];

/// The work of a tunnel that listens on the server.
pub(super) struct RemoteService {
    forwarder: Forwarder,
    listener: ServerListener,
    to: ForwardTarget,
}

impl RemoteService {
    pub(super) fn new(forwarder: Forwarder, listener: ServerListener, to: ForwardTarget) -> Self {
        Self {
            forwarder,
            listener,
            to,
        }
    }

    /// Carries connections until this future is dropped; those under way end with it. A lost SSH connection is made
    /// anew at once: nobody here notices the next use.
    pub(super) async fn serve(mut self) {
        loop {
            self.forwarder.tunnel.note_connection(self.listener.lease());
            self.take_connections().await;
            let reason = self.listener.closed_because();
            self.forwarder.tunnel.note_problem(reason);
            self.listener = self.listen_again().await;
        }
    }

    /// Carries connections until the SSH connection ends.
    async fn take_connections(&mut self) {
        let mut carried = JoinSet::new();
        while let Some(channel) = self.listener.accept().await {
            while carried.try_join_next().is_some() {}
            // A further one is dropped, which closes it.
            if carried.len() < MOST_AT_ONCE {
                carried.spawn(carry(self.forwarder.clone(), channel, self.to.clone()));
            }
        }
    }

    async fn listen_again(&self) -> ServerListener {
        let last = PAUSES[PAUSES.len() - 1];
        let pauses = PAUSES.into_iter().chain(std::iter::repeat(last));
        for pause in pauses {
            tokio::time::sleep(pause).await;
            let (tunnel, place) = (&self.forwarder.tunnel, self.listener.place.clone());
            match self.forwarder.pool.listen(&tunnel.alias, place).await {
                Ok(listener) => return listener,
                Err(error) => tunnel.note_problem(error.to_string()),
            }
        }
        std::future::pending().await
    }
}

async fn carry(forwarder: Forwarder, channel: ForwardedChannel, to: ForwardTarget) {
    let tunnel = &forwarder.tunnel;
    let _counted = tunnel.carry();
    if let Err(error) = forwarder.guard.may_tunnel(&tunnel.alias, &to, true).await {
        return tunnel.note_failure(error.to_string());
    }
    match connect_here(&to).await {
        Ok(stream) => forwarder.relay(stream, channel).await,
        Err(error) => tunnel.note_failure(format!("{to} on this machine: {}", os_reason(&error))),
    }
}
