//! Patterns of names.

use globset::{GlobBuilder, GlobMatcher};

/// The most bytes of a pattern.
const LONGEST_PATTERN: usize = 1024;

/// The weight of capital letters in a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameCase {
    Counts,
    Ignored,
}

/// Compiles a pattern that stands for whole names: `*`, `?`, `[a-z]` and `{one,other}`. The error completes a
/// sentence about the pattern.
pub(crate) fn name_glob(pattern: &str, case: NameCase) -> Result<GlobMatcher, String> {
    // A very long one cannot be compiled, and no name is as long.
    if pattern.len() > LONGEST_PATTERN {
        return Err(format!("has more than {LONGEST_PATTERN} bytes"));
    }
    let mut glob = GlobBuilder::new(pattern);
    glob.case_insensitive(case == NameCase::Ignored);
    let glob = glob.build();
    let glob = glob.map_err(|error| format!("is no pattern: {}", error.kind()))?;
    Ok(glob.compile_matcher())
}

/// Returns whether a text holds a wildcard.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}
