//! Requests for session channels.

use std::time::Duration;

use russh::Channel;
use russh::client::Msg;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::ssh::connection::Connection;

/// Time in which a live server answers a channel request; without an answer the connection is dead.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Refusals of a channel after which a call gives up.
pub(super) const REFUSALS: usize = 20;

/// Pause after a refusal: a server counts a session for a moment after it has closed it.
pub(super) const REFUSAL_PAUSE: Duration = Duration::from_millis(50);

/// The answer to a request for a channel.
pub(super) type ChannelOutcome = Result<Result<Channel<Msg>, russh::Error>, Elapsed>;

/// Requests a session channel, and waits for the answer.
pub(super) async fn open_session(connection: &Connection) -> ChannelOutcome {
    timeout(OPEN_TIMEOUT, connection.open_session()).await
}
