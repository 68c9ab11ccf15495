//! Opening channels: on a connection that lives, and again where a connection turns out to be dead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::client::Msg;
use russh::{Channel, ChannelOpenFailure};
use tokio::sync::oneshot;

use super::forward::ForwardedChannel;
use super::kept::KeptChannel;
use super::request::ChannelOrigin;
use super::session_channel::{ChannelOutcome, REFUSAL_PAUSE, REFUSALS, open_session};
use super::{ChannelPurpose, LEAST_PATIENCE, Lease, OpenChannel, Pool};
use crate::error::Error;
use crate::ssh::connection::{ForwardTarget, TimedOut};
use crate::ssh::dial::NoTunnel;
use crate::ssh::failure::failed;

/// Dead connections after which a call gives up: each further one is a login, and servers count those.
const DEAD_CONNECTIONS: usize = 3;

impl Pool {
    /// Opens a session channel to `alias`, dialling if need be. Waits for a free channel at most
    /// `patience`. Nothing has been run yet, so a failure is tried again on another connection as long
    /// as that can help.
    pub async fn open(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        patience: Duration,
    ) -> Result<OpenChannel, Error> {
        if let Some(elevation) = self.elevation(alias) {
            let finding = self.find_way(alias, &elevation, purpose, patience);
            finding.await?;
        }
        self.open_session_channel(alias, purpose, patience).await
    }

    /// Opens a session channel to `alias`, whatever is known of the way to another user.
    pub(super) async fn open_session_channel(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        patience: Duration,
    ) -> Result<OpenChannel, Error> {
        let patience = if patience < LEAST_PATIENCE {
            patience
        } else {
            patience.max(self.dial_patience(alias))
        };
        let deadline = Instant::now().checked_add(patience);
        let mut refused = 0;
        loop {
            let request = ChannelRequest::Session(patience);
            let (_, opened) = self
                .open_on_live_connection(alias, purpose, deadline, &request)
                .await?;
            let (lease, refusal) = match opened {
                Opened::Open(channel) => return Ok(channel),
                Opened::Refused(lease, refusal) => (lease, refusal),
                Opened::Silent => continue,
            };
            refused += 1;
            lease.lessor.learn_limit(lease.connection_id);
            if refused == REFUSALS {
                let reason = format!("the server refuses to open a session ({refusal:?})");
                return Err(lease.refusal(reason));
            }
            drop(lease);
            tokio::time::sleep(REFUSAL_PAUSE).await;
        }
    }

    /// Opens a channel to a host in the network of `alias`, and returns also the time of the request.
    /// From then on the server has `limit` to reach that host; all of it ends by `deadline`.
    pub async fn tunnel(
        &self,
        alias: &str,
        (host, port): (&str, u16),
        limit: Duration,
        deadline: Instant,
    ) -> Result<(Instant, Result<OpenChannel, NoTunnel>), Error> {
        let to = ForwardTarget::port_of(host, port);
        self.forward(alias, ChannelPurpose::Command, to, limit, deadline)
            .await
    }

    /// Opens a channel to a further server through `alias`, as [`Pool::tunnel`] does to a host.
    pub(super) async fn jump(
        &self,
        alias: &str,
        (host, port): (&str, u16),
        limit: Duration,
    ) -> Result<Result<OpenChannel, NoTunnel>, Error> {
        let to = ForwardTarget::port_of(host, port);
        let deadline = self.connected_by(alias);
        let forwarded = self
            .forward(alias, ChannelPurpose::Jump, to, limit, deadline)
            .await;
        forwarded.map(|(_, opened)| opened)
    }

    /// Opens a channel of a caller's tunnel, as [`Pool::tunnel`] does to a host. Another connection is made where
    /// the server takes no further one on those that there are.
    pub(crate) async fn open_forward(
        &self,
        alias: &str,
        to: &ForwardTarget,
        limit: Duration,
    ) -> Result<Result<ForwardedChannel, NoTunnel>, Error> {
        let deadline = self.connected_by(alias);
        let forwarded = self
            .forward(alias, ChannelPurpose::Forward, to.clone(), limit, deadline)
            .await;
        forwarded.map(|(_, opened)| opened.map(ForwardedChannel::from))
    }

    /// The time by which a connection to `alias` is made, or is not made at all.
    fn connected_by(&self, alias: &str) -> Instant {
        Instant::now() + self.dial_patience(alias).max(LEAST_PATIENCE)
    }

    async fn forward(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        to: ForwardTarget,
        limit: Duration,
        deadline: Instant,
    ) -> Result<(Instant, Result<OpenChannel, NoTunnel>), Error> {
        let request = ChannelRequest::Tunnel(to, limit);
        loop {
            let (asked, opened) = self
                .open_on_live_connection(alias, purpose, Some(deadline), &request)
                .await?;
            let opened = match opened {
                Opened::Open(channel) => Ok(channel),
                Opened::Silent => Err(NoTunnel::Silent),
                Opened::Refused(_, ChannelOpenFailure::ConnectFailed) => Err(NoTunnel::Unreachable),
                Opened::Refused(lease, ChannelOpenFailure::ResourceShortage)
                    if purpose == ChannelPurpose::Forward
                        && lease.lessor.learn_forward_limit(lease.connection_id) =>
                {
                    continue;
                }
                Opened::Refused(..) => Err(NoTunnel::Forbidden),
            };
            return Ok((asked, opened));
        }
    }

    fn opened(
        &self,
        channel: Channel<Msg>,
        lease: Lease,
        request: &ChannelRequest,
        was_kept: bool,
    ) -> OpenChannel {
        let ChannelRequest::Session(patience) = *request else {
            return OpenChannel::new(channel, lease);
        };
        let origin = ChannelOrigin {
            pool: self.clone(),
            alias: lease.lessor.alias().to_owned(),
            patience,
            was_kept,
        };
        let elevation = self.elevation(&origin.alias);
        OpenChannel::session(channel, lease, origin).elevated(elevation)
    }

    /// Requests a channel until a connection that lives answers. Returns also the time of that request.
    async fn open_on_live_connection(
        &self,
        alias: &str,
        purpose: ChannelPurpose,
        deadline: Option<Instant>,
        request: &ChannelRequest,
    ) -> Result<(Instant, Opened), Error> {
        let mut dead = 0;
        loop {
            let is_session = matches!(request, ChannelRequest::Session(_));
            let lease = self
                .lease(alias, purpose, left(deadline), is_session)
                .await?;
            let (lessor, connection_id, server) = (
                Arc::clone(&lease.lessor),
                lease.connection_id,
                Arc::clone(&lease.server),
            );
            let forwards = Arc::clone(&lease.connection.forwards);
            // Those that share the connection are to make room for the answer.
            let _asking = match request {
                ChannelRequest::Session(_) => None,
                ChannelRequest::Tunnel(..) => Some(forwards.add()),
            };
            let asked = Instant::now();
            let kept = match request {
                ChannelRequest::Session(_) => lessor.take_kept_channel(connection_id),
                ChannelRequest::Tunnel(..) => None,
            };
            let opened = match kept {
                Some(KeptChannel::Open(channel)) => {
                    let channel = self.opened(channel, lease, request, true);
                    let lease = channel.lease();
                    let is_alive = match purpose {
                        // The command to stop may have met a connection that is silent.
                        ChannelPurpose::Stop => lease.connection().answers().await,
                        _ => lease.connection().is_alive().await,
                    };
                    if is_alive {
                        lessor.note_opened(connection_id);
                        return Ok((asked, Opened::Open(channel)));
                    }
                    Err(TimedOut::Connection)
                }
                Some(KeptChannel::Opening(opening)) => {
                    open_channel(lease, request.clone(), Some(opening), deadline).await
                }
                None => open_channel(lease, request.clone(), None, deadline).await,
            };
            let reason = match opened {
                Ok((lease, Ok(Ok(channel)))) => {
                    if is_session {
                        Arc::clone(&lessor).note_opened(connection_id);
                    }
                    let channel = self.opened(channel, lease, request, false);
                    return Ok((asked, Opened::Open(channel)));
                }
                Ok((lease, Ok(Err(russh::Error::ChannelOpenFailure(refusal))))) => {
                    return Ok((asked, Opened::Refused(lease, refusal)));
                }
                Ok((_, Ok(Err(error)))) => error.to_string(),
                Ok((_, Err(_))) => "ETIMEDOUT: no answer to a channel request".to_owned(),
                Err(TimedOut::Peer) => return Ok((asked, Opened::Silent)),
                Err(silence @ TimedOut::Connection) => silence.to_string(),
            };
            tracing::info!("a connection of `{alias}` is dead ({reason})");
            dead += 1;
            lessor.retire(connection_id);
            if dead == DEAD_CONNECTIONS || left(deadline).is_zero() {
                return Err(failed(alias, &server, reason));
            }
        }
    }
}

/// A request for a channel.
#[derive(Clone)]
enum ChannelRequest {
    /// A session, and the time to wait for another one in its place.
    Session(Duration),
    /// A channel to a place that the server reaches, and the time that it has for that.
    Tunnel(ForwardTarget, Duration),
}

/// The answer of a connection that lives.
enum Opened {
    Open(OpenChannel),
    Refused(Lease, ChannelOpenFailure),
    /// None in the time that a tunnel has: the host beyond may be silent.
    Silent,
}

/// Opens a channel in a task of its own: if the caller goes away meanwhile, the channel is closed
/// once the server has confirmed it, and the lease is given back only then. Waits for `opening`
/// instead, a channel that was to be kept.
async fn open_channel(
    lease: Lease,
    request: ChannelRequest,
    opening: Option<oneshot::Receiver<ChannelOutcome>>,
    deadline: Option<Instant>,
) -> Result<(Lease, ChannelOutcome), TimedOut> {
    let connection = Arc::clone(&lease.connection);
    let limit = match &request {
        ChannelRequest::Session(_) => None,
        ChannelRequest::Tunnel(_, limit) => Some((*limit).min(left(deadline))),
    };
    let opening = tokio::spawn(async move {
        let connection = &lease.connection;
        let outcome = match request {
            ChannelRequest::Session(_) => match joined(opening).await {
                Some(outcome) => outcome,
                None => open_session(connection).await,
            },
            ChannelRequest::Tunnel(to, _) => Ok(connection.open_tunnel(&to).await),
        };
        PendingChannel(Some((lease, outcome)))
    });
    let opened = match limit {
        None => opening.await,
        Some(limit) => connection.wait_for(opening, limit).await?,
    };
    match opened.map(|mut opening| opening.0.take()) {
        Ok(Some(opened)) => Ok(opened),
        // The runtime is ending, and this task with it.
        _ => std::future::pending().await,
    }
}

/// The outcome of a channel that is being opened already, if there is one. A refusal does not count: the
/// server may have counted a session that has ended since.
async fn joined(opening: Option<oneshot::Receiver<ChannelOutcome>>) -> Option<ChannelOutcome> {
    let outcome = opening?.await.ok();
    outcome.filter(|outcome| !matches!(outcome, Ok(Err(russh::Error::ChannelOpenFailure(_)))))
}

/// The time until then; endless without one.
fn left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::MAX, |deadline| {
        deadline.saturating_duration_since(Instant::now())
    })
}

/// A channel on its way to the caller, closed if the caller is gone.
struct PendingChannel(Option<(Lease, ChannelOutcome)>);

impl Drop for PendingChannel {
    fn drop(&mut self) {
        if let Some((lease, Ok(Ok(channel)))) = self.0.take() {
            drop(OpenChannel::new(channel, lease));
        }
    }
}
