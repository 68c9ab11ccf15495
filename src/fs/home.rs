//! The user's home directory in paths.

use std::path::PathBuf;

/// Replaces a leading `~` or `$HOME` by the home directory, as a shell would.
pub(crate) fn expand_home(path: &str) -> PathBuf {
    let mut spelt = ["~", "$HOME", "${HOME}"].iter();
    let rest = spelt.find_map(|home| {
        let rest = path.strip_prefix(home)?;
        (rest.is_empty() || rest.starts_with(['/', '\\'])).then_some(rest)
    });
    match (rest, dirs::home_dir()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}
