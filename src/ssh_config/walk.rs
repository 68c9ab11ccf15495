//! Reading the files line by line, through every `Include`.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::ConfigFiles;
use super::include;
use super::source::{self, FileOrigin, LinePosition};
use super::words::{Unclosed, Words};

/// The depth of files that `Include` may reach, as in OpenSSH.
const MAX_DEPTH: usize = 16;
/// The number of files that are read in all.
const MAX_FILES: usize = 1000;

/// Receives the directives of the files. An error ends the reading.
pub(super) trait Visitor {
    /// A `Host` line: whether what follows it is wanted.
    fn host(&mut self, patterns: &[String]) -> bool;
    /// A `Match` line: whether what follows it is wanted.
    fn conditions(&mut self, conditions: Words<'_>, place: &LinePosition) -> Result<bool, String>;
    /// Any other line that is wanted, except for `Include`.
    fn directive(
        &mut self,
        keyword: &str,
        value: Words<'_>,
        place: &LinePosition,
    ) -> Result<(), String>;
    /// The path that an `Include` names, with variables and tokens replaced; `None` to leave it out.
    fn included(&mut self, path: &str, place: &LinePosition) -> Result<Option<String>, String>;
    /// Something that was left out.
    fn note(&mut self, note: String);
}

/// Reads the user's file, then the system's.
pub(super) fn walk(files: &ConfigFiles, visitor: &mut dyn Visitor) -> Result<(), String> {
    let (mut count, mut names) = (0, 0);
    for (path, origin) in [
        (&files.user, FileOrigin::User),
        (&files.system, FileOrigin::System),
    ] {
        FileWalk {
            home: &files.home,
            base: path.parent().unwrap_or(Path::new("")),
            origin,
            trail: Vec::new(),
            count: &mut count,
            names: &mut names,
            visitor,
        }
        .file(path)?;
    }
    Ok(())
}

/// The error of a line whose quote is open.
pub(super) fn unclosed(place: &LinePosition) -> impl FnOnce(Unclosed) -> String + '_ {
    move |Unclosed| format!("{place} has a quote that is not closed")
}

struct FileWalk<'a> {
    home: &'a Path,
    /// The directory of an `Include` that names none.
    base: &'a Path,
    origin: FileOrigin,
    /// The files that are being read, each included by the one before it.
    trail: Vec<PathBuf>,
    /// The number of files that were included so far.
    count: &'a mut usize,
    /// The number of names that patterns were compared with so far.
    names: &'a mut usize,
    visitor: &'a mut dyn Visitor,
}

impl FileWalk<'_> {
    fn file(&mut self, path: &Path) -> Result<(), String> {
        let shown: Rc<str> = source::shown(path, self.home).into();
        // The system's own file is the administrator's affair.
        let guarded = self.origin == FileOrigin::User || !self.trail.is_empty();
        let content = source::read(path, guarded).map_err(|reason| format!("{shown} {reason}"))?;
        let Some(content) = content else {
            return Ok(());
        };
        self.trail.push(path.to_path_buf());
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
        let mut wanted = true;
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
            // A comment may be in any encoding.
            let start = line.trim_ascii_start();
            if start.is_empty() || start.starts_with(b"#") {
                continue;
            }
            let place = LinePosition {
                file: Rc::clone(&shown),
                line: index + 1,
                origin: self.origin,
            };
            let line = std::str::from_utf8(line)
                .ok()
                .filter(|line| !line.contains('\0'))
                .ok_or_else(|| format!("{place} is not text in UTF-8"))?;
            self.line(Words::of(line), &mut wanted, &place)?;
        }
        self.trail.pop();
        Ok(())
    }

    fn line(
        &mut self,
        mut words: Words<'_>,
        wanted: &mut bool,
        place: &LinePosition,
    ) -> Result<(), String> {
        let Some(keyword) = words.name() else {
            return Ok(());
        };
        if words.raw().is_empty() {
            return Err(format!("{place} has nothing after `{keyword}`"));
        }
        if keyword.eq_ignore_ascii_case("host") {
            let patterns = words.all().map_err(unclosed(place))?;
            if patterns.iter().any(String::is_empty) {
                return Err(format!("{place} has an empty pattern"));
            }
            *wanted = self.visitor.host(&patterns);
        } else if keyword.eq_ignore_ascii_case("match") {
            *wanted = self.visitor.conditions(words, place)?;
        } else if !*wanted {
            // A block for another host.
        } else if keyword.eq_ignore_ascii_case("include") {
            for word in words.all().map_err(unclosed(place))? {
                self.include(&word, place)?;
            }
        } else {
            self.visitor.directive(keyword, words, place)?;
        }
        Ok(())
    }

    fn include(&mut self, word: &str, place: &LinePosition) -> Result<(), String> {
        let Some(word) = self.visitor.included(word, place)? else {
            return Ok(());
        };
        let pattern = if let Some(below) = word.strip_prefix('~') {
            if self.origin == FileOrigin::System {
                return Err(format!(
                    "{place} includes `{word}`, but the system has no home directory"
                ));
            }
            let Some(below) = under_home(below) else {
                self.visitor.note(format!(
                    "`Include` in {place} names the home directory of another user and was left out"
                ));
                return Ok(());
            };
            self.home.join(below)
        } else if word.is_empty() {
            return Err(format!("{place} includes a file without a name"));
        } else {
            self.base.join(&word)
        };
        let found =
            include::files(&pattern, self.names).map_err(|reason| format!("{place} {reason}"))?;
        for path in found {
            if self.trail.contains(&path) {
                return Err(format!(
                    "{place} includes {}, which leads to this line",
                    source::shown(&path, self.home)
                ));
            }
            if self.trail.len() > MAX_DEPTH {
                return Err(format!("{place} includes files more than {MAX_DEPTH} deep"));
            }
            *self.count += 1;
            if *self.count > MAX_FILES {
                return Err(format!("{place} is one `Include` too many"));
            }
            self.file(&path)?;
        }
        Ok(())
    }
}

/// The text after `~` as a path below the home directory; `None` if it names another user.
pub(super) fn under_home(after_tilde: &str) -> Option<&str> {
    match after_tilde.strip_prefix('/') {
        Some(below) => Some(below.trim_start_matches('/')),
        None => after_tilde.is_empty().then_some(""),
    }
}
