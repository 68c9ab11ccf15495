//! The questions of file tools to servers.

use serde::{Deserialize, Serialize};

use super::context::QueryContext;
use super::list::ListQuery;
use super::read::ReadQuery;
use super::report::FileReport;
use crate::error::Error;
use crate::sftp::RemoteFiles;

/// A question, named after the tool that asks it. Its script gets nothing from the caller but its arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tool", content = "arguments", rename_all = "snake_case")]
pub enum FileQuery {
    /// A part of a file.
    FileRead(ReadQuery),
    /// The entries of a directory or a tree.
    FileList(ListQuery),
}

impl FileQuery {
    /// The fields of a serialised question.
    pub const FIELDS: [&str; 2] = ["tool", "arguments"];

    /// The tool that asks it.
    pub fn tool(&self) -> &'static str {
        match self {
            Self::FileRead(_) => "file_read",
            Self::FileList(_) => "file_list",
        }
    }

    /// The path that it is about.
    pub fn path(&self) -> &str {
        match self {
            Self::FileRead(query) => &query.path,
            Self::FileList(query) => &query.path,
        }
    }

    /// Refuses arguments that are wrong.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::FileRead(query) => query.check(),
            Self::FileList(query) => query.check(),
        }
    }

    /// The texts in it.
    pub fn texts(&mut self) -> Vec<&mut String> {
        let (path, pattern) = match self {
            Self::FileRead(query) => (&mut query.path, &mut query.around),
            Self::FileList(query) => (&mut query.path, &mut query.pattern),
        };
        [path].into_iter().chain(pattern).collect()
    }

    /// The script that asks it; each part of its answer begins with the token. There is none for a question that
    /// SFTP answers better.
    pub fn script(&self, token: &str) -> Result<Option<String>, Error> {
        match self {
            Self::FileRead(query) => query.script(token).map(Some),
            Self::FileList(_) => Ok(None),
        }
    }

    /// Reads the answer of the script; `None` if it is none.
    pub fn parse(
        &self,
        answer: &[u8],
        token: &str,
        context: QueryContext<'_>,
    ) -> Option<Result<FileReport, Error>> {
        match self {
            Self::FileRead(query) => query.parse(answer, token, context),
            Self::FileList(_) => None,
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
            Self::FileRead(query) => query.ask_over_sftp(files, context, mask).await,
            Self::FileList(query) => query.ask_over_sftp(files, context).await,
        }
    }
}
