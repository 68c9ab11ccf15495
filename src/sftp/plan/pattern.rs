//! Patterns that stand for several files.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::sftp::plan::omitted::OmittedMatches;
use crate::sftp::plan::tree::{LEADS_OUT, Tree};
use crate::sftp::wire::LONGEST_PATH;

/// A pattern, split into its base directory and what lies below.
#[derive(Debug)]
pub(crate) struct PathPattern {
    /// The components before the first with a wildcard; empty for the working directory.
    pub(crate) base: String,
    matcher: GlobMatcher,
    /// Most directories between the base and a match; `None` is any number.
    pub(crate) depth: Option<usize>,
    /// True if it names hidden files itself.
    hidden: bool,
}

impl PathPattern {
    /// Parses a pattern; `None` if `text` names one path. An error says what is wrong with it.
    pub(crate) fn of(text: &str) -> Result<Option<Self>, String> {
        if !text.contains(['*', '?', '[', '{']) {
            return Ok(None);
        }
        // A longer one could not be compiled, and matches nothing.
        if text.len() > LONGEST_PATH {
            return Err(format!("it has more than {LONGEST_PATH} bytes"));
        }
        let components: Vec<_> = text.split('/').collect();
        let fixed = components
            .iter()
            .position(|component| component.contains(['*', '?', '[', '{']))
            .unwrap_or(components.len());
        // A choice may contain a slash; its first part is then no component.
        let below = components[fixed..].join("/");
        let base = match components[..fixed].join("/") {
            root if root.is_empty() && fixed > 0 => "/".to_owned(),
            base => base,
        };
        let matcher = GlobBuilder::new(&below)
            .literal_separator(true)
            .build()
            .map_err(|error| error.kind().to_string())?
            .compile_matcher();
        Ok(Some(Self {
            depth: (!below.contains("**")).then(|| below.matches('/').count()),
            hidden: below.starts_with('.') || below.contains("/.") || below.contains("{."),
            base,
            matcher,
        }))
    }

    /// Returns whether it takes a path below the base.
    fn takes(&self, below: &Path) -> bool {
        (self.hidden || hidden_part(below).is_none()) && self.matcher.is_match(below)
    }

    /// Splits a tree into the entries that are taken and those that match and are left out.
    pub(crate) fn among(&self, mut tree: Tree) -> (Tree, OmittedMatches) {
        let mut omitted = OmittedMatches::default();
        if !self.hidden {
            omitted.hidden = tree
                .everything()
                .filter(|path| self.matcher.is_match(path))
                .filter_map(hidden_part)
                .collect();
        }
        tree.files.retain(|(file, _)| self.takes(file));
        tree.links.retain(|link| self.takes(link));
        // Files in an unreadable directory might match; names that lead out never do.
        let unread = |path: &Path| tree.directories.iter().any(|(known, _)| known == path);
        tree.left_out.retain(|(path, reason)| {
            self.takes(path)
                || unread(path) && (self.hidden || hidden_part(path).is_none())
                || reason == LEADS_OUT
        });
        let taken: HashSet<&Path> = tree.paths().flat_map(Path::ancestors).collect();
        let directories = tree.directories.iter().map(|(path, _)| path);
        omitted.directories = directories
            .filter(|path| self.takes(path) && !taken.contains(path.as_path()))
            .cloned()
            .collect();
        tree.directories.clear();
        (tree, omitted)
    }
}

/// The beginning of a path up to its first hidden name.
fn hidden_part(path: &Path) -> Option<PathBuf> {
    let mut part = PathBuf::new();
    for component in path.components() {
        part.push(component);
        if let Component::Normal(name) = component
            && name.as_encoded_bytes().starts_with(b".")
        {
            return Some(part);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::filesystem::metadata::{FileType, Metadata};

    fn matching(pattern: &str, files: &[&str]) -> (String, Vec<String>) {
        let pattern = PathPattern::of(pattern).unwrap().unwrap();
        let metadata = Metadata {
            owner: None,
            file_type: FileType::File,
            length: 0,
            mode: None,
            modified: None,
        };
        let tree = Tree {
            files: files.iter().map(|file| (file.into(), metadata)).collect(),
            ..Tree::default()
        };
        let found = pattern.among(tree).0.files;
        let found = found.iter().map(|(file, _)| file.display().to_string());
        (pattern.base, found.collect())
    }

    #[test]
    fn the_documented_patterns() {
        let files = ["a.log", "b.txt", "sub/c.log", ".hidden.log"];
        let found = matching("/home/user/logs/*.log", &files);
        assert_eq!(found, ("/home/user/logs".into(), vec!["a.log".into()]));
        let files = ["a.json", "x/y/b.json", "x/c.txt", ".git/d.json"];
        let found = matching("/home/user/configs/**/*.json", &files);
        assert_eq!(found.1, ["a.json", "x/y/b.json"]);
    }

    #[test]
    fn choices_classes_and_single_characters() {
        let files = ["f1.txt", "f2.md", "f10.txt", "g1.txt"];
        assert_eq!(matching("f?.{txt,md}", &files).1, ["f1.txt", "f2.md"]);
        assert_eq!(matching("[g-z]*", &files).1, ["g1.txt"]);
        assert_eq!(
            matching("/.*", &[".env", "x"]),
            ("/".into(), vec![".env".into()])
        );
    }

    #[test]
    fn depth_bounds_the_walk_and_plain_paths_are_no_patterns() {
        assert_eq!(PathPattern::of("/a/*/b*").unwrap().unwrap().depth, Some(1));
        assert_eq!(PathPattern::of("/a/**").unwrap().unwrap().depth, None);
        assert!(PathPattern::of("/a/b c").unwrap().is_none());
        assert!(PathPattern::of("/a/[b").is_err());
    }
}
