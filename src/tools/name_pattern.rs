//! Patterns of names, as parameters give them.

use globset::{GlobBuilder, GlobMatcher, escape};

use crate::error::Error;

/// The most bytes of a pattern.
const LONGEST_PATTERN: usize = 1024;

/// Compiles a pattern that stands for whole names, in any case.
pub(super) fn whole_name(parameter: &str, pattern: &str) -> Result<GlobMatcher, Error> {
    // A very long one cannot be compiled, and no name is as long.
    if pattern.len() > LONGEST_PATTERN {
        let problem = format!("has more than {LONGEST_PATTERN} bytes");
        return Err(Error::invalid(parameter, problem));
    }
    let glob = GlobBuilder::new(pattern).case_insensitive(true).build();
    let glob = glob
        .map_err(|error| Error::invalid(parameter, format!("is no pattern: {}", error.kind())))?;
    Ok(glob.compile_matcher())
}

/// Compiles a pattern, or a part of names.
pub(super) fn part_of_name(parameter: &str, pattern: &str) -> Result<GlobMatcher, Error> {
    if pattern.contains(['*', '?', '[', '{']) {
        return whole_name(parameter, pattern);
    }
    whole_name(parameter, &format!("*{}*", escape(pattern)))
}
