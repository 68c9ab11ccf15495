//! Sessions that stay open on a connection for its next use. They are no use of the connection: it goes when
//! it is idle, and where a channel is needed for anything else they are the first to go.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::lease::ParkedSession;

/// Most parked sessions of one alias.
pub(super) const MOST_PARKED: usize = 4;

/// Time after which a parked session is closed.
const PARKED_FOR: Duration = Duration::from_secs(60);

/// Time in which a server may still count a session that gave way.
const STILL_COUNTED: Duration = Duration::from_secs(1);

/// A parked session and the time since when it is parked.
struct Parked {
    session: Box<dyn ParkedSession>,
    since: Instant,
}

/// The parked sessions of one connection.
#[derive(Default)]
pub(super) struct ParkedSessions {
    sessions: Vec<Parked>,
    /// Sessions that are being closed for others.
    pub(super) giving_way: usize,
    /// The last time that one gave way.
    gave_way: Option<Instant>,
}

impl ParkedSessions {
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Adds a session. Its lease does not count from then on.
    pub(super) fn push(&mut self, session: Box<dyn ParkedSession>) {
        session.lease().is_parked.store(true, Ordering::Relaxed);
        self.sessions.push(Parked {
            session,
            since: Instant::now(),
        });
    }

    /// Takes out the session that was added last. Its lease counts again.
    pub(super) fn pop(&mut self) -> Option<Box<dyn ParkedSession>> {
        self.sessions.pop().map(Parked::counted)
    }

    /// Takes out the oldest session, which gives way to others. Its lease counts again.
    pub(super) fn give_way(&mut self) -> Option<Box<dyn ParkedSession>> {
        if self.sessions.is_empty() {
            return None;
        }
        self.giving_way += 1;
        self.gave_way = Some(Instant::now());
        Some(self.sessions.remove(0).counted())
    }

    /// Takes out the sessions that were parked for too long, or have ended. Their leases do not count.
    pub(super) fn take_stale(&mut self) -> Vec<Box<dyn ParkedSession>> {
        let is_stale = |parked: &mut Parked| {
            parked.since.elapsed() >= PARKED_FOR || !parked.session.is_alive()
        };
        let stale = self.sessions.extract_if(.., is_stale);
        stale.map(|parked| parked.session).collect()
    }

    /// Takes out all of them. Their leases do not count.
    pub(super) fn take_all(&mut self) -> Vec<Box<dyn ParkedSession>> {
        let all = self.sessions.drain(..);
        all.map(|parked| parked.session).collect()
    }

    /// Returns whether the server may still count a session that gave way.
    pub(super) fn are_still_counted(&self) -> bool {
        self.gave_way
            .is_some_and(|gave_way| gave_way.elapsed() < STILL_COUNTED)
    }
}

impl Parked {
    fn counted(self) -> Box<dyn ParkedSession> {
        self.session
            .lease()
            .is_parked
            .store(false, Ordering::Relaxed);
        self.session
    }
}
