//! A question about a part of a file.

use serde::{Deserialize, Serialize};

use super::content::FileContent;
use super::context::QueryContext;
use super::parts::{content, parts, words};
use super::problem::refusal;
use super::report::FileReport;
use crate::error::Error;
use crate::sftp::spelling;
use crate::shell::quote;

const SCRIPT: &str = concat!(
    include_str!("../ssh/scripts/sum.sh"),
    include_str!("open.sh"),
    include_str!("read.sh")
);

/// Bytes of text that an answer shows, unless asked for otherwise.
const BUDGET: usize = 8 * 1024;
/// The most that it shows. What a server sends is held in memory whole up to there.
const LARGEST_BUDGET: usize = 96 * 1024;
/// Lines around a match, unless asked for otherwise.
const CONTEXT: u64 = 3;
/// The most lines around a match.
const WIDEST_CONTEXT: u64 = 1000;

/// Asks for a part of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadQuery {
    /// The path on the server.
    pub path: String,
    /// The first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Most lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// A regular expression: only lines that match, and those around them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<String>,
    /// Lines before and after a match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// Only so many last lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u64>,
    /// True to number the lines.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numbers: bool,
    /// True to hash a file of any length.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hash: bool,
    /// Most bytes of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

impl ReadQuery {
    /// Refuses arguments that contradict each other.
    pub fn check(&self) -> Result<(), Error> {
        spelling::shell_word(&self.path).map_err(|problem| Error::invalid("path", problem))?;
        if self.tail.is_some() && (self.around.is_some() || self.from.is_some()) {
            let problem = "goes with neither `from` nor `around`";
            return Err(Error::invalid("tail", problem));
        }
        if self.context.is_some() && self.around.is_none() {
            return Err(Error::invalid("context", "goes with `around` only"));
        }
        if self.around.as_deref() == Some("") {
            return Err(Error::invalid("around", "is empty"));
        }
        Ok(())
    }

    /// The script that asks it.
    pub(super) fn script(&self, token: &str) -> Result<String, Error> {
        let file = spelling::shell_word(&self.path);
        let file = file.map_err(|problem| Error::invalid("path", problem))?;
        let (mode, first) = match (&self.around, self.tail) {
            (Some(_), _) => ("around", self.first()),
            (None, Some(tail)) => ("tail", tail.max(1)),
            (None, None) => ("lines", self.first()),
        };
        let hash = if self.hash { "always" } else { "auto" };
        let (most, lines) = (self.most_bytes(), self.most_lines());
        let around = quote(self.around.as_deref().unwrap_or_default());
        let context = self.context();
        Ok(format!(
            "token={token} file={file}\nset -- {hash} {most} {mode} {first} {lines} {around} {context}\n{SCRIPT}"
        ))
    }

    /// The first line.
    pub(super) fn first(&self) -> u64 {
        self.from.unwrap_or(1).max(1)
    }

    /// Lines around a match.
    pub(super) fn context(&self) -> u64 {
        self.context.unwrap_or(CONTEXT).min(WIDEST_CONTEXT)
    }

    /// Bytes of text that are shown.
    pub(super) fn budget(&self) -> usize {
        let most = self.max_bytes.unwrap_or(BUDGET as u64);
        usize::try_from(most).map_or(LARGEST_BUDGET, |most| most.clamp(1, LARGEST_BUDGET))
    }

    /// Bytes of text that are read: more than are shown, so that it is seen whether there are more.
    pub(super) fn most_bytes(&self) -> u64 {
        self.budget() as u64 + 1
    }

    /// Lines that are read. Each has a byte at least.
    pub(super) fn most_lines(&self) -> u64 {
        self.lines.unwrap_or(u64::MAX).clamp(1, self.most_bytes())
    }

    /// Reads the answer of the script; `None` if it is none.
    pub(super) fn parse(
        &self,
        answer: &[u8],
        token: &str,
        context: QueryContext<'_>,
    ) -> Option<Result<FileReport, Error>> {
        let parts = parts(answer, token);
        if let Some(words) = words(&parts, "no") {
            return Some(Err(refusal(words, &self.path, "around")));
        }
        content(&parts, "end")?;
        let file = FileContent::of(&parts, context.charset)?;
        Some(self.report(&file, context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_argument_becomes_syntax_or_an_option() {
        let query = ReadQuery {
            path: "~/a'; b".into(),
            around: Some("-e $(id)'".into()),
            max_bytes: Some(u64::MAX),
            ..ReadQuery::default()
        };
        let script = query.script("T").unwrap();
        let head = "token=T file=\"$HOME\"/'a'\\''; b'\nset -- auto 98305 around 1 98305 '-e $(id)'\\''' 3\n";
        assert_eq!(script.strip_suffix(SCRIPT), Some(head));
        let line = format!("sh -c {}", quote(&script));
        assert!(line.len() < 8000, "{}: one round trip", line.len());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let path = || "/x".to_owned();
        let queries = [
            ReadQuery {
                path: path(),
                tail: Some(5),
                from: Some(1),
                ..ReadQuery::default()
            },
            ReadQuery {
                path: path(),
                context: Some(5),
                ..ReadQuery::default()
            },
            ReadQuery {
                path: path(),
                around: Some(String::new()),
                ..ReadQuery::default()
            },
            ReadQuery::default(),
        ];
        for query in queries {
            assert!(query.check().is_err(), "{query:?}");
        }
    }
}
