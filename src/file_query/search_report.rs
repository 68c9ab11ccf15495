//! The lines that a search has found, in words.

use std::borrow::Cow;
use std::collections::HashMap;

use super::context::{QueryContext, judged_names};
use super::found_lines::FoundLine;
use super::name::shown_name;
use super::parts::{content, parts, words};
use super::problem::refusal;
use super::report::{FileReport, call};
use super::search::SearchQuery;
use super::text::visible;
use crate::charset::Charset;
use crate::error::Error;
use crate::readable::is_binary;
use crate::text::{first, fitting_start, whole_characters};

/// Bytes of lines that an answer shows.
const BUDGET: usize = 8 * 1024;
/// The same where more lines than usual are asked for.
const LARGEST_BUDGET: usize = 64 * 1024;
/// Bytes of a line that are shown.
const LINE: usize = 300;

/// The findings of a search.
#[derive(Debug, Default)]
pub(super) struct SearchFindings {
    /// The directory or file that was searched, without links.
    pub(super) root: String,
    /// The home directory.
    pub(super) home: String,
    pub(super) is_directory: bool,
    /// The way of searching, which decides what a pattern means.
    pub(super) searched_by: &'static str,
    pub(super) lines: Vec<FoundLine>,
    /// Set if all files were searched to their ends.
    pub(super) is_whole: bool,
    /// Files and directories that could not be read.
    pub(super) unreadable: usize,
}

impl SearchQuery {
    /// Reads the answer of the script, whole or as far as it came; `None` if it is none.
    pub(super) fn parse(
        &self,
        answer: &[u8],
        complaints: &str,
        token: &str,
        about: QueryContext<'_>,
    ) -> Option<Result<FileReport, Error>> {
        let parts = parts(answer, token);
        if let Some(words) = words(&parts, "no") {
            return Some(Err(refusal(words, &self.path, "pattern")));
        }
        let text_of = |name| Some(String::from_utf8_lossy(content(&parts, name)?).into_owned());
        let findings = SearchFindings {
            root: text_of("path")?,
            home: text_of("home")?,
            is_directory: content(&parts, "kind") == Some(b"directory"),
            searched_by: match words(&parts, "lines")? {
                "rg" => "with rg",
                _ => "with grep -E",
            },
            lines: FoundLine::all_of(content(&parts, "lines")?),
            is_whole: content(&parts, "end").is_some(),
            unreadable: complaints.matches("ermission denied").count(),
        };
        Some(findings.report(self, about))
    }
}

impl SearchFindings {
    /// Puts them into words, without the lines of files that may not be shown.
    pub(super) fn report(
        mut self,
        query: &SearchQuery,
        about: QueryContext<'_>,
    ) -> Result<FileReport, Error> {
        if !self.is_directory {
            (about.may_read)(&self.names(self.root.as_bytes()), false)?;
        }
        let withheld = self.withhold(about);
        let has_text =
            |line: &FoundLine| !is_binary(&line.text, Charset::Utf8.decode(&line.text).undecodable);
        self.lines.retain(has_text);
        let has_more = self.lines.len() > query.most();
        self.lines.truncate(query.most());
        let whole: String = self
            .lines
            .iter()
            .map(|line| self.shown(line, about.charset))
            .collect();
        let budget = if query.limit.is_some() {
            LARGEST_BUDGET
        } else {
            BUDGET
        };
        let text = first(&whole, fitting_start(whole.as_bytes(), budget, false));
        let shown = text.lines().count();
        let matches = self.lines.iter().take(shown).filter(|line| line.is_match);
        let mut files: Vec<_> = matches.clone().map(|line| &line.path).collect();
        files.dedup();
        let mut report = FileReport {
            heading: format!(
                "{}: {} in {} ({})",
                visible(&self.root),
                counted(matches.count(), "match", "matches"),
                counted(files.len(), "file", "files"),
                self.searched_by
            ),
            text: text.trim_end_matches('\n').to_owned(),
            ..FileReport::default()
        };
        if has_more || shown < self.lines.len() {
            let mut more = query.clone();
            more.limit = Some(4 * query.most() as u64);
            let more = call("file_search", about.alias, &more);
            report
                .notes
                .push(format!("(the first {shown} lines; more: {more})"));
        } else if !self.is_whole {
            report.notes.push("(not all files were searched, for lack of time or room: name a part of the tree, or files by match)".to_owned());
        }
        if withheld > 0 {
            let lines = counted(withheld, "line", "lines");
            report.notes.push(format!(
                "({lines} of files that hold keys or passwords not shown)"
            ));
        }
        if self.unreadable > 0 {
            let places = counted(self.unreadable, "place", "places");
            report.notes.push(format!("({places} could not be read)"));
        }
        Ok(report)
    }

    /// Removes the lines of files that may not be shown, and counts them.
    fn withhold(&mut self, about: QueryContext<'_>) -> usize {
        let mut known: HashMap<Vec<u8>, bool> = HashMap::new();
        let lines = std::mem::take(&mut self.lines);
        let before = lines.len();
        for line in lines {
            let is_shown = known
                .entry(line.path.clone())
                .or_insert_with(|| (about.may_read)(&self.names(&line.path), false).is_ok());
            if *is_shown {
                self.lines.push(line);
            }
        }
        before - self.lines.len()
    }

    /// The names by which the policy judges a file.
    fn names(&self, path: &[u8]) -> Vec<String> {
        judged_names(String::from_utf8_lossy(path).into_owned(), &self.home)
    }

    /// A line as it is shown: file, number, text.
    fn shown(&self, line: &FoundLine, locale: Charset) -> String {
        let root = self.root.trim_end_matches('/').as_bytes();
        let below = line.path.strip_prefix(root);
        let below = below.and_then(|below| below.strip_prefix(b"/"));
        let name = shown_name(below.unwrap_or(&line.path));
        let sign = if line.is_match { ':' } else { '-' };
        let text = line.text.strip_suffix(b"\r").unwrap_or(&line.text);
        let is_long = text.len() > LINE;
        let part = if is_long {
            &text[..whole_characters(&text[..LINE])]
        } else {
            text
        };
        let (text, end) = (decoded(part, locale), if is_long { "…" } else { "" });
        let number = line.number;
        let place = if self.is_directory {
            format!("{name}{sign}{number}{sign}")
        } else {
            format!("{number}{sign}")
        };
        format!("{place}{}{end}\n", visible(&text))
    }
}

fn decoded(text: &[u8], locale: Charset) -> Cow<'_, str> {
    match (std::str::from_utf8(text), locale) {
        (Ok(text), _) => text.into(),
        (Err(_), Charset::Utf8) => {
            let latin = Charset::named("windows-1252").unwrap_or_default();
            latin.decode(text).text.into()
        }
        (Err(_), other) => other.decode(text).text.into(),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FileFailure;

    fn line(path: &str, number: u64, text: &str) -> FoundLine {
        FoundLine {
            path: path.into(),
            number,
            is_match: true,
            text: text.into(),
        }
    }

    #[test]
    fn lines_of_files_that_may_not_be_shown_are_counted_and_long_ones_cut() {
        let findings = SearchFindings {
            root: "/srv".into(),
            home: "/srv/u".into(),
            is_directory: true,
            searched_by: "with grep -E",
            lines: vec![
                line("/srv/a", 1, &"x".repeat(1000)),
                line("/srv/u/key", 2, "secret"),
                line("/srv/u/b c", 3, "caf\u{e9}\r"),
                line("/srv/binary", 4, "\u{1}\u{2}\0\0\0"),
            ],
            is_whole: true,
            unreadable: 1,
        };
        let refuse = |names: &[String], _: bool| match names {
            [_, name] if name == "~/key" => Err(Error::File {
                path: String::new(),
                failure: FileFailure::Other,
                reason: String::new(),
            }),
            _ => Ok(()),
        };
        let about = QueryContext {
            alias: "web1",
            charset: Charset::Utf8,
            may_read: &refuse,
        };
        let report = findings.report(&SearchQuery::default(), about).unwrap();
        assert_eq!(report.heading, "/srv: 2 matches in 2 files (with grep -E)");
        let expected = format!("a:1:{}\u{2026}\nu/b c:3:caf\u{e9}", "x".repeat(300));
        assert_eq!(report.text, expected);
        let notes = [
            "(1 line of files that hold keys or passwords not shown)",
            "(1 place could not be read)",
        ];
        assert_eq!(report.notes, notes);
    }
}
