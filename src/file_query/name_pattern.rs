//! Patterns by which entries are chosen: of names, or with a `/` in them of paths.

use globset::{Glob, GlobMatcher};

use crate::error::Error;

/// A pattern of names; with a `/` in it, of paths.
#[derive(Debug)]
pub(super) struct NamePattern {
    matcher: GlobMatcher,
    is_of_path: bool,
}

impl NamePattern {
    /// Compiles the pattern of a parameter `match`.
    pub(super) fn of(pattern: &str) -> Result<Self, Error> {
        let problem = |error: globset::Error| {
            Error::invalid("match", format!("is no pattern: {}", error.kind()))
        };
        Ok(Self {
            matcher: Glob::new(pattern).map_err(problem)?.compile_matcher(),
            is_of_path: pattern.contains('/'),
        })
    }

    /// The same for a pattern of paths that may begin in any directory.
    pub(super) fn anywhere(pattern: &str) -> Result<Self, Error> {
        if !pattern.contains('/') {
            return Self::of(pattern);
        }
        Self::of(&format!("**/{}", pattern.trim_start_matches('/')))
    }

    /// Returns whether an entry is chosen.
    pub(super) fn is_match(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let subject = if self.is_of_path { path } else { name };
        self.matcher.is_match(&*String::from_utf8_lossy(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_names_or_for_paths() {
        let of = |pattern, path: &str| NamePattern::of(pattern).unwrap().is_match(path.as_bytes());
        assert!(of("*.conf", "a/b.conf") && !of("*.conf", "a.conf/b"));
        assert!(of("a/*.conf", "a/b.conf") && !of("a/*.conf", "b/b.conf"));
        let anywhere = NamePattern::anywhere("/a/*.conf").unwrap();
        assert!(anywhere.is_match(b"/etc/a/b.conf") && !anywhere.is_match(b"/etc/b.conf"));
        assert_eq!(NamePattern::of("[").unwrap_err().code(), "INVALID_ARGUMENT");
    }
}
