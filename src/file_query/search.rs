//! A question about the lines of files that match a pattern.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sftp::spelling;
use crate::shell::quote;
use crate::ssh::Bound;

const SCRIPT: &str = concat!(include_str!("open.sh"), include_str!("search.sh"));

/// Lines that an answer shows, unless asked for otherwise.
const LIMIT: u64 = 100;
/// The most that it shows.
const LARGEST_LIMIT: u64 = 1000;
/// The most lines before and after a match.
const WIDEST_CONTEXT: u64 = 20;
/// Lines of the script's answer beside those that were found. Separators are lines, too.
const OTHER_LINES: u64 = 40;
/// The time for which files are searched.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// Asks for the lines of files that match a pattern.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchQuery {
    /// The directory or file on the server.
    pub path: String,
    /// The regular expression.
    pub pattern: String,
    /// A pattern of the names of files; with a `/` in it, of the ends of their paths.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Lines before and after a match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// Most lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// True to take capitals and small letters for the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
}

impl SearchQuery {
    /// Refuses arguments that are wrong.
    pub fn check(&self) -> Result<(), Error> {
        spelling::shell_word(&self.path).map_err(|problem| Error::invalid("path", problem))?;
        if self.pattern.is_empty() {
            return Err(Error::invalid("pattern", "is empty"));
        }
        if self.pattern.contains('\n') {
            return Err(Error::invalid(
                "pattern",
                "has a line break in it: lines are searched",
            ));
        }
        Ok(())
    }

    /// Lines before and after a match.
    pub(super) fn context(&self) -> u64 {
        self.context.unwrap_or(0).min(WIDEST_CONTEXT)
    }

    /// Lines that are shown.
    pub(super) fn most(&self) -> usize {
        let limit = self.limit.unwrap_or(LIMIT).clamp(1, LARGEST_LIMIT);
        usize::try_from(limit).expect("it is small")
    }

    /// The bound of the script: a few lines more than are shown, so that it is seen whether there are more.
    pub(super) fn bound(&self) -> Bound {
        let separators = if self.context() > 0 { 2 } else { 1 };
        Bound {
            lines: Some(separators * self.most() as u64 + OTHER_LINES),
            time: Some(LONGEST),
        }
    }

    /// The script that asks it.
    pub(super) fn script(&self, token: &str) -> Result<String, Error> {
        let file = spelling::shell_word(&self.path);
        let file = file.map_err(|problem| Error::invalid("path", problem))?;
        let (by, glob, name) = match self.name.as_deref() {
            None => ("", String::new(), String::new()),
            Some(path) if path.contains('/') => {
                let path = path.trim_start_matches('/');
                ("-path", format!("**/{path}"), format!("*/{path}"))
            }
            Some(name) => ("-name", name.to_owned(), name.to_owned()),
        };
        let (pattern, glob, name) = (quote(&self.pattern), quote(&glob), quote(&name));
        let (context, case) = (self.context(), if self.ignore_case { "-i" } else { "" });
        Ok(format!(
            "token={token} file={file}\nset -- {pattern} {context} '{case}' '{by}' {glob} {name}\n{SCRIPT}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_argument_becomes_syntax_or_an_option() {
        let query = SearchQuery {
            path: "/srv/$(id)".into(),
            pattern: "-e 'x".into(),
            name: Some("*.{c,h} ;".into()),
            ignore_case: true,
            ..SearchQuery::default()
        };
        let script = query.script("T").unwrap();
        let head = "token=T file='/srv/$(id)'\nset -- '-e '\\''x' 0 '-i' '-name' '*.{c,h} ;' '*.{c,h} ;'\n";
        assert_eq!(script.strip_suffix(SCRIPT), Some(head));
        let line = format!("sh -c {}", quote(&script));
        assert!(line.len() < 8000, "{}: one round trip", line.len());
    }
}
