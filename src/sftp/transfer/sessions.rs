//! Sessions of a transfer: one on a fast connection, several on a slow one, where the server's window
//! for each channel limits an upload.

use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};

use crate::error::Error;
use crate::sftp::session::{Limits, SftpSession};
use crate::ssh::Pool;

/// Round trip from which a connection is far: outstanding requests have to fill it.
const FAR: Duration = Duration::from_millis(5);

/// Sessions on a far connection. OpenSSH gives each channel a window of 2 MiB.
const FAR_SESSIONS: usize = 4;
/// Time to open a further session; a transfer does with fewer.
const SESSION_PATIENCE: Duration = Duration::from_secs(3);

/// Sessions on a near connection for many files: a server works on each in a process of its own.
const NEAR_SESSIONS: usize = 2;
/// Number of files that count as many.
const MANY_FILES: usize = 64;

/// Length from which syncing an upload while it is being sent pays.
const LARGE: u64 = 32 * 1024 * 1024;

/// Numbers of files and requests under way at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concurrency {
    /// Files.
    pub(crate) files: usize,
    /// Large files among them.
    pub(crate) large: usize,
    /// Outstanding reads of a large file: together less than a channel's window.
    pub(crate) reads: usize,
    /// Outstanding writes of a large file on each session: more than fill the connection only wait.
    pub(crate) writes: usize,
}

impl Concurrency {
    fn at(round_trip: Duration) -> Self {
        let milliseconds = usize::try_from(round_trip.as_millis()).unwrap_or(usize::MAX);
        let is_far = round_trip >= FAR;
        Self {
            files: if is_far { 128 } else { 24 },
            large: if is_far { 2 } else { 1 },
            reads: milliseconds.saturating_mul(8).clamp(16, 32),
            // OpenSSH's window holds 64.
            writes: milliseconds.saturating_mul(16).clamp(16, 64),
        }
    }
}

/// Amount of work of a transfer, as far as it decides on sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    /// Files.
    pub(crate) files: usize,
    /// The length of the largest, if it is sent to the server.
    pub(crate) largest: u64,
}

/// A transfer's sessions.
pub(crate) struct SftpSessions {
    sessions: Vec<SftpSession>,
    /// Syncs what the others write: a server works on each session separately.
    pub(crate) fsync_session: Option<SftpSession>,
    missing: usize,
    pub(crate) depth: Concurrency,
}

impl SftpSessions {
    /// Opens sessions to `alias`, waiting for a connection at most `patience`: as many as a far
    /// connection takes, if its round trip is known already.
    pub(crate) async fn open(pool: &Pool, alias: &str, patience: Duration) -> Result<Self, Error> {
        let known = pool.round_trip(alias);
        let further =
            known.map(|round_trip| open_additional(pool, alias, far_sessions(round_trip)));
        let (first, further) = tokio::join!(
            SftpSession::open(pool, alias, patience),
            OptionFuture::from(further)
        );
        let first = first?;
        tracing::debug!("round trip to `{alias}`: {:?}", first.round_trip);
        // Several shells would disturb one another.
        let further = further.filter(|_| !first.is_by_shell());
        let missing = match &further {
            Some(_) => 0,
            None if first.is_by_shell() => 0,
            None => far_sessions(first.round_trip),
        };
        let mut sessions = Self {
            depth: Concurrency::at(first.round_trip),
            sessions: vec![first],
            missing,
            fsync_session: None,
        };
        sessions.add(further.unwrap_or_default());
        Ok(sessions)
    }

    /// Number of further sessions that the connection takes.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    /// Adds further sessions.
    pub(crate) fn add(&mut self, sessions: Vec<SftpSession>) {
        self.sessions.extend(sessions);
        self.limit(self.first().limits);
    }

    /// Sets the limits of all sessions, which the server says in one.
    pub(crate) fn limit(&mut self, limits: Limits) {
        for session in &mut self.sessions {
            session.limits = limits;
        }
    }

    /// Opens further sessions on a near connection where they help: for many files, and to sync a large
    /// file while it is being sent.
    pub(crate) async fn widen(&mut self, pool: &Pool, alias: &str, size: Workload) {
        if self.first().round_trip >= FAR || self.first().is_by_shell() {
            return;
        }
        let sessions = match size.files {
            MANY_FILES.. => NEAR_SESSIONS,
            _ => 1,
        };
        let needs_fsync_session = size.largest >= LARGE;
        let mut further =
            open_additional(pool, alias, sessions - 1 + usize::from(needs_fsync_session)).await;
        if needs_fsync_session {
            self.fsync_session = further.pop();
        }
        self.add(further);
    }

    /// The session opened first.
    pub(crate) fn first(&self) -> &SftpSession {
        &self.sessions[0]
    }

    /// All sessions; at least one.
    pub(crate) fn all(&self) -> &[SftpSession] {
        &self.sessions
    }

    /// The session for the file of that index.
    pub(crate) fn of(&self, number: usize) -> &SftpSession {
        &self.sessions[number % self.sessions.len()]
    }
}

/// Number of further sessions that a connection takes.
fn far_sessions(round_trip: Duration) -> usize {
    if round_trip >= FAR {
        FAR_SESSIONS - 1
    } else {
        0
    }
}

/// Opens up to `count` further sessions.
pub(crate) async fn open_additional(pool: &Pool, alias: &str, count: usize) -> Vec<SftpSession> {
    let further = (0..count).map(|_| SftpSession::open(pool, alias, SESSION_PATIENCE));
    let mut sessions = Vec::new();
    for session in join_all(further).await {
        match session {
            Ok(session) => sessions.push(session),
            Err(error) => tracing::debug!("a transfer does with fewer sessions: {error}"),
        }
    }
    sessions
}
