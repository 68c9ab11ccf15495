//! Lists of algorithms, which may change a default instead of replacing it.

use super::pattern;

/// The effect of a list of algorithms on the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListChange {
    /// It stands in its place.
    Replace,
    /// It goes after it (`+`).
    Append,
    /// It is taken out of it (`-`).
    Remove,
    /// It goes before it (`^`).
    Prefer,
}

/// The value of `Ciphers`, `MACs`, `KexAlgorithms` or `HostKeyAlgorithms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms {
    /// Its effect on the default.
    pub change: ListChange,
    /// Names, which may hold `*` and `?`.
    pub patterns: Vec<String>,
}

impl Algorithms {
    pub(super) fn parse(text: &str) -> Self {
        let (change, list) = match text.split_at_checked(1) {
            Some(("+", list)) => (ListChange::Append, list),
            Some(("-", list)) => (ListChange::Remove, list),
            Some(("^", list)) => (ListChange::Prefer, list),
            _ => (ListChange::Replace, text),
        };
        let patterns = list.split(',').map(str::trim);
        Self {
            change,
            patterns: patterns
                .filter(|pattern| !pattern.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The algorithms to offer, in order of preference, of a client that can do `supported` and
    /// offers `default` when nothing is said. Names that it does not know are left out.
    #[must_use]
    pub fn applied<'a>(&self, default: &[&'a str], supported: &[&'a str]) -> Vec<&'a str> {
        let mut named: Vec<&str> = Vec::new();
        for wanted in &self.patterns {
            for name in supported {
                if pattern::matches(wanted, name) && !named.contains(name) {
                    named.push(name);
                }
            }
        }
        let others = default.iter().copied();
        match self.change {
            ListChange::Replace => named,
            ListChange::Append => {
                named.retain(|name| !default.contains(name));
                others.chain(named).collect()
            }
            ListChange::Remove => others.filter(|name| !named.contains(name)).collect(),
            ListChange::Prefer => {
                let others: Vec<_> = others.filter(|name| !named.contains(name)).collect();
                named.extend(others);
                named
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_ways_to_change_a_default() {
        for (text, expected) in [
            ("aes*,chacha,none", vec!["aes1", "aes2", "aes3", "chacha"]),
            ("+aes1,aes3,nope", vec!["chacha", "aes1", "aes3"]),
            ("-aes*", vec!["chacha"]),
            ("^aes3, aes1", vec!["aes3", "aes1", "chacha"]),
            ("", vec![]),
        ] {
            let algorithms = Algorithms::parse(text);
            let supported = ["aes1", "aes2", "aes3", "chacha"];
            assert_eq!(
                algorithms.applied(&["chacha", "aes1"], &supported),
                expected
            );
        }
    }
}
