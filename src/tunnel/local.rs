//! Listening on this machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::forward::Forwarder;
use super::socks;
use crate::ssh::ForwardTarget;

/// Connections that a tunnel carries at once. Further ones wait to be taken.
pub(super) const MOST_AT_ONCE: usize = 256;

/// Pause after a connection could not be taken, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The work of a tunnel that listens on this machine.
pub(super) struct LocalService {
    forwarder: Forwarder,
    listener: TcpListener,
    /// The place that it leads to; none of a proxy.
    to: Option<ForwardTarget>,
}

impl LocalService {
    pub(super) fn new(
        forwarder: Forwarder,
        listener: TcpListener,
        to: Option<ForwardTarget>,
    ) -> Self {
        Self {
            forwarder,
            listener,
            to,
        }
    }

    /// Carries connections until this future is dropped; those under way end with it.
    pub(super) async fn serve(self) {
        let mut carried = JoinSet::new();
        let room = Arc::new(Semaphore::new(MOST_AT_ONCE));
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            while carried.try_join_next().is_some() {}
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    let problem = format!("a connection could not be taken: {error}");
                    self.forwarder.tunnel.note_problem(problem);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (forwarder, to) = (self.forwarder.clone(), self.to.clone());
            carried.spawn(async move {
                let _counted = forwarder.tunnel.carry();
                match &to {
                    Some(to) => carry(&forwarder, stream, to).await,
                    None => socks::carry(&forwarder, stream).await,
                }
                drop(place);
            });
        }
    }
}

async fn carry(forwarder: &Forwarder, stream: TcpStream, to: &ForwardTarget) {
    match forwarder.connect(to).await {
        Ok(channel) => {
            // Small packets are not to wait for each other here, too.
            let _ = stream.set_nodelay(true);
            forwarder.relay(stream, channel).await;
        }
        Err(failure) => forwarder.tunnel.note_failure(failure.text(to)),
    }
}
