//! Matches that a pattern leaves out, reported so that nobody takes the rest for the whole.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Most names reported of each kind.
const NAMED: usize = 3;

/// Paths below a pattern's base that it matches and leaves out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OmittedMatches {
    /// Directories of which nothing is copied.
    pub(crate) directories: BTreeSet<PathBuf>,
    /// The outermost hidden names.
    pub(crate) hidden: BTreeSet<PathBuf>,
}

impl OmittedMatches {
    /// Removes those that are copied after all.
    pub(crate) fn retain(&mut self, is_omitted: impl Fn(&Path) -> bool) {
        self.directories.retain(|path| is_omitted(path));
        self.hidden.retain(|path| is_omitted(path));
    }

    /// Describes a pattern that takes nothing, with what may have been meant.
    pub(crate) fn nothing(&self, pattern: &str, depth: Option<usize>) -> String {
        if pattern.ends_with('/') {
            return format!(
                "no file matches; a pattern takes files: what is in directories is taken with `{pattern}**`"
            );
        }
        match self.described(pattern, depth) {
            Some(described) => format!("no file matches; {described}"),
            None => "no file matches".to_owned(),
        }
    }

    /// Describes what `pattern`, whose matches lie `depth` directories deep, leaves out and how to take
    /// it; `None` if it takes everything.
    pub(crate) fn described(&self, pattern: &str, depth: Option<usize>) -> Option<String> {
        let (start, last) = pattern
            .rsplit_once('/')
            .map_or(("", pattern), |(start, last)| {
                (&pattern[..=start.len()], last)
            });
        let is_plain = depth.is_some() && !pattern.contains('{');
        let mut described = Vec::new();
        let mut advice = Vec::new();
        if !self.directories.is_empty() {
            described.push(list(&self.directories, "directory", "directories"));
            advice.push(match last {
                "*" => format!("directories are taken with `{start}**`"),
                _ if is_plain => {
                    format!("what is in directories is taken with `{pattern}/**`")
                }
                _ => "a directory is taken whole where it is named itself".to_owned(),
            });
        }
        if !self.hidden.is_empty() {
            described.push(list(&self.hidden, "hidden name", "hidden names"));
            let names = depth.map(|depth| depth + 1);
            let mut hidden = self.hidden.iter();
            let is_last = hidden.all(|path| Some(path.components().count()) == names);
            advice.push(if is_plain && is_last {
                format!("hidden names with `{start}.{last}`")
            } else {
                "hidden names come along where their directory is named itself".to_owned()
            });
        }
        (!described.is_empty()).then(|| {
            format!(
                "`{pattern}` also matches {}, which were not taken: {}",
                described.join(" and "),
                advice.join(", ")
            )
        })
    }
}

fn list(paths: &BTreeSet<PathBuf>, one: &str, several: &str) -> String {
    let names = paths.iter().take(NAMED);
    let mut names: Vec<_> = names.map(|path| format!("`{}`", path.display())).collect();
    if paths.len() > NAMED {
        names.push("…".to_owned());
    }
    let kind = if paths.len() == 1 { one } else { several };
    format!("{} {kind} ({})", paths.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn omitted(directories: &[&str], hidden: &[&str]) -> OmittedMatches {
        let set = |names: &[&str]| names.iter().map(PathBuf::from).collect();
        OmittedMatches {
            directories: set(directories),
            hidden: set(hidden),
        }
    }

    #[test]
    fn it_says_what_is_left_and_how_to_take_it() {
        let described = omitted(&["a", "b"], &[".env"])
            .described("/srv/app/*", Some(0))
            .unwrap();
        assert_eq!(
            described,
            "`/srv/app/*` also matches 2 directories (`a`, `b`) and 1 hidden name (`.env`), which were not taken: \
             directories are taken with `/srv/app/**`, hidden names with `/srv/app/.*`"
        );
        let described = omitted(&[], &[".a", ".b", ".c", ".d"])
            .described("*.log", Some(0))
            .unwrap();
        assert!(
            described.contains("4 hidden names (`.a`, `.b`, `.c`, …)")
                && described.contains("`.*.log`"),
            "{described}"
        );
        let described = omitted(&["conf.d"], &[])
            .described("/etc/conf*", Some(0))
            .unwrap();
        assert!(described.contains("`/etc/conf*/**`"), "{described}");
        for (pattern, depth) in [("app/**", None), ("{a,b}/*", Some(1))] {
            let described = omitted(&["x"], &[".git"])
                .described(pattern, depth)
                .unwrap();
            assert!(
                described.contains("named itself") && !described.contains("/.*"),
                "{described}"
            );
        }
        assert_eq!(omitted(&[], &[]).described("*", Some(0)), None);
    }
}
