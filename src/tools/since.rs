//! A point in time, as a parameter gives it.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// The earliest time that is meant: a time, or so long ago.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Since(Timestamp);

impl Since {
    /// Returns whether a time is not earlier.
    pub(crate) fn includes(self, time: Timestamp) -> bool {
        time >= self.0
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let since: Result<Self, _> = text.parse();
        since.map_err(|expected| D::Error::custom(format!("invalid value, {expected}")))
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = ago(text).or_else(|| Timestamp::deserialize(Value::from(text)).ok());
        time.map(Self).ok_or(
            "expected a duration such as 2h (s, m, h, d), or a time such as 2026-11-22T13:00:00Z",
        )
    }
}

/// The time that `90s`, `15m`, `2h` or `3d` ago was.
fn ago(text: &str) -> Option<Timestamp> {
    let (number, unit) = text
        .trim()
        .split_at_checked(text.trim().len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = number.trim().parse().ok()?;
    let passed = Duration::from_secs(number.checked_mul(seconds)?);
    Some(Timestamp::now().before(passed))
}

impl JsonSchema for Since {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Since".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(text: &str) -> Result<Since, serde_json::Error> {
        Since::deserialize(Value::String(text.to_owned()))
    }

    #[test]
    fn a_time_or_a_duration_is_taken() {
        let now = Timestamp::now();
        let hour = Duration::from_secs(3600);
        for text in ["2h", " 2 h ", "7200s", "120m"] {
            let since = since(text).unwrap();
            assert!(
                since.includes(now) && since.includes(now.before(hour)),
                "{text}"
            );
            assert!(!since.includes(now.before(3 * hour)), "{text}");
        }
        let text = "2026-11-22T13:14:12.891Z";
        assert_eq!(since(text).unwrap().0.to_string(), text);
        assert!(since("1d").unwrap().includes(now.before(hour)));
        let epoch = Timestamp::from(std::time::UNIX_EPOCH);
        assert!(since("99999999999d").unwrap().includes(epoch));
        for text in ["", "h", "yesterday", "2", "-2h", "2w", "2026-11-22"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
