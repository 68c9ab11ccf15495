//! Completion of paths on this machine, as a shell offers it.

use std::fs;
use std::path::PathBuf;

use super::home::expand_home;

/// The most entries of a directory that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// A path that begins with what was typed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CompletedPath {
    /// The path as a person would have typed it; a directory ends with a slash.
    pub(crate) typed: String,
    /// The path itself.
    pub(crate) path: PathBuf,
}

/// The paths that begin with `typed`, in order. Names that begin with a dot are left out until it is typed.
/// Blocks.
pub(crate) fn complete_path(typed: &str) -> Vec<CompletedPath> {
    let (directory, beginning) = match typed.rfind('/') {
        Some(slash) => typed.split_at(slash + 1),
        None => ("", typed),
    };
    let place = match directory {
        "" => PathBuf::from("."),
        directory => expand_home(directory),
    };
    let Ok(entries) = fs::read_dir(&place) else {
        return Vec::new();
    };
    let mut completed: Vec<_> = entries
        .take(MOST_ENTRIES)
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let is_meant = name.starts_with(beginning)
                && (beginning.starts_with('.') || !name.starts_with('.'));
            is_meant.then(|| {
                let path = place.join(&name);
                let slash = if path.is_dir() { "/" } else { "" };
                let typed = format!("{directory}{name}{slash}");
                CompletedPath { typed, path }
            })
        })
        .collect();
    completed.sort();
    completed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_begin_alike_are_proposed_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().to_str().unwrap();
        fs::create_dir(directory.path().join("site")).unwrap();
        for name in ["side.txt", "other", ".side"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let typed = |beginning: &str| {
            let completed = complete_path(&format!("{place}/{beginning}"));
            let typed = completed.into_iter().map(|completed| completed.typed);
            typed.collect::<Vec<_>>()
        };
        let full = |names: &[&str]| {
            names
                .iter()
                .map(|name| format!("{place}/{name}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(typed("si"), full(&["side.txt", "site/"]));
        assert_eq!(typed(""), full(&["other", "side.txt", "site/"]));
        assert_eq!(typed(".s"), full(&[".side"]));
        assert_eq!(typed("none/x"), full(&[]));
    }
}
