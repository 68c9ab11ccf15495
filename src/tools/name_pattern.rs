//! Patterns of names, as parameters give them.

use globset::{GlobMatcher, escape};

use crate::error::Error;
use crate::text::{NameCase, is_glob, name_glob};

/// Compiles a pattern that stands for whole names, in any case.
pub(super) fn whole_name(parameter: &str, pattern: &str) -> Result<GlobMatcher, Error> {
    name_glob(pattern, NameCase::Ignored).map_err(|problem| Error::invalid(parameter, problem))
}

/// Compiles a pattern, or a part of names.
pub(super) fn part_of_name(parameter: &str, pattern: &str) -> Result<GlobMatcher, Error> {
    if is_glob(pattern) {
        return whole_name(parameter, pattern);
    }
    whole_name(parameter, &format!("*{}*", escape(pattern)))
}
