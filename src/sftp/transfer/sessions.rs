//! Sessions of a transfer: one on a fast connection, several on a slow one, where the server's window
//! for each channel limits an upload.

use std::time::Duration;

use futures_util::future::join_all;

use crate::error::Error;
use crate::sftp::session::{Limits, SftpSession};
use crate::ssh::Pool;

/// Round trip from which a connection is far: outstanding requests have to fill it.
const FAR: Duration = Duration::from_millis(5);

/// Sessions on a far connection. OpenSSH gives each channel a window of 2 MiB.
const FAR_SESSIONS: usize = 4;
/// Time to open a further session; a transfer does with fewer.
const SESSION_PATIENCE: Duration = Duration::from_secs(3);

/// Most files that one session on a far connection copies as fast as several do.
const FEW_FILES: usize = 8;
/// Longest upload that fits the window of one channel, with others.
const ONE_FLIGHT: u64 = 256 * 1024;

/// Sessions on a near connection for many files: a server works on each in a process of its own.
const NEAR_SESSIONS: usize = 2;
/// Number of files that count as many.
const MANY_FILES: usize = 64;

/// Outstanding long writes of a large file on a near connection: as much as fits OpenSSH's window.
const LONG_WRITES: usize = 8;

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
    /// Outstanding short writes of a large file on each session: more than fill the connection only wait.
    writes: usize,
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
    /// The length of the largest.
    pub(crate) largest: u64,
    /// True if they are sent to the server.
    pub(crate) is_upload: bool,
}

/// A transfer's sessions.
pub(crate) struct SftpSessions {
    sessions: Vec<SftpSession>,
    /// Syncs what the others write: a server works on each session separately.
    pub(crate) fsync_session: Option<SftpSession>,
    pub(crate) depth: Concurrency,
}

impl SftpSessions {
    /// Takes a parked session to `alias`, or opens one, waiting for a connection at most `patience`.
    pub(crate) async fn open(pool: &Pool, alias: &str, patience: Duration) -> Result<Self, Error> {
        let first = SftpSession::take_or_open(pool, alias, patience).await?;
        tracing::debug!("round trip to `{alias}`: {:?}", first.round_trip);
        Ok(Self {
            depth: Concurrency::at(first.round_trip),
            sessions: vec![first],
            fsync_session: None,
        })
    }

    /// Sets the limits of all sessions, which the server says in one.
    pub(crate) fn limit(&mut self, limits: Limits) {
        for session in &mut self.sessions {
            session.set_limits(limits);
        }
    }

    /// Adds further sessions where they help: on a far connection for many files and for large uploads, on
    /// a near one for many files, and to sync a large file while it is being sent.
    pub(crate) async fn widen(&mut self, pool: &Pool, alias: &str, workload: Workload) {
        // Several shells would disturb one another.
        if self.first().is_by_shell() {
            return;
        }
        let is_far = self.first().round_trip >= FAR;
        let needs_fsync_session = !is_far && workload.is_upload && workload.largest >= LARGE;
        let sessions = if is_far {
            far_sessions(workload)
        } else if workload.files >= MANY_FILES {
            NEAR_SESSIONS
        } else {
            1
        };
        let further = sessions - 1 + usize::from(needs_fsync_session);
        let mut further = take_or_open_further(pool, alias, further).await;
        if needs_fsync_session {
            self.fsync_session = further.pop();
        }
        self.sessions.extend(further);
        self.limit(self.first().limits);
    }

    /// The session opened first.
    pub(crate) fn first(&self) -> &SftpSession {
        &self.sessions[0]
    }

    /// The length of the writes of a large file, and how many may be outstanding on each session. Each costs
    /// both ends a request and an answer; on a far connection, which waits more than it works, short ones show
    /// sooner how far it has come.
    pub(crate) fn writes(&self) -> (usize, usize) {
        let Limits {
            write, long_write, ..
        } = self.first().limits;
        if long_write > write && self.first().round_trip < FAR {
            (long_write, LONG_WRITES)
        } else {
            (write, self.depth.writes)
        }
    }

    /// All sessions; at least one.
    pub(crate) fn all(&self) -> &[SftpSession] {
        &self.sessions
    }

    /// The session for the file of that index.
    pub(crate) fn of(&self, number: usize) -> &SftpSession {
        &self.sessions[number % self.sessions.len()]
    }

    /// Parks the sessions for the next transfer.
    pub(crate) fn park(self) {
        let all = self.fsync_session.into_iter().chain(self.sessions);
        all.for_each(SftpSession::park);
    }

    /// The session opened first, without the others.
    pub(crate) fn into_first(self) -> Option<SftpSession> {
        self.sessions.into_iter().next()
    }
}

/// Number of sessions for a transfer on a far connection.
fn far_sessions(workload: Workload) -> usize {
    let is_large = workload.is_upload && workload.largest > ONE_FLIGHT;
    if is_large || workload.files > FEW_FILES {
        FAR_SESSIONS
    } else {
        1
    }
}

/// Takes up to `count` parked sessions, and opens the missing ones.
async fn take_or_open_further(pool: &Pool, alias: &str, count: usize) -> Vec<SftpSession> {
    let mut sessions: Vec<_> = (0..count)
        .map_while(|_| SftpSession::take(pool, alias))
        .collect();
    let missing = count - sessions.len();
    let opening = (0..missing).map(|_| SftpSession::open(pool, alias, SESSION_PATIENCE));
    for session in join_all(opening).await {
        match session {
            Ok(session) => sessions.push(session),
            Err(error) => tracing::debug!("a transfer does with fewer sessions: {error}"),
        }
    }
    sessions
}
