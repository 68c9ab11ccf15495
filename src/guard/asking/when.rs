//! The times at which a rule holds, by the clock of this machine: `after 18:00`, `between 22:00 and 06:00`,
//! `on weekends`, `on mon-fri`.

use chrono::{Datelike, NaiveDateTime, Timelike};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Days of the week, from Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weekdays([bool; 7]);

/// Minutes since midnight, the second one excluded. One that ends before it begins goes on over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeSpan(u32, u32);

const MIDNIGHT: u32 = 24 * 60;

impl Weekdays {
    /// Parses `weekdays`, `weekends`, `sat,sun` or `mon-fri`; `None` if it is something else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let of = |range: std::ops::RangeInclusive<usize>| {
            let mut days = [false; 7];
            days[range].fill(true);
            days
        };
        match text.to_ascii_lowercase().as_str() {
            "weekdays" => return Some(Self(of(0..=4))),
            "weekends" => return Some(Self(of(5..=6))),
            _ => {}
        }
        let mut days = [false; 7];
        for part in text.split(',') {
            match part.split_once('-') {
                Some((first, last)) => {
                    let (first, last) = (day(first)?, day(last)?);
                    let mut next = first;
                    days[next] = true;
                    while next != last {
                        next = (next + 1) % 7;
                        days[next] = true;
                    }
                }
                None => days[day(part)?] = true,
            }
        }
        Some(Self(days))
    }

    pub(super) fn hold_at(self, now: &NaiveDateTime) -> bool {
        let day = now.weekday().num_days_from_monday() as usize;
        self.0[day]
    }
}

/// A day by its name, in full, also in the plural, or its first three letters.
fn day(name: &str) -> Option<usize> {
    let name = name.to_ascii_lowercase();
    let name = match name.strip_suffix("days") {
        Some(of) => format!("{of}day"),
        None => name,
    };
    let short = name.get(..3)?;
    let found = DAYS.iter().position(|day| *day == short)?;
    let full = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    (name.len() == 3 || full[found] == name).then_some(found)
}

impl TimeSpan {
    pub(super) fn after(time: &str) -> Result<Self, String> {
        Ok(Self(minutes(time)?, MIDNIGHT))
    }

    pub(super) fn before(time: &str) -> Result<Self, String> {
        Ok(Self(0, minutes(time)?))
    }

    pub(super) fn between(from: &str, to: &str) -> Result<Self, String> {
        Ok(Self(minutes(from)?, minutes(to)?))
    }

    pub(super) fn holds_at(self, now: &NaiveDateTime) -> bool {
        let (Self(from, to), now) = (self, now.hour() * 60 + now.minute());
        if from <= to {
            (from..to).contains(&now)
        } else {
            now >= from || now < to
        }
    }
}

/// The minutes since midnight of `18:00`.
fn minutes(time: &str) -> Result<u32, String> {
    let parsed = time.split_once(':').and_then(|(hours, minutes)| {
        let hours = hours.parse::<u32>().ok().filter(|hours| *hours < 24)?;
        let is_two = minutes.len() == 2;
        let minutes = minutes
            .parse::<u32>()
            .ok()
            .filter(|minutes| *minutes < 60)?;
        is_two.then_some(hours * 60 + minutes)
    });
    parsed.ok_or_else(|| format!("`{time}` is no time of day, such as 18:00"))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn at(day: u32, hour: u32, minute: u32) -> NaiveDateTime {
        // The 2nd of November 2026 is a Monday.
        let date = NaiveDate::from_ymd_opt(2026, 11, 1 + day).unwrap();
        date.and_hms_opt(hour, minute, 0).unwrap()
    }

    #[test]
    fn spans_begin_at_their_minute_and_go_on_over_midnight() {
        let after = TimeSpan::after("18:00").unwrap();
        assert!(after.holds_at(&at(1, 18, 0)) && !after.holds_at(&at(1, 17, 59)));
        let before = TimeSpan::before("7:30").unwrap();
        assert!(before.holds_at(&at(1, 7, 29)) && !before.holds_at(&at(1, 7, 30)));
        let night = TimeSpan::between("22:00", "06:00").unwrap();
        assert!(night.holds_at(&at(1, 23, 0)) && night.holds_at(&at(1, 5, 59)));
        assert!(!night.holds_at(&at(1, 12, 0)) && !night.holds_at(&at(1, 6, 0)));
        for wrong in ["24:00", "18", "18:60", "noon", "18:0"] {
            assert!(TimeSpan::after(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_are_named_alone_in_lists_and_from_to() {
        let on = |text: &str| {
            let days = Weekdays::parse(text).unwrap();
            let held = (1..=7).filter(|day| days.hold_at(&at(*day, 12, 0)));
            held.collect::<Vec<_>>()
        };
        assert_eq!(on("weekdays"), [1, 2, 3, 4, 5]);
        assert_eq!(on("weekends"), [6, 7]);
        assert_eq!(on("sat,sunday"), [6, 7]);
        assert_eq!(on("fri-mon"), [1, 5, 6, 7]);
        assert_eq!(on("Fridays"), [5]);
        for other in ["", "web1", "saturn", "mon-"] {
            assert_eq!(Weekdays::parse(other), None, "{other}");
        }
    }
}
