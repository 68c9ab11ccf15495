//! Diagnostics of this program: its log, its connections, its state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::data::{fields, words};
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Json, Nothing, Parameters, Quantity};
use crate::app::App;
use crate::config::{Config, SettingOrigin};
use crate::error::Error;
use crate::guard::Access;
use crate::job::QueueStats;
use crate::live_shell::ShellReport;
use crate::logging::LogLine;
use crate::ssh::PoolStats;
use crate::text::{beginning, table};
use crate::time::{brief, millis};

/// The most errors and warnings that a diagnosis shows.
const LAST_ERRORS: usize = 50;
/// The bytes of a message that are shown.
const LONGEST_MESSAGE: usize = 500;

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
    /// Only lines with this text.
    search: Option<String>,
    /// Most lines.
    #[serde(default)]
    #[schemars(extend("type" = "number"))]
    limit: Quantity<50>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Diagnose {
    /// Also settings, connections and last errors.
    #[serde(default)]
    verbose: bool,
}

/// The last lines of the log, oldest first.
#[derive(Serialize, JsonSchema)]
struct LogLines {
    logs: Vec<LogLine>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Diagnosis {
    queue: QueueStats,
    pool: PoolStats,
    /// The servers: their addresses, or all of their entries if asked for.
    servers: Map<String, Value>,
    crashed_jobs: usize,
    version: &'static str,
    data_dir: PathBuf,
    uptime_ms: u64,
    warnings: Vec<String>,
    /// The origin of each setting, by variable; defaults are left out unless asked for.
    #[schemars(with = "BTreeMap<String, String>")]
    origins: BTreeMap<&'static str, SettingOrigin>,
    /// The names of data files that were found broken and set aside.
    set_aside: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<LogLine>>,
}

/// The connections of commands, and the shells, which have connections of their own.
#[derive(Serialize, JsonSchema)]
struct OpenConnections {
    #[serde(flatten)]
    pool: PoolStats,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    shells: Vec<ShellReport>,
}

impl OpenConnections {
    fn text(&self) -> String {
        let shells = self.shells.iter().map(ShellReport::text);
        let lines: Vec<_> = std::iter::once(self.pool.text()).chain(shells).collect();
        lines.join("\n")
    }
}

impl LogLines {
    /// The last `limit` of these lines, each with the beginning of its message.
    fn of(mut lines: Vec<LogLine>, limit: usize) -> Self {
        let mut logs = lines.split_off(lines.len().saturating_sub(limit));
        for line in &mut logs {
            line.message = beginning(&line.message, LONGEST_MESSAGE).into_owned();
        }
        Self { logs }
    }

    fn text(&self) -> String {
        text_of_log(&self.logs)
    }
}

fn text_of_log(lines: &[LogLine]) -> String {
    if lines.is_empty() {
        return "no such line in the log".to_owned();
    }
    let row = |line: &LogLine| {
        let level = line.level.to_owned();
        [line.timestamp.to_string(), level, line.message.clone()]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    table(&rows)
}

impl Diagnosis {
    fn text(&self) -> String {
        let uptime = brief(Duration::from_millis(self.uptime_ms));
        let mut lines = vec![
            format!(
                "version {}, up {uptime}, data in {}",
                self.version,
                self.data_dir.display()
            ),
            self.queue.text(),
            self.pool.text(),
            format!("servers: {}", words(&self.servers)),
        ];
        lines.extend(
            self.warnings
                .iter()
                .map(|warning| format!("warning: {warning}")),
        );
        lines.extend(
            self.set_aside
                .iter()
                .map(|name| format!("set aside: {name}")),
        );
        let origins = self.origins.iter();
        let set = origins.filter(|(_, origin)| **origin != SettingOrigin::Default);
        lines.extend(set.map(|(name, origin)| format!("{name} from {origin}")));
        let settings = self.settings.iter();
        lines.extend(settings.map(|settings| format!("settings: {}", words(settings))));
        let errors = self.errors.iter();
        lines.extend(errors.map(|errors| text_of_log(errors)));
        lines.join("\n")
    }
}

#[tool_router(router = admin_tools, vis = "pub(super)")]
impl App {
    /// Show the orchestrator's own log, oldest first.
    #[tool(title = "Show the log", meta = declare(Access::ReadsHere, Toolset::Admin))]
    async fn task_logs(
        &self,
        Parameters(wanted): Parameters<ShowLog>,
    ) -> Result<Json<LogLines>, Error> {
        let search = wanted.search.map(|search| search.to_lowercase());
        let mut lines = self.log().lines();
        lines.retain(|line| {
            wanted.level.is_none_or(|level| line.level == level.name())
                && search
                    .as_ref()
                    .is_none_or(|search| line.message.to_lowercase().contains(search))
        });
        let lines = LogLines::of(lines, wanted.limit.0);
        Json::new(lines.text(), &lines)
    }

    /// Show the SSH connections, and the shells that are open.
    #[tool(title = "Connection pool", meta = declare(Access::ReadsHere, Toolset::Admin))]
    async fn pool_stats(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Json<OpenConnections>, Error> {
        let open = OpenConnections {
            pool: self.pool().stats(),
            shells: self.shells().list(),
        };
        Json::new(open.text(), &open)
    }

    /// Show the state of the whole: queue, pool, servers, warnings.
    #[tool(title = "Diagnose the orchestrator", meta = declare(Access::ReadsHere, Toolset::Admin))]
    async fn system_diagnostics(
        &self,
        Parameters(Diagnose { verbose }): Parameters<Diagnose>,
    ) -> Result<Json<Diagnosis>, Error> {
        let queue = self.jobs().queue().stats().await?;
        let mut pool = self.pool().stats();
        if !verbose {
            pool.by_server
                .values_mut()
                .for_each(|server| server.connections.clear());
        }
        let diagnosis = Diagnosis {
            crashed_jobs: queue.crashed,
            queue,
            pool,
            servers: self.diagnosed_servers(verbose)?,
            version: env!("CARGO_PKG_VERSION"),
            data_dir: self.config().data_dir.clone(),
            uptime_ms: millis(self.uptime()),
            warnings: self.warnings(),
            origins: self.origins(verbose),
            set_aside: self.data().set_aside(),
            settings: verbose.then(|| self.config().shown()),
            errors: verbose.then(|| self.last_errors()),
        };
        Json::new(diagnosis.text(), &diagnosis)
    }

    /// The servers by alias: what may be shown of them, or their addresses alone.
    fn diagnosed_servers(&self, verbose: bool) -> Result<Map<String, Value>, Error> {
        if verbose {
            return Ok(fields(&self.shown_servers()?));
        }
        let servers = self.servers().list()?;
        let addresses = servers.into_iter();
        Ok(addresses
            .map(|(alias, server)| (alias, server.endpoint().into()))
            .collect())
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
        LogLines::of(lines, LAST_ERRORS).logs
    }
}
