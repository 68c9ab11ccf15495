//! Diagnostics of this program: its log, its connections, its state.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::declared::{self as rmcp, AnyObject, Toolset, declare, tool, tool_router};
use super::{Nothing, Parameters, Quantity};
use crate::app::App;
use crate::config::{Config, SettingOrigin};
use crate::error::Error;
use crate::guard::Access;
use crate::job::{JobId, QueueStats};
use crate::logging::LogLine;
use crate::reply::Reply;
use crate::ssh::PoolStats;
use crate::store::servers::ServerView;
use crate::time::millis;

/// The most errors and warnings that a diagnosis shows.
const LAST_ERRORS: usize = 50;

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShowLog {
    /// Only lines of this level.
    level: Option<Level>,
    /// Only lines with this text, in any case.
    search: Option<String>,
    /// Most lines.
    #[serde(default)]
    limit: Quantity<50>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Diagnose {
    /// Also settings, connections and last errors.
    #[serde(default)]
    verbose: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Diagnosis {
    queue: QueueStats,
    pool: PoolStats,
    servers: IndexMap<String, ServerView>,
    crashed_jobs: usize,
    can_retry: Vec<JobId>,
    version: &'static str,
    data_dir: PathBuf,
    uptime_ms: u64,
    warnings: Vec<String>,
    /// The origin of each setting, by variable; defaults are left out unless asked for.
    origins: BTreeMap<&'static str, SettingOrigin>,
    /// The names of data files that were found broken and set aside.
    set_aside: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<LogLine>>,
}

#[tool_router(router = admin_tools, vis = "pub(super)")]
impl App {
    /// Show the orchestrator's own log, oldest first.
    #[tool(title = "Show the log", meta = declare(Access::ReadsHere, Toolset::Admin).returns::<AnyObject>())]
    async fn task_logs(&self, Parameters(logs): Parameters<ShowLog>) -> Result<Reply, Error> {
        let search = logs.search.map(|search| search.to_lowercase());
        let mut lines = self.log().lines();
        lines.retain(|line| {
            logs.level.is_none_or(|level| line.level == level.name())
                && search
                    .as_ref()
                    .is_none_or(|search| line.message.to_lowercase().contains(search))
        });
        Reply::list("logs", &&lines[lines.len().saturating_sub(logs.limit.0)..])
    }

    /// Show the SSH connections.
    #[tool(title = "Connection pool", meta = declare(Access::ReadsHere, Toolset::Admin).returns::<AnyObject>())]
    async fn pool_stats(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Reply, Error> {
        Reply::json(&self.pool().stats())
    }

    /// Show the state of the whole: queue, pool, servers, warnings.
    #[tool(title = "Diagnose the orchestrator", meta = declare(Access::ReadsHere, Toolset::Admin).returns::<AnyObject>())]
    async fn system_diagnostics(
        &self,
        Parameters(Diagnose { verbose }): Parameters<Diagnose>,
    ) -> Result<Reply, Error> {
        let queue = self.jobs().queue().stats().await?;
        let mut pool = self.pool().stats();
        if !verbose {
            pool.by_server
                .values_mut()
                .for_each(|server| server.connections.clear());
        }
        Reply::json(&Diagnosis {
            crashed_jobs: queue.crashed,
            can_retry: queue.can_retry.clone(),
            queue,
            pool,
            servers: self.shown_servers()?,
            version: env!("CARGO_PKG_VERSION"),
            data_dir: self.config().data_dir.clone(),
            uptime_ms: millis(self.uptime()),
            warnings: self.warnings(),
            origins: self.origins(verbose),
            set_aside: self.data().set_aside(),
            settings: verbose.then(|| self.config().shown()),
            errors: verbose.then(|| self.last_errors()),
        })
    }

    fn warnings(&self) -> Vec<String> {
        let Config {
            warnings, ignored, ..
        } = self.config();
        let settings = warnings.iter().chain(ignored).cloned();
        settings.chain(self.guard().policies().problem()).collect()
    }

    fn origins(&self, with_defaults: bool) -> BTreeMap<&'static str, SettingOrigin> {
        let mut origins = self.config().origins.clone();
        origins.retain(|_, origin| with_defaults || *origin != SettingOrigin::Default);
        origins
    }

    fn last_errors(&self) -> Vec<LogLine> {
        let mut lines = self.log().lines();
        lines.retain(|line| matches!(line.level, "error" | "warn"));
        lines.split_off(lines.len().saturating_sub(LAST_ERRORS))
    }
}
