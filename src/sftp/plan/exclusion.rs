//! Exclusion: the entries of a tree that a transfer passes over, by the rules of gitignore.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::Error;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::request::TransferOptions;
use crate::sync::lock;

/// The files of a tree that hold rules for their directories.
const RULES_FILE: &str = ".gitignore";

/// Longest such file that is read.
const LONGEST_RULES: usize = 1024 * 1024;

/// The rules on what is passed over in one tree. Paths are relative to its root.
#[derive(Debug)]
pub(crate) struct Exclusion {
    /// Rules of the request, which come before those of the tree.
    requested: Gitignore,
    /// True if the tree's own rules count.
    reads_rules: bool,
    /// The tree's own rules, by the directories that hold them.
    found: Mutex<HashMap<PathBuf, Gitignore>>,
}

impl Exclusion {
    /// Compiles the rules of a request.
    pub(crate) fn of(options: &TransferOptions) -> Result<Self, Error> {
        let mut requested = GitignoreBuilder::new("");
        for (index, rule) in options.exclude.iter().enumerate() {
            let problem = |error: ignore::Error| {
                Error::invalid(
                    &format!("exclude[{index}]"),
                    format!("is no gitignore pattern: {error}"),
                )
            };
            requested.add_line(None, rule).map_err(problem)?;
        }
        let requested = requested.build();
        Ok(Self {
            requested: requested.map_err(|error| Error::invalid("exclude", error.to_string()))?,
            reads_rules: options.gitignore,
            found: Mutex::default(),
        })
    }

    /// The same rules for another tree, whose own do not count.
    pub(crate) fn for_target(self) -> Self {
        Self {
            reads_rules: false,
            ..self
        }
    }

    /// Reads the rules that a listed directory holds for itself.
    pub(crate) async fn learn<S: Filesystem>(
        &self,
        filesystem: &S,
        directory: &S::Path,
        below: &Path,
        entries: &[(PathBuf, Metadata)],
    ) -> Result<()> {
        let is_rules = |(name, metadata): &(PathBuf, Metadata)| {
            name.as_os_str() == RULES_FILE && metadata.file_type == FileType::File
        };
        let Some((_, metadata)) = entries.iter().find(|entry| is_rules(entry)) else {
            return Ok(());
        };
        if !self.reads_rules {
            return Ok(());
        }
        if metadata.length > LONGEST_RULES as u64 {
            let reason = format!("its {RULES_FILE} has more than {LONGEST_RULES} bytes");
            return Err(SftpError::failure(reason));
        }
        let path = S::join(directory, Path::new(RULES_FILE));
        let content = filesystem.read_beginning(&path, LONGEST_RULES).await;
        let content = content.map_err(|error| {
            let reason = format!("its {RULES_FILE} cannot be read: {error}");
            error.reworded(reason)
        })?;
        let mut rules = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(&content).lines() {
            // As git does, a line that is no rule is passed over.
            if let Err(error) = rules.add_line(None, line) {
                tracing::debug!("in `{}`: {error}", S::shown(&path));
            }
        }
        if let Ok(rules) = rules.build() {
            lock(&self.found).insert(below.to_owned(), rules);
        }
        Ok(())
    }

    /// Returns whether an entry is passed over whose directory is not.
    pub(crate) fn covers(&self, path: &Path, is_directory: bool) -> bool {
        match self.requested.matched(path, is_directory) {
            Match::Ignore(_) => return true,
            Match::Whitelist(_) => return false,
            Match::None => {}
        }
        let found = lock(&self.found);
        if found.is_empty() {
            return false;
        }
        let decided = path.ancestors().skip(1).find_map(|directory| {
            let rules = found.get(directory)?;
            let below = path.strip_prefix(directory).ok()?;
            match rules.matched(below, is_directory) {
                Match::None => None,
                decided => Some(decided.is_ignore()),
            }
        });
        decided.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exclusion(rules: &[&str]) -> Exclusion {
        let options = TransferOptions {
            exclude: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            gitignore: true,
            ..TransferOptions::default()
        };
        Exclusion::of(&options).unwrap()
    }

    #[test]
    fn rules_are_those_of_gitignore() {
        let rules = exclusion(&["*.log", "!keep.log", "/top", "cache/", "# a remark", ""]);
        for (path, is_directory) in [
            ("a.log", false),
            ("deep/er/b.log", false),
            ("top", false),
            ("cache", true),
            ("deep/cache", true),
            ("dir.log", true),
        ] {
            assert!(rules.covers(Path::new(path), is_directory), "{path}");
        }
        for (path, is_directory) in [
            ("keep.log", false),
            ("deep/keep.log", false),
            ("deep/top", false),
            ("cache", false),
            ("# a remark", false),
        ] {
            assert!(!rules.covers(Path::new(path), is_directory), "{path}");
        }
    }

    #[test]
    fn the_nearest_rules_decide_and_those_of_the_request_come_first() {
        let all = exclusion(&["!sub/wanted.tmp", "*.secret"]);
        for (directory, lines) in [("", "*.tmp\n*.o\n"), ("sub", "!kept.o\n!x.secret\n/only\n")] {
            let mut rules = GitignoreBuilder::new("");
            for line in lines.lines() {
                rules.add_line(None, line).unwrap();
            }
            lock(&all.found).insert(directory.into(), rules.build().unwrap());
        }
        for path in ["a.tmp", "sub/a.tmp", "sub/a.o", "sub/x.secret", "sub/only"] {
            assert!(all.covers(Path::new(path), false), "{path}");
        }
        for path in ["sub/wanted.tmp", "sub/kept.o", "only", "sub/deep/only"] {
            assert!(!all.covers(Path::new(path), false), "{path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_its_place() {
        let options = TransferOptions {
            exclude: vec!["fine".into(), "a{b".into()],
            ..TransferOptions::default()
        };
        let error = Exclusion::of(&options).unwrap_err().to_string();
        assert!(error.contains("exclude[1]"), "{error}");
    }
}
