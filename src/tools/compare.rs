//! Comparisons of files and trees.

use schemars::JsonSchema;
use serde::Deserialize;

use super::call::Start;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Call, Parameters, Switch, WaitFor};
use crate::app::App;
use crate::compare::on_each;
use crate::error::Error;
use crate::fleet::Targets;
use crate::guard::Access;
use crate::job::OutputView;
use crate::job::kind::compare::Compare;
use crate::reply::Reply;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CompareArguments {
    /// Two or more, as alias:/path, also tag:web:/path; local:/path is here.
    sources: Vec<String>,
    /// Gitignore patterns to leave out.
    ignore: Option<Vec<String>>,
    /// Show the lines that differ.
    #[serde(default)]
    diff: Switch,
}

#[tool_router(router = compare_tools, vis = "pub(super)")]
impl App {
    /// Compare files or directories of servers: contents, modes, owners. The majority is the reference.
    #[tool(title = "Compare files or directories", meta = declare(Access::ReadsServer, Toolset::Files))]
    async fn compare(
        &self,
        Parameters(arguments): Parameters<CompareArguments>,
        call: Call,
    ) -> Result<Reply, Error> {
        let mut sources = Vec::new();
        for source in &arguments.sources {
            sources.extend(on_each(source, self.servers())?);
        }
        let comparison = Compare {
            sources,
            ignore: arguments.ignore.unwrap_or_default(),
            diff: arguments.diff.0,
        };
        let alias = comparison.alias()?;
        let (servers, start) = (Targets::single(&alias), Start::of(comparison, None));
        self.run(
            &call,
            servers,
            start,
            WaitFor::Completion,
            &OutputView::default(),
        )
        .await
    }
}
