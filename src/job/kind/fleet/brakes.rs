//! The brakes of a change on many servers: how many at a time, and when to stop.

use std::ops::Range;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Kind;
use crate::error::Error;

/// Servers that are changed at a time, unless the call says otherwise.
const AT_ONCE: usize = 20;
/// A change of more servers begins with one of them, unless the call says otherwise.
const WITHOUT_CANARY: usize = 5;

/// The brakes as a call gives them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Brakes {
    /// Servers at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<usize>,
    /// Failures after which no other server is begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<Tolerance>,
    /// Servers that come first. The others follow only if all of these succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<usize>,
    /// Seconds between two waves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<f64>,
    /// A command that has to succeed on a server before another one is begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The fate of the changed servers when it stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
}

/// A number of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tolerance {
    /// So many.
    Count(usize),
    /// A part of all servers.
    Percent(usize),
}

/// The fate of the changed servers when a roll-out stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// They stay as they are.
    Stop,
    /// Their old state is put back.
    Undo,
}

impl Tolerance {
    /// Returns whether so many failures among so many servers are too many.
    fn is_reached(self, failures: usize, servers: usize) -> bool {
        failures > 0
            && match self {
                Self::Count(most) => failures >= most,
                Self::Percent(most) => failures * 100 >= most * servers,
            }
    }
}

impl Brakes {
    /// The names of those that are given, as calls spell them.
    pub fn given(&self) -> Vec<&'static str> {
        let given = [
            ("atOnce", self.at_once.is_some()),
            ("stopAfter", self.stop_after.is_some()),
            ("canary", self.canary.is_some()),
            ("pause", self.pause.is_some()),
            ("check", self.check.is_some()),
            ("onFailure", self.on_failure.is_some()),
        ];
        let given = given.into_iter().filter(|(_, is_given)| *is_given);
        given.map(|(name, _)| name).collect()
    }

    /// Refuses what does not fit the work on each server.
    pub(super) fn check(&self, each: &dyn Kind) -> Result<(), Error> {
        if self.on_failure == Some(OnFailure::Undo) && !each.can_be_undone() {
            let problem = "is \"undo\", which takes back changes of files: those of file_edit, file_write, transfers and undo";
            return Err(Error::invalid("onFailure", problem));
        }
        if self.check.is_some() && !each.may_change() {
            let problem = "is for what changes something, and this only reads";
            return Err(Error::invalid("check", problem));
        }
        Ok(())
    }

    /// Returns the brakes that hold for work on so many servers.
    pub(super) fn pace(&self, each: &dyn Kind, servers: usize) -> Pace {
        let is_checked = self.check.is_some() || each.has_check();
        let (changes, first) = (each.may_change(), usize::from(servers > WITHOUT_CANARY));
        let at_once = match (changes, is_checked) {
            (false, _) => servers,
            (true, true) => 1,
            (true, false) => AT_ONCE,
        };
        let by_itself = changes && self.stop_after.is_none();
        let canary = if by_itself { first } else { 0 };
        Pace {
            servers,
            at_once: self.at_once.unwrap_or(at_once).max(1),
            canary: self.canary.unwrap_or(canary).min(servers),
            tolerance: self.stop_after.or(by_itself.then_some(Tolerance::Count(1))),
            pause: Duration::try_from_secs_f64(self.pause.unwrap_or_default()).unwrap_or_default(),
        }
    }
}

/// The brakes that hold, with defaults.
pub(super) struct Pace {
    servers: usize,
    pub(super) at_once: usize,
    canary: usize,
    tolerance: Option<Tolerance>,
    pub(super) pause: Duration,
}

impl Pace {
    /// Returns the servers in waves: each begins when the one before has ended.
    pub(super) fn waves(&self) -> Vec<Range<usize>> {
        let mut waves = Vec::new();
        if self.canary > 0 {
            waves.push(0..self.canary);
        }
        // Without a pause, a place that becomes free is taken at once.
        let size = if self.pause.is_zero() {
            self.servers
        } else {
            self.at_once
        };
        let mut next = self.canary;
        while next < self.servers {
            let end = next.saturating_add(size).min(self.servers);
            waves.push(next..end);
            next = end;
        }
        waves
    }

    /// Returns the reason to begin no other server, if so many failures are one.
    pub(super) fn stops(&self, failures: usize) -> Option<String> {
        let is_reached = |tolerance: Tolerance| tolerance.is_reached(failures, self.servers);
        let times = if failures == 1 { "failure" } else { "failures" };
        self.tolerance
            .is_some_and(is_reached)
            .then(|| format!("stopped after {failures} {times}"))
    }

    /// Returns the same for failures in the first wave.
    pub(super) fn stops_after_canary(&self, failures: usize) -> Option<String> {
        let canary = self.canary;
        (canary > 0 && failures > 0)
            .then(|| format!("stopped, because {failures} of the first {canary} failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::exec::Exec;
    use super::*;
    use crate::ssh::Bound;

    fn pace(cmd: &str, brakes: &Brakes, servers: usize) -> Pace {
        let exec = Exec::new(cmd.to_owned(), None, Bound::default());
        brakes.pace(&exec, servers)
    }

    #[test]
    fn a_change_is_held_back_by_default_and_a_question_is_not() {
        let (change, question) = ("touch x", "uname");
        for (cmd, servers, canary, at_once) in [
            (question, 500, None, 500),
            (change, 5, None, 20),
            (change, 6, Some(0..1), 20),
            (change, 500, Some(0..1), 20),
        ] {
            let pace = pace(cmd, &Brakes::default(), servers);
            let rest = canary
                .as_ref()
                .map_or(0, |canary: &Range<usize>| canary.end)..servers;
            let waves: Vec<_> = canary.into_iter().chain([rest]).collect();
            assert_eq!(
                (pace.waves(), pace.at_once),
                (waves, at_once),
                "{cmd} {servers}"
            );
            let stops = pace.stops(1).is_some();
            assert_eq!(stops, cmd == change);
            assert_eq!(pace.stops(0), None);
        }
        let checked = Brakes {
            check: Some("true".to_owned()),
            ..Brakes::default()
        };
        assert_eq!(pace(change, &checked, 9).at_once, 1);
    }

    #[test]
    fn waves_follow_each_other_where_there_is_a_pause() {
        let brakes = Brakes {
            at_once: Some(4),
            canary: Some(2),
            pause: Some(1.0),
            ..Brakes::default()
        };
        assert_eq!(
            pace("touch x", &brakes, 11).waves(),
            [0..2, 2..6, 6..10, 10..11]
        );
    }

    #[test]
    fn a_tolerance_is_a_number_or_a_part() {
        for (tolerance, failures, is_reached) in [
            (Tolerance::Count(1), 0, false),
            (Tolerance::Count(1), 1, true),
            (Tolerance::Count(3), 2, false),
            (Tolerance::Percent(10), 4, false),
            (Tolerance::Percent(10), 5, true),
            (Tolerance::Percent(1), 1, true),
            (Tolerance::Percent(100), 49, false),
            (Tolerance::Percent(100), 50, true),
        ] {
            assert_eq!(
                tolerance.is_reached(failures, 50),
                is_reached,
                "{tolerance:?} {failures}"
            );
        }
    }
}
