//! Files on servers: reading, listing and searching them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::call::Start;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Call, Parameters, Quantity, Switch, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::file_query::{FileQuery, ListQuery, ReadQuery, SearchQuery, SortKey};
use crate::fleet::TargetExpression;
use crate::guard::Access;
use crate::job::OutputView;
use crate::job::kind::file_query::FileLookup;
use crate::reply::Reply;

/// More than any answer of these tools has: they keep within their bounds themselves.
const WHOLE: usize = 1024 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ReadFile {
    /// Server alias.
    alias: TargetExpression,
    /// Path on the server; ~/ is the home directory.
    path: String,
    /// First line.
    from: Option<Quantity>,
    /// Most lines.
    lines: Option<Quantity>,
    /// Only lines that match (grep -E), numbered, with context.
    around: Option<String>,
    /// Lines before and after a match.
    context: Option<Quantity>,
    /// Only so many last lines.
    tail: Option<Quantity>,
    /// Number the lines.
    #[serde(default)]
    numbers: Switch,
    /// Hash a file of over 64 MiB, too.
    #[serde(default)]
    hash: Switch,
    /// Most bytes of output. Default 8192.
    max_bytes: Option<Quantity>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListFiles {
    /// Server alias.
    alias: TargetExpression,
    /// Path on the server; ~/ is the home directory.
    path: String,
    /// Levels below it. Default 1.
    depth: Option<Quantity>,
    /// Names, as *.conf; or paths, as */*.conf.
    #[serde(rename = "match")]
    pattern: Option<String>,
    sort: Option<SortKey>,
    /// Most entries. Default 200.
    limit: Option<Quantity>,
    /// Measure directories.
    #[serde(default)]
    sizes: Switch,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SearchFiles {
    /// Server alias.
    alias: TargetExpression,
    /// Path on the server; ~/ is the home directory.
    path: String,
    /// Regular expression, for a line.
    pattern: String,
    /// Names, as *.conf; or paths, as */*.conf.
    #[serde(rename = "match")]
    name: Option<String>,
    /// Lines before and after a match.
    context: Option<Quantity>,
    /// Most lines. Default 100.
    limit: Option<Quantity>,
    /// Ignore case.
    #[serde(default)]
    ignore_case: Switch,
}

fn number(quantity: Option<Quantity>) -> Option<u64> {
    quantity.map(|quantity| quantity.0 as u64)
}

impl App {
    /// Puts a question about files to one server or several in a job, and replies with what came of it.
    async fn look_up(
        &self,
        call: &Call,
        servers: &TargetExpression,
        query: FileQuery,
    ) -> Result<Reply, Error> {
        query.check()?;
        let servers = self.targets(servers)?;
        let whole = servers.is_single().then_some(WHOLE);
        let view = OutputView {
            most: whole,
            ..OutputView::default()
        };
        let start = Start::of(FileLookup(query), None);
        self.run(call, servers, start, WaitFor::Completion, &view)
            .await
    }
}

#[tool_router(router = file_tools, vis = "pub(super)")]
impl App {
    /// Read a text file on a server, of any size: size, lines, mode, owner, time, SHA-256, and the lines asked for.
    #[tool(title = "Read a file", meta = declare(Access::ReadsServer, Toolset::Files).elevated())]
    async fn file_read(
        &self,
        Parameters(read): Parameters<ReadFile>,
        call: Call,
    ) -> Result<Reply, Error> {
        let query = ReadQuery {
            path: read.path,
            from: number(read.from),
            lines: number(read.lines),
            around: read.around,
            context: number(read.context),
            tail: number(read.tail),
            numbers: read.numbers.0,
            hash: read.hash.0,
            max_bytes: number(read.max_bytes),
        };
        let question = FileQuery::Read(query);
        self.look_up(&call, &read.alias, question).await
    }

    /// List a directory on a server: mode, owner, size, time, name, and where links lead.
    #[tool(title = "List files", meta = declare(Access::ReadsServer, Toolset::Files).elevated())]
    async fn file_list(
        &self,
        Parameters(list): Parameters<ListFiles>,
        call: Call,
    ) -> Result<Reply, Error> {
        let query = ListQuery {
            path: list.path,
            depth: number(list.depth),
            pattern: list.pattern,
            sort: list.sort,
            limit: number(list.limit),
            sizes: list.sizes.0,
        };
        let question = FileQuery::List(query);
        self.look_up(&call, &list.alias, question).await
    }

    /// Search the text files of a directory on a server: by rg where it has that, else by grep -E.
    #[tool(title = "Search files", meta = declare(Access::ReadsServer, Toolset::Files).elevated())]
    async fn file_search(
        &self,
        Parameters(search): Parameters<SearchFiles>,
        call: Call,
    ) -> Result<Reply, Error> {
        let query = SearchQuery {
            path: search.path,
            pattern: search.pattern,
            name: search.name,
            context: number(search.context),
            limit: number(search.limit),
            ignore_case: search.ignore_case.0,
        };
        let question = FileQuery::Search(query);
        self.look_up(&call, &search.alias, question).await
    }
}
