//! Servers that take one session on a connection, and then end it or refuse another, as some network devices
//! do.

use std::time::{Duration, Instant};

/// Connections in a row that ended so, after which a server is taken to do it on purpose.
const TELLING: usize = 2;

/// Time after a session in which such a server ends the connection.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Time after which this is forgotten.
const HOLDS: Duration = Duration::from_secs(10 * 60);

/// Refusals of a session on a connection that has had one and carries none, after which it gets no other. A
/// single one proves nothing: a server counts a session for a moment after it has closed it.
const MOST_REFUSALS: usize = 3;

/// Time in which a server that is busy clears a session. Until then it counts it, however often it is asked.
const CLEARED_WITHIN: Duration = Duration::from_millis(500);

/// The refusals of a session on one connection since the last that was opened.
#[derive(Default)]
pub(super) struct Refusals {
    count: usize,
    first: Option<Instant>,
}

impl Refusals {
    /// Notes one more.
    pub(super) fn add(&mut self) {
        self.count += 1;
        self.first.get_or_insert_with(Instant::now);
    }

    /// Returns whether the server would have cleared a session meanwhile.
    fn are_lasting(&self) -> bool {
        let is_long_ago = self
            .first
            .is_some_and(|first| first.elapsed() >= CLEARED_WITHIN);
        self.count >= MOST_REFUSALS && is_long_ago
    }
}

/// The connections to a server that ended after one session.
#[derive(Default)]
pub(super) struct SingleUse {
    in_a_row: usize,
    last: Option<Instant>,
}

impl SingleUse {
    /// Notes that a connection has ended, not by a disconnection from here, after so many sessions.
    pub(super) fn note_end(&mut self, opened: usize, last_used: Instant) {
        match opened {
            0 => {}
            1 if last_used.elapsed() < AT_ONCE => self.add(),
            _ => self.in_a_row = 0,
        }
    }

    /// Notes that a session was refused on a connection that carries no other. Returns whether it is to get no
    /// further one.
    pub(super) fn note_refusal(&mut self, opened: usize, refusals: &Refusals) -> bool {
        let is_used_up = opened > 0 && refusals.are_lasting();
        if is_used_up && opened == 1 {
            self.add();
        }
        is_used_up
    }

    fn add(&mut self) {
        self.in_a_row += 1;
        self.last = Some(Instant::now());
    }

    /// Returns whether a connection of the server carries one session, and no second one.
    pub(super) fn is_known(&self) -> bool {
        let is_fresh = self.last.is_some_and(|last| last.elapsed() < HOLDS);
        is_fresh && self.in_a_row >= TELLING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_tell_only_once_a_session_would_be_cleared() {
        let mut server = SingleUse::default();
        let mut refusals = Refusals::default();
        for _ in 0..20 {
            refusals.add();
            assert!(!server.note_refusal(1, &refusals), "too soon to tell");
        }
        let lasting = Refusals {
            count: MOST_REFUSALS,
            first: Instant::now().checked_sub(CLEARED_WITHIN),
        };
        assert!(!server.note_refusal(0, &lasting), "it has had no session");
        for is_known in [false, true] {
            assert!(server.note_refusal(1, &lasting));
            assert_eq!(server.is_known(), is_known);
        }
    }
}
