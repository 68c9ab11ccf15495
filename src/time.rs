//! Moments as the data files write them: RFC 3339 in UTC with milliseconds.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, written as `2026-11-22T13:14:12.891Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// This moment.
    pub fn now() -> Self {
        Self(Utc::now())
    }

    /// The moment that lies `duration` after this one; the last representable one where that overflows.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let delta = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        Self(
            self.0
                .checked_add_signed(delta)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        )
    }

    /// How long ago this moment was; zero if it lies ahead.
    pub fn elapsed(self) -> Duration {
        (Utc::now() - self.0).to_std().unwrap_or_default()
    }

    /// Milliseconds since the Unix epoch.
    pub fn epoch_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// A form that can be part of a file name on every system: `20261122T131412.891Z`.
    pub fn for_file_name(self) -> String {
        self.0.format("%Y%m%dT%H%M%S%.3fZ").to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_the_original_wrote() {
        let text = "\"2026-11-22T13:14:12.891Z\"";
        let parsed: Timestamp = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        assert_eq!(parsed.for_file_name(), "20261122T131412.891Z");
    }

    #[test]
    fn a_far_reminder_does_not_overflow() {
        assert!(Timestamp::now().after(Duration::MAX) > Timestamp::now());
    }
}
