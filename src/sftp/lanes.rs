//! The sessions of a transfer: one on a near line, several on a far one, where a server's window for
//! each channel holds an upload back.

use std::time::Duration;

use futures_util::future::join_all;

use super::session::Session;
use crate::error::Error;
use crate::ssh::Pool;

/// From this round trip on a line is far: what is outstanding has to fill it.
const FAR: Duration = Duration::from_millis(5);

/// Sessions on a far line. OpenSSH gives each channel a window of 2 MiB.
const FAR_LANES: usize = 4;
/// How long a further session may take to come about; a transfer does with fewer.
const LANE_PATIENCE: Duration = Duration::from_secs(3);

/// How much is under way at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    /// Files.
    pub(super) files: usize,
    /// Of them, files that take many requests.
    pub(super) large: usize,
    /// Reads of a large file: together about a channel's window.
    pub(super) reads: usize,
    /// Writes of a large file on each lane; more are slower on a near line.
    pub(super) writes: usize,
}

const NEAR_DEPTH: Depth = Depth {
    files: 24,
    large: 1,
    reads: 16,
    writes: 32,
};
const FAR_DEPTH: Depth = Depth {
    files: 128,
    large: 2,
    reads: 32,
    writes: 64,
};

/// A transfer's sessions.
pub(super) struct Lanes {
    sessions: Vec<Session>,
    /// Makes durable what the others write: a server does that on its own for each session.
    pub(super) keeper: Option<Session>,
    pub(super) depth: Depth,
}

impl Lanes {
    /// Opens the first session to `alias`, waiting for a connection at most `patience`.
    pub(super) async fn open(pool: &Pool, alias: &str, patience: Duration) -> Result<Self, Error> {
        let session = Session::open(pool, alias, patience).await?;
        let is_far = session.round_trip >= FAR;
        tracing::debug!("round trip to `{alias}`: {:?}", session.round_trip);
        Ok(Self {
            sessions: vec![session],
            keeper: None,
            depth: if is_far { FAR_DEPTH } else { NEAR_DEPTH },
        })
    }

    /// Opens further sessions where they help: on a far line, and to make a `large` file durable
    /// while it is still being sent.
    pub(super) async fn widen(&mut self, pool: &Pool, alias: &str, large: bool) {
        let is_far = self.first().round_trip >= FAR;
        let further = match (is_far, large) {
            (true, _) => FAR_LANES - 1,
            (false, true) => 1,
            (false, false) => 0,
        };
        let further = (0..further).map(|_| Session::open(pool, alias, LANE_PATIENCE));
        for session in join_all(further).await {
            match session {
                Ok(session) if is_far => self.sessions.push(session),
                Ok(session) => self.keeper = Some(session),
                Err(error) => tracing::debug!("a transfer does with fewer sessions: {error}"),
            }
        }
    }

    /// The session that was opened first.
    pub(super) fn first(&self) -> &Session {
        &self.sessions[0]
    }

    /// All of them; at least one.
    pub(super) fn all(&self) -> &[Session] {
        &self.sessions
    }

    /// The session for the file of that number.
    pub(super) fn of(&self, number: usize) -> &Session {
        &self.sessions[number % self.sessions.len()]
    }
}
