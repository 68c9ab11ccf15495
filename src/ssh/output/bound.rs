//! Bounds for the output of commands that would print for ever.

use std::fmt;
use std::time::Duration;

use super::capture::Captured;

/// The most that is taken of a command's output before it is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bound {
    /// Lines of standard output.
    pub lines: Option<u64>,
    /// The time that it may print.
    pub time: Option<Duration>,
}

impl Bound {
    /// The bound of a command that would never end by itself.
    pub const STREAMING: Self = Self {
        lines: Some(100),
        time: Some(Duration::from_secs(10)),
    };

    /// This bound, completed by another one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            lines: self.lines.or(other.lines),
            time: self.time.or(other.time),
        }
    }
}

/// The end of a bound that a command came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reached {
    /// So many lines.
    Lines(u64),
    /// So long a time.
    Time(Duration),
}

impl fmt::Display for Reached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines(1) => formatter.write_str("1 line"),
            Self::Lines(lines) => write!(formatter, "{lines} lines"),
            Self::Time(time) => write!(formatter, "{} s", time.as_secs_f64()),
        }
    }
}

/// The lines that may still come.
#[derive(Debug, Default)]
pub(in crate::ssh) struct Allowance {
    lines: Option<u64>,
    /// True if something was left out.
    pub(in crate::ssh) is_cut: bool,
}

impl Allowance {
    /// Takes so many lines; all without a number.
    pub(in crate::ssh) fn new(lines: Option<u64>) -> Self {
        Self {
            lines,
            is_cut: false,
        }
    }

    /// Returns whether `taken` has as many lines as there may be.
    pub(in crate::ssh) fn is_used(&self, taken: &Captured) -> bool {
        self.lines.is_some_and(|lines| taken.newlines() >= lines)
    }

    /// The part of `data` that may follow the output that was `taken`.
    pub(in crate::ssh) fn first<'d>(&mut self, data: &'d [u8], taken: &Captured) -> &'d [u8] {
        let Some(lines) = self.lines else {
            return data;
        };
        let left = lines.saturating_sub(taken.newlines());
        let mut ends = (1..).zip(data).filter(|(_, byte)| **byte == b'\n');
        let end = match usize::try_from(left) {
            Ok(0) => 0,
            Ok(left) => ends.nth(left - 1).map_or(data.len(), |(end, _)| end),
            Err(_) => data.len(),
        };
        self.is_cut |= end < data.len();
        &data[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_taken_however_they_are_cut() {
        for size in 1..8 {
            let mut allowance = Allowance::new(Some(2));
            let mut taken = Captured::default();
            for part in b"one\ntwo".chunks(size) {
                taken.push(allowance.first(part, &taken.clone()));
            }
            assert!(!allowance.is_used(&taken) && !allowance.is_cut);
            for part in b"2\nthree".chunks(size) {
                taken.push(allowance.first(part, &taken.clone()));
            }
            assert_eq!(taken.text(), "one\ntwo2", "in parts of {size}");
            assert!(allowance.is_used(&taken) && allowance.is_cut);
        }
    }
}
