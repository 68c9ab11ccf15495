//! The files that a pattern of `Include` stands for.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// The number of names in directories that are looked at in all; more are a mistake, or malice.
pub(super) const MAX_NAMES: usize = 10_000;

/// The paths that match `pattern`, an absolute path whose components may hold `*`, `?` and `[…]`,
/// in the order of their names. `names` counts what was looked at. An error is the rest of a sentence.
pub(super) fn files(pattern: &Path, names: &mut usize) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        let matcher = match component {
            Component::Normal(_) if text.contains(['*', '?', '[']) => Some(matcher(&text)?),
            _ => None,
        };
        let Some(matcher) = matcher else {
            for path in &mut found {
                path.push(component);
            }
            continue;
        };
        let mut below = Vec::new();
        for directory in found {
            for name in names_in(&directory) {
                *names += 1;
                if *names > MAX_NAMES {
                    return Err(format!("leads to more than {MAX_NAMES} files"));
                }
                let hidden = name.as_encoded_bytes().starts_with(b".");
                if (!hidden || text.starts_with('.')) && matcher.is_match(&name) {
                    below.push(directory.join(name));
                }
            }
        }
        found = below;
    }
    Ok(found)
}

fn matcher(component: &str) -> Result<GlobMatcher, String> {
    // Braces and `**` mean nothing to the patterns of a shell.
    let mut plain = String::new();
    for character in component.chars() {
        match character {
            '{' | '}' => plain.extend(['[', character, ']']),
            '*' if plain.ends_with('*') => {}
            other => plain.push(other),
        }
    }
    GlobBuilder::new(&plain)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| format!("holds a pattern that is not understood: {}", error.kind()))
}

/// The sorted names in a directory; none if it cannot be read, as a shell would have it.
fn names_in(directory: &Path) -> Vec<OsString> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .take(MAX_NAMES + 1)
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in ["b/1.conf", "a/2.conf", "a/1.conf", "a/.h.conf", "a/x{y}"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), "").unwrap();
        }
        let below = |pattern: &str| {
            let found = files(&root.join(pattern), &mut 0).unwrap();
            let names = found.iter().map(|path| {
                let path = path.strip_prefix(root).unwrap();
                path.to_str().unwrap().replace('\\', "/")
            });
            names.collect::<Vec<_>>()
        };
        assert_eq!(below("a/*.conf"), ["a/1.conf", "a/2.conf"]);
        assert_eq!(below("*/1.conf"), ["a/1.conf", "b/1.conf"]);
        assert_eq!(below("**/[12].conf"), ["a/1.conf", "a/2.conf", "b/1.conf"]);
        assert_eq!(below("[!a]/?.conf"), ["b/1.conf"]);
        assert_eq!(below("a/.*"), ["a/.h.conf"]);
        assert_eq!(below("*/x{*}"), ["a/x{y}"]);
        assert_eq!(below("a/{1,2}.conf"), ["a/{1,2}.conf"]);
        assert_eq!(below("none/*"), [""; 0]);
        assert!(files(&root.join("a/["), &mut 0).is_err());
        assert!(files(&root.join("a/*"), &mut (MAX_NAMES - 2)).is_err());
    }
}
