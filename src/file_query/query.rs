//! The questions of file tools to servers.

use serde::{Deserialize, Serialize};

use super::context::QueryContext;
use super::list::ListQuery;
use super::read::ReadQuery;
use super::report::FileReport;
use super::search::SearchQuery;
use crate::error::Error;
use crate::sftp::RemoteFiles;
use crate::ssh::Bound;

/// A question, named after the tool that asks it. Its script gets nothing from the caller but its arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tool", content = "arguments")]
pub enum FileQuery {
    /// A part of a file.
    #[serde(rename = "file_read")]
    Read(ReadQuery),
    /// The entries of a directory or a tree.
    #[serde(rename = "file_list")]
    List(ListQuery),
    /// The lines of files that match a pattern.
    #[serde(rename = "file_search")]
    Search(SearchQuery),
}

impl FileQuery {
    /// The fields of a serialised question.
    pub const FIELDS: [&str; 2] = ["tool", "arguments"];

    /// The tool that asks it.
    pub fn tool(&self) -> &'static str {
        match self {
            Self::Read(_) => "file_read",
            Self::List(_) => "file_list",
            Self::Search(_) => "file_search",
        }
    }

    /// The path that it is about.
    pub fn path(&self) -> &str {
        match self {
            Self::Read(query) => &query.path,
            Self::List(query) => &query.path,
            Self::Search(query) => &query.path,
        }
    }

    /// Refuses arguments that are wrong.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Read(query) => query.check(),
            Self::List(query) => query.check(),
            Self::Search(query) => query.check(),
        }
    }

    /// The texts in it.
    pub fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Read(ReadQuery {
                path, around: text, ..
            })
            | Self::List(ListQuery {
                path,
                pattern: text,
                ..
            }) => [path].into_iter().chain(text).collect(),
            Self::Search(query) => {
                let SearchQuery {
                    path,
                    pattern,
                    name,
                    ..
                } = query;
                [path, pattern].into_iter().chain(name).collect()
            }
        }
    }

    /// The script that asks it; each part of its answer begins with the token. There is none for a question that
    /// SFTP answers better.
    pub fn script(&self, token: &str) -> Result<Option<String>, Error> {
        match self {
            Self::Read(query) => query.script(token).map(Some),
            Self::List(_) => Ok(None),
            Self::Search(query) => query.script(token).map(Some),
        }
    }

    /// The most that is taken of the script's answer.
    pub fn bound(&self) -> Bound {
        match self {
            Self::Read(_) | Self::List(_) => Bound::default(),
            Self::Search(query) => query.bound(),
        }
    }

    /// Reads the answer of the script, with what it wrote to standard error; `None` if it is none.
    pub fn parse(
        &self,
        answer: &[u8],
        complaints: &str,
        token: &str,
        context: QueryContext<'_>,
    ) -> Option<Result<FileReport, Error>> {
        match self {
            Self::Read(query) => query.parse(answer, token, context),
            Self::List(_) => None,
            Self::Search(query) => query.parse(answer, complaints, token, context),
        }
    }

    /// Asks it over SFTP. `mask` replaces the secrets in bytes of files.
    pub async fn ask_over_sftp(
        &self,
        files: &RemoteFiles<'_>,
        context: QueryContext<'_>,
        mask: impl Fn(Vec<u8>) -> Vec<u8> + Send,
    ) -> Result<FileReport, Error> {
        match self {
            Self::Read(query) => query.ask_over_sftp(files, context, mask).await,
            Self::List(query) => query.ask_over_sftp(files, context).await,
            Self::Search(query) => query.ask_over_sftp(files, context, mask).await,
        }
    }
}
