//! Timestamps in the form of the data files: RFC 3339 in UTC with milliseconds.

use std::fmt;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in UTC, written as `2026-11-22T13:14:12.891Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The current time. Works with any clock, while chrono's own `now` panics before 1970.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// The time `duration` after this one; the last representable one on overflow.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let delta = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        Self(
            self.0
                .checked_add_signed(delta)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        )
    }

    /// The time `duration` before this one; the first representable one on overflow.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let delta = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        Self(
            self.0
                .checked_sub_signed(delta)
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
        )
    }

    /// The time passed since then; zero if it is in the future.
    pub fn elapsed(self) -> Duration {
        Self::now().since(self)
    }

    /// The time passed from `earlier` until then; zero if it is later.
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or_default()
    }

    /// The time passed since then for people, in whole seconds or longer units.
    pub(crate) fn age(self) -> String {
        brief(Duration::from_secs(self.elapsed().as_secs()))
    }

    /// Milliseconds since the Unix epoch.
    pub fn epoch_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// The time so many seconds after the Unix epoch, if it can be represented.
    pub(crate) fn of_seconds(seconds: i64) -> Option<Self> {
        DateTime::from_timestamp(seconds, 0).map(Self)
    }

    /// Its form to the second.
    pub(crate) fn in_seconds(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// A form for file names on every system: `20261122T131412.891Z`.
    pub fn for_file_name(self) -> String {
        self.0.format("%Y%m%dT%H%M%S%.3fZ").to_string()
    }
}

impl From<SystemTime> for Timestamp {
    /// Times out of range become the first or last representable one.
    fn from(time: SystemTime) -> Self {
        let (distance, direction, limit) = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (after, 1, DateTime::<Utc>::MAX_UTC),
            Err(before) => (before.duration(), -1, DateTime::<Utc>::MIN_UTC),
        };
        let delta = TimeDelta::from_std(distance).unwrap_or(TimeDelta::MAX) * direction;
        Self(
            DateTime::UNIX_EPOCH
                .checked_add_signed(delta)
                .unwrap_or(limit),
        )
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::now()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DateTime::<Utc>::deserialize(deserializer).map(Self)
    }
}

/// A duration in milliseconds, as the records count it.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duration for people, in one unit: `0.03 s`, `4 s`, `5 min`, `3 h`, `2 days`.
pub(crate) fn brief(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 if duration.subsec_nanos() > 0 => format!("{:.2} s", duration.as_secs_f64()),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_one_unit() {
        for (milliseconds, told) in [
            (31, "0.03 s"),
            (4_000, "4 s"),
            (59_900, "59 s"),
            (300_000, "5 min"),
            (11_000_000, "3 h"),
            (172_800_000, "2 days"),
        ] {
            assert_eq!(brief(Duration::from_millis(milliseconds)), told);
        }
    }

    #[test]
    fn writes_what_the_original_wrote() {
        let text = "\"2026-11-22T13:14:12.891Z\"";
        let parsed: Timestamp = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        assert_eq!(parsed.for_file_name(), "20261122T131412.891Z");
    }

    #[test]
    fn any_clock_can_be_read() {
        let at = |seconds: i64| {
            let distance = Duration::from_secs(seconds.unsigned_abs());
            let time = if seconds < 0 {
                SystemTime::UNIX_EPOCH.checked_sub(distance)
            } else {
                SystemTime::UNIX_EPOCH.checked_add(distance)
            };
            Timestamp::from(time.unwrap())
        };
        assert_eq!(at(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(-1).to_string(), "1969-12-31T23:59:59.000Z");
        assert_eq!(at(-1).epoch_millis(), -1000);
        assert!(at(i64::MIN + 1) < at(-1) && at(1 << 53) > at(1));
        for seconds in [i64::MIN + 1, 1 << 53] {
            let time = at(seconds);
            assert!(!time.for_file_name().is_empty());
            assert!(time.after(Duration::from_secs(1)) >= time);
            let _ = (time.elapsed(), time.epoch_millis());
        }
    }

    #[test]
    fn a_far_reminder_does_not_overflow() {
        assert!(Timestamp::now().after(Duration::MAX) > Timestamp::now());
    }
}
