//! Monitoring of servers. For each question there is a script that a server runs, and a parser of its output.
//!
//! `question` lists the questions; `overview`, `resources`, `services`, `fail2ban` and `logs` each have a script
//! and its parser.

pub mod fail2ban;
pub mod logs;
pub mod overview;
mod question;
pub mod resources;
pub mod services;

use std::collections::HashMap;

pub use question::Question;

/// The beginning of a line that starts a section of a probe's output; the section's name follows.
const SECTION: &str = "@@ ";

/// A probe's output, by the names of its sections.
#[derive(Debug, Default)]
struct Sections<'t>(HashMap<&'t str, Vec<&'t str>>);

impl<'t> Sections<'t> {
    fn of(text: &'t str) -> Self {
        let mut sections = HashMap::new();
        let mut name = "";
        for line in text.lines() {
            if let Some(next) = line.strip_prefix(SECTION) {
                name = next.trim();
                sections.entry(name).or_insert_with(Vec::new);
            } else {
                sections.entry(name).or_insert_with(Vec::new).push(line);
            }
        }
        Self(sections)
    }

    /// A section's lines; none if there is no such section.
    fn lines(&self, name: &str) -> &[&'t str] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns true if there is such a section.
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The number in a line with this label, such as `MemTotal:  16 kB`.
    fn number(&self, section: &str, label: &str) -> Option<u64> {
        self.lines(section).iter().find_map(|line| {
            let rest = line.trim().strip_prefix(label)?;
            let digits = rest.trim_start_matches([':', '=', ' ', '\t']);
            digits
                .split(|character: char| !character.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        })
    }
}

/// Bytes as `free -h` writes them: `1.1Gi`.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 10.0 {
        format!("{value:.0}{}", UNITS[unit])
    } else {
        format!("{value:.1}{}", UNITS[unit])
    }
}

/// The part that is in use, in whole percent.
fn percent(part: u64, whole: u64) -> u64 {
    let hundredfold = u128::from(part) * 100;
    u64::try_from(hundredfold / u128::from(whole.max(1))).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_numbers_are_found() {
        let sections = Sections::of("motd\n@@ a\nMemTotal:   16 kB\n@@ b\n@@ a\nx = 5\n");
        assert_eq!(sections.number("a", "MemTotal"), Some(16));
        assert_eq!(sections.number("a", "x"), Some(5));
        assert!(sections.has("b") && sections.lines("b").is_empty());
        assert!(!sections.has("c"));
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(human(500), "500B");
        assert_eq!(human(1_181_116_006), "1.1Gi");
        assert_eq!(human(23 * 1024 * 1024 * 1024), "23Gi");
    }
}
